use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::testing::machines::{Asked, Unasked};
use genrex_core::{
    Body, Cancelled, Moment, Now, Route, SendOptions, Sink, Transport, TransportError,
    TransportErrorKind as Kind,
};
use http::Uri;

use super::script::Script;
use super::service::{self, Answer};

/// A world in which everything goes as its bytes say, and that knows what has happened in it.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

pub(super) struct State {
    pub(super) script: Script,
    moment: Duration,
    wall: u64,
    /// How much was done: what never ends is found by it.
    steps: u32,
    deadline: Duration,
    /// What became of each paid request that was sent.
    pub(super) paid: Vec<Fate>,
    /// The ids that stood whole in a success, as far as it was read.
    pub(super) ids: Vec<String>,
    jobs: u32,
    /// What was told of the answer that is being read.
    text: Vec<u8>,
    is_misled: bool,
    pub(super) was_misled: bool,
    pub(super) has_ledger_failed: bool,
    is_ledger_troubled: bool,
    pub(super) stored: Vec<u8>,
    pub(super) commits: u32,
    sink_fails: u8,
    pub(super) from: Vec<Uri>,
}

/// What became of a paid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It did not leave; whether it may be sent again.
    Unsent(bool),
    /// The service refused it; whether it may be sent again.
    Refused(bool),
    /// It may have been charged.
    Open,
}

/// When it all begins, by the wall clock in milliseconds.
const START: u64 = 1_717_574_785_354;

impl World {
    pub(super) fn new(mut script: Script) -> Self {
        let flags = script.byte();
        let sink_fails = script.byte();
        Self(Arc::new(Mutex::new(State {
            moment: Duration::ZERO,
            wall: script.of(&[START, START, START, START + 90_000_000, 0, u64::MAX]),
            script,
            steps: 0,
            deadline: Duration::MAX,
            paid: Vec::new(),
            ids: Vec::new(),
            jobs: 0,
            text: Vec::new(),
            is_misled: flags & 1 != 0,
            was_misled: false,
            has_ledger_failed: false,
            is_ledger_troubled: flags & 2 != 0,
            stored: Vec::new(),
            commits: 0,
            sink_fails: if flags & 4 != 0 { sink_fails } else { u8::MAX },
            from: Vec::new(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing has panicked")
    }

    /// An operation begins that has so long.
    pub(super) fn begin(&self, limit: Duration) {
        let mut state = self.state();
        state.deadline = state.moment + limit;
        state.steps = 0;
        state.paid.clear();
        state.ids.clear();
        state.stored.clear();
        state.commits = 0;
        state.has_ledger_failed = false;
        state.was_misled = false;
    }

    /// What is told in place of what came of a step.
    pub(super) fn unasked(&self, asked: Asked) -> Option<Unasked> {
        const CHOICES: [Unasked; 11] = [
            Unasked::Slept,
            Unasked::Stored,
            Unasked::Kept,
            Unasked::NotKept,
            Unasked::Cancelled,
            Unasked::StoreFailed,
            Unasked::End,
            Unasked::SendFailed,
            Unasked::ReadFailed,
            Unasked::Head(200),
            Unasked::Chunk(b"{\"id\":\"QRY_8\",\"status\":\"Completed\"}"),
        ];
        let mut state = self.state();
        if !state.is_misled || !state.script.once_in(16) {
            return None;
        }
        let unasked = state.script.of(&CHOICES);
        if asked.may_become(unasked) {
            return None;
        }
        state.was_misled = true;
        Some(unasked)
    }

    /// Whether the ledger fails now, and whether it did before what it was asked to do or after.
    pub(super) fn ledger_trouble(&self) -> Option<bool> {
        let mut state = self.state();
        state.step();
        if !state.is_ledger_troubled || !state.script.once_in(6) {
            return None;
        }
        state.has_ledger_failed = true;
        Some(state.script.once_in(2))
    }
}

impl State {
    /// More steps than any operation takes within its deadline.
    const MOST: u32 = 20_000;

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < Self::MOST, "it does not end");
    }

    fn pass(&mut self, time: Duration) {
        const HOUR: i64 = 3_600_000;
        self.moment = self.moment.saturating_add(time);
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.wall = self.wall.saturating_add(millis);
        if self.script.once_in(12) {
            let jump = self
                .script
                .of(&[1, -1, HOUR, -HOUR, 49 * HOUR, i64::MIN, i64::MAX]);
            self.wall = self.wall.saturating_add_signed(jump);
        }
    }

    fn now(&self) -> Now {
        Now::new(Moment::new(self.moment), UnixMillis::new(self.wall))
    }

    fn answer(&mut self, request: &http::Request<Bytes>) -> Answer {
        let seconds = i64::try_from((START / 1000) + self.moment.as_secs()).unwrap_or(i64::MAX);
        let path = request.uri().path().to_owned();
        let script = &mut self.script;
        if path.ends_with("/generateMusic") {
            self.jobs += 1;
            let id = format!("QRY_{}", self.jobs);
            service::answer(script, seconds, |_| {
                let body = format!(r#"{{"id":"{id}","status":"Processing"}}"#);
                (201, Vec::new(), body.into())
            })
        } else if path.ends_with("/getBalance") {
            let jobs = u64::from(self.jobs);
            service::answer(script, seconds, |script| balance(script, jobs))
        } else if path.ends_with("/retrieve") {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            let id = body.split('"').find(|word| word.starts_with("QRY_"));
            let id = id.unwrap_or("QRY_0").to_owned();
            service::answer(script, seconds, |script| service::job(script, &id))
        } else {
            let range = request.headers().get("range").map(|range| {
                let text = range.to_str().expect("it is text");
                let start = text
                    .strip_prefix("bytes=")
                    .and_then(|text| text.strip_suffix('-'));
                start.expect("a range").parse().expect("a number")
            });
            service::answer(script, seconds, |script| {
                service::storage(script, request.uri(), range)
            })
        }
    }

    /// Checks a request that is about to leave.
    fn leaves(&mut self, request: &http::Request<Bytes>, options: SendOptions) {
        let uri = request.uri();
        let is_signed = request.headers().contains_key("gx-signature");
        match options.route {
            Route::Asset => {
                assert!(!is_signed, "a signature goes to {uri}");
                assert!(!request.headers().contains_key("gx-key"));
                assert_eq!(uri.scheme_str(), Some("https"), "{uri}");
                assert!(
                    uri.host().is_some_and(|host| host.ends_with(".example")),
                    "{uri}"
                );
                self.from.push(uri.clone());
            }
            _ => {
                assert!(is_signed && uri.host() == Some("api.genrex.com"), "{uri}");
            }
        }
        if options.route == Route::Paid {
            if let Some(last) = self.paid.last() {
                let may_again = matches!(last, Fate::Unsent(true) | Fate::Refused(true));
                assert!(may_again, "it is sent again after {last:?}");
            }
            assert!(self.paid.len() < 12, "it is sent again and again");
        } else {
            let end = self.moment.saturating_add(options.total_timeout);
            assert!(end <= self.deadline, "a free request crosses the deadline");
        }
    }
}

/// What `getBalance` says.
fn balance(script: &mut Script, jobs: u64) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let used = match script.byte() % 8 {
        0..=4 => jobs * 10,
        5 => 0,
        6 => u64::from(script.byte()),
        _ => u64::MAX,
    };
    let user = script.of(&[
        r#","userId":"u""#,
        r#","userId":"u""#,
        r#","userId":"other""#,
        "",
    ]);
    let body = format!(
        r#"{{"totalCreditQuota":1000,"creditsUsed":{used},"updatedAt":"{used:08}"{user}}}"#
    );
    (200, Vec::new(), body.into())
}

fn fate(answer: &Answer) -> Fate {
    match answer {
        Answer::Fails(kind) => match kind {
            Kind::Resolve | Kind::Connect | Kind::ConnectTimeout | Kind::Tls | Kind::Request => {
                Fate::Unsent(true)
            }
            Kind::Certificate | Kind::ForbiddenAddress | Kind::Cancelled => Fate::Unsent(false),
            _ => Fate::Open,
        },
        Answer::Comes {
            status, headers, ..
        } => match status {
            425 | 429 => Fate::Refused(true),
            401 | 403 => Fate::Refused(headers.iter().any(|(name, _)| *name == "date")),
            400 | 402 | 404..=407 | 410..=417 | 421 | 422 | 426 | 428 | 431 | 451 => {
                Fate::Refused(false)
            }
            _ => Fate::Open,
        },
    }
}

#[async_trait]
impl Transport for World {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let mut state = self.state();
        state.step();
        state.leaves(&request, options);
        state.text.clear();
        let latency = state.script.delay();
        let is_paid = options.route == Route::Paid;
        let answer = if latency >= options.total_timeout {
            Answer::Fails(Kind::Timeout)
        } else {
            state.answer(&request)
        };
        state.pass(latency.min(options.total_timeout));
        if is_paid {
            state.paid.push(fate(&answer));
        }
        match answer {
            Answer::Fails(kind) => Err(TransportError::new(kind)),
            Answer::Comes {
                status,
                headers,
                chunks,
                breaks,
            } => {
                let mut head = http::Response::builder().status(status);
                for (name, value) in headers {
                    head = head.header(name, value);
                }
                let body: Box<dyn Body> = Box::new(Reading {
                    world: self.clone(),
                    chunks: chunks.into(),
                    breaks,
                    is_paid: is_paid && (200..300).contains(&status),
                });
                Ok(head.body(body).expect("it is an answer"))
            }
        }
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let mut state = self.state();
        state.step();
        let end = state.moment.saturating_add(duration);
        assert!(end <= state.deadline, "a sleep crosses the deadline");
        if state.script.once_in(40) {
            return Err(Cancelled);
        }
        let over = service::oversleeps(&mut state.script);
        state.pass(duration.saturating_add(over));
        Ok(())
    }

    fn now(&self) -> Now {
        self.state().now()
    }
}

struct Reading {
    world: World,
    chunks: VecDeque<Bytes>,
    breaks: Option<Kind>,
    is_paid: bool,
}

#[async_trait]
impl Body for Reading {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let mut state = self.world.state();
        state.step();
        let delay = state.script.delay();
        state.pass(delay.min(Duration::from_secs(5)));
        match (self.chunks.pop_front(), self.breaks) {
            (Some(chunk), _) => {
                if self.is_paid && state.text.len() < 1 << 16 {
                    state.text.extend(&chunk);
                    state.ids = whole_ids(&state.text);
                }
                Ok(Some(chunk))
            }
            (None, Some(kind)) => Err(TransportError::new(kind)),
            (None, None) => Ok(None),
        }
    }
}

/// The ids that stand whole in what was read.
fn whole_ids(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let after = text
        .match_indices("\"id\":\"QRY_")
        .map(|(at, _)| &text[at + 6..]);
    let whole = after.filter_map(|rest| rest.split_once('"').map(|(id, _)| id.to_owned()));
    whole.collect()
}

#[async_trait]
impl Sink for World {
    fn location(&self) -> Option<String> {
        Some(String::from("/music/1.wav"))
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let mut state = self.state();
        state.stores()?;
        state.stored.extend(bytes);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.stores()?;
        state.stored.clear();
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.stores()?;
        state.commits += 1;
        Ok(())
    }
}

impl State {
    fn stores(&mut self) -> io::Result<()> {
        self.step();
        assert_eq!(self.commits, 0, "it is changed after it was committed");
        match self.sink_fails.checked_sub(1) {
            Some(left) if self.sink_fails != u8::MAX => self.sink_fails = left,
            Some(_) => {}
            None => return Err(io::ErrorKind::StorageFull.into()),
        }
        Ok(())
    }
}
