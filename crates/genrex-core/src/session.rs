mod breaker;
mod budget;
mod clock;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{Alias, Credits};
use genrex_proto::Operation;
use genrex_sign::{KEY_HEADER, KeyPair, Payload, SIGNATURE_HEADER, UnixMillis};
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request};

use self::breaker::Breaker;
use self::budget::RetryBudget;
pub(crate) use self::clock::SigningClock;
use crate::pacing::Pacing;
use crate::settings::backoff::{Backoff, Jitter};
use crate::transport::{Moment, Now};
use crate::{BaseUrl, Error, ErrorKind};

pub(crate) const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("genrex/", env!("CARGO_PKG_VERSION")));

/// What all operations of one client share: where and as whom they call, and what they have learned.
pub(crate) struct Session {
    base: BaseUrl,
    keys: KeyPair,
    key_header: HeaderValue,
    learned: Mutex<Learned>,
    /// Apart, since to make a schedule takes longer than to look at a clock.
    pacing: Mutex<Pacing>,
}

struct Learned {
    clock: SigningClock,
    budget: RetryBudget,
    breaker: Breaker,
    paused_until: Option<Moment>,
    jitter: Jitter,
}

impl Session {
    pub(crate) fn new(base: BaseUrl, keys: KeyPair, seed: u64) -> Result<Self, Error> {
        let mut key_header = HeaderValue::from_str(keys.key().as_str()).map_err(|error| {
            Error::new(ErrorKind::Credentials, "the key fits no header").with_source(error)
        })?;
        key_header.set_sensitive(true);
        Ok(Self {
            base,
            keys,
            key_header,
            learned: Mutex::new(Learned {
                clock: SigningClock::default(),
                budget: RetryBudget::full(),
                breaker: Breaker::default(),
                paused_until: None,
                jitter: Jitter::seeded(seed),
            }),
            pacing: Mutex::default(),
        })
    }

    pub(crate) const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// How the ledger names the key at this origin.
    pub(crate) fn alias(&self) -> Alias {
        Alias::new(&self.base.origin(), self.keys.key().as_str())
    }

    /// A number that no other call of any client gets: the key of an intent.
    pub(crate) fn unique(&self) -> u128 {
        let jitter = &mut self.learned().jitter;
        (u128::from(jitter.next()) << 64) | u128::from(jitter.next())
    }

    /// Signs a request, now.
    pub(crate) fn sign<O: Operation>(
        &self,
        payload: &Payload,
        now: Now,
    ) -> Result<(Request<Bytes>, UnixMillis), Error> {
        let t = self.learned().clock.stamp(now);
        let signature = self.keys.secret().sign(t, payload).to_text();
        let built = HeaderValue::from_str(signature.as_str())
            .map_err(http::Error::from)
            .and_then(|mut signature| {
                signature.set_sensitive(true);
                Request::builder()
                    .method(Method::POST)
                    .uri(self.base.of::<O>())
                    .header(KEY_HEADER, self.key_header.clone())
                    .header(SIGNATURE_HEADER, signature)
                    .header(CONTENT_TYPE, "application/json")
                    .header(ACCEPT, "application/json")
                    .header(USER_AGENT, AGENT)
                    .body(payload.to_bytes())
            });
        let request = built.map_err(|error| {
            Error::new(ErrorKind::Configuration, "the request could not be built")
                .with_source(error)
        })?;
        Ok((request, t))
    }

    /// Learns the service's clock from a refusal; by how much it put the clock forward, if it was off.
    pub(crate) fn correct_clock(&self, date: i64, now: Now) -> Option<i64> {
        self.learned().clock.learn(date, now)
    }

    /// Whether the clock was corrected since a signature was made at `t`, so long before an answer of this `Date`.
    pub(crate) fn was_corrected(
        &self,
        date: i64,
        t: UnixMillis,
        elapsed: Duration,
        now: Now,
    ) -> bool {
        self.learned().clock.was_corrected(date, t, elapsed, now)
    }

    pub(crate) fn backoff(&self, backoff: Backoff, failures: u32) -> Duration {
        backoff.delay(failures, &mut self.learned().jitter)
    }

    pub(crate) fn take_retry(&self, after_timeout: bool) -> Option<u32> {
        self.learned().budget.take(after_timeout)
    }

    pub(crate) fn give_back_retry(&self, last_cost: Option<u32>) {
        self.learned().budget.give_back(last_cost);
    }

    /// Holds back every request of the client: the service said "later".
    pub(crate) fn pause(&self, until: Moment) {
        let mut learned = self.learned();
        learned.paused_until = learned.paused_until.max(Some(until));
    }

    /// Until when requests are held back; `None` means not at all.
    pub(crate) fn paused(&self, now: Moment) -> Option<Moment> {
        self.learned().paused_until.filter(|until| now < *until)
    }

    pub(crate) fn permit_poll(&self, now: Moment) -> Option<Moment> {
        self.learned().breaker.permit(now)
    }

    pub(crate) fn poll_failed(&self, now: Moment) {
        self.learned().breaker.failed(now);
    }

    pub(crate) fn poll_succeeded(&self) {
        self.learned().breaker.succeeded();
    }

    /// How long until a job is asked after, so long after it was accepted, by how long jobs of its duration took.
    pub(crate) fn learned_delay(&self, seconds: Option<u8>, elapsed: Duration) -> Duration {
        self.pacing().delay(seconds, elapsed)
    }

    /// Whether a ledger is to be asked how long jobs took.
    pub(crate) fn begin_recall(&self) -> bool {
        self.pacing().begin_recall()
    }

    /// What a ledger keeps of how long jobs took.
    pub(crate) fn recall(&self, credits: &Credits) {
        self.pacing().recall(credits);
    }

    /// A job that makes so many seconds of music was over between these two times after it was accepted.
    pub(crate) fn completed(&self, seconds: u8, after: Duration, by: Duration) {
        self.pacing().completed(seconds, after, by);
    }

    fn pacing(&self) -> MutexGuard<'_, Pacing> {
        self.pacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        // Each method leaves it whole, so a panic elsewhere has not harmed it.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("base", &self.base)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
