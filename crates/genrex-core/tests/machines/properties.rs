//! What must hold whatever the wire does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genrex_core::sign::{SIGNATURE_HEADER, SignatureHeader, UnixMillis, Verifier};
use genrex_core::testing::{Reply, ScriptedTransport, keys};
use genrex_core::{Pace, Submission, TransportErrorKind as Kind, block_on};
use proptest::prelude::*;

use crate::support::{
    ACCEPTED, FAILED, LINKLESS, PROCESSING, client, is_submit, ready, request, settings,
};

/// What a request may meet.
#[derive(Debug, Clone)]
enum Fate {
    Fails(Kind),
    Status(u16, Option<u32>),
    /// A success, cut after so many bytes.
    Cut(usize),
    Body(&'static str),
    Ready,
    /// A refusal by a clock that is off by so many seconds.
    Skewed(i64),
}

impl Fate {
    fn reply(&self) -> Reply {
        match self {
            Self::Fails(kind) => Reply::fails(*kind),
            Self::Status(status, None) => Reply::json(*status, r#"{"message":"no"}"#),
            Self::Status(status, Some(after)) => {
                Reply::json(*status, "").header("retry-after", &after.to_string())
            }
            Self::Cut(at) => {
                let body = &ACCEPTED[..(*at).min(ACCEPTED.len())];
                Reply::json(200, body).then_breaks(Kind::Closed)
            }
            Self::Body(body) => Reply::json(200, *body),
            Self::Ready => ready(),
            Self::Skewed(by) => {
                let minute = 6 + by.rem_euclid(50);
                Reply::json(401, "")
                    .header("date", &format!("Wed, 05 Jun 2024 08:{minute:02}:25 GMT"))
            }
        }
    }

    /// Whether a submit that met this may have been charged.
    fn may_charge(&self) -> bool {
        match self {
            Self::Fails(kind) => kind.may_have_left(),
            Self::Status(status, _) => {
                matches!(status, 200..=399 | 408 | 409 | 418 | 423 | 424 | 444 | 499 | 500..)
            }
            Self::Cut(_) | Self::Body(_) | Self::Ready => true,
            Self::Skewed(_) => false,
        }
    }
}

fn fates() -> impl Strategy<Value = (Fate, Duration)> {
    let kinds = prop::sample::select(vec![
        Kind::Resolve,
        Kind::Connect,
        Kind::ConnectTimeout,
        Kind::Tls,
        Kind::Certificate,
        Kind::Timeout,
        Kind::Closed,
        Kind::Malformed,
        Kind::Other,
    ]);
    let statuses = prop::sample::select(vec![
        204, 301, 307, 400, 401, 402, 403, 404, 408, 409, 410, 418, 422, 423, 424, 425, 429, 429,
        429, 444, 499, 500, 502, 503, 504, 599,
    ]);
    let bodies = prop::sample::select(vec![
        ACCEPTED, PROCESSING, FAILED, LINKLESS, "", "<html>", "{}", "[]", "null",
    ]);
    let fate = prop_oneof![
        3 => kinds.prop_map(Fate::Fails),
        4 => (statuses, prop::option::of(0_u32..400)).prop_map(|(status, after)| Fate::Status(status, after)),
        1 => (0_usize..60).prop_map(Fate::Cut),
        4 => bodies.prop_map(Fate::Body),
        1 => Just(Fate::Ready),
        1 => (0_i64..50).prop_map(Fate::Skewed),
    ];
    (fate, (0_u64..70_000).prop_map(Duration::from_millis))
}

/// The end of every script: a job that is ready.
fn settled(submit: bool) -> Reply {
    if submit {
        Reply::json(201, ACCEPTED)
    } else {
        ready()
    }
}

fn paces() -> impl Strategy<Value = Pace> {
    prop_oneof![
        Just(Pace::Growing),
        (1_u64..60_000).prop_map(|millis| Pace::Fixed(Duration::from_millis(millis))),
    ]
}

/// Every request that leaves verifies, and `t` increases, but after a correction backwards.
fn verifies(
    wire: &ScriptedTransport,
    refused_at: impl Fn(usize) -> bool,
) -> Result<(), TestCaseError> {
    let verifier = Verifier::new(Duration::from_secs(48 * 3600));
    let mut last = 0;
    let mut refused_for_its_time = false;
    for (index, sent) in wire.sent().iter().enumerate() {
        let header = sent.header(SIGNATURE_HEADER);
        let now = UnixMillis::new(1_717_574_785_354);
        let verified = verifier.verify(keys().secret(), header, sent.request.body(), now);
        prop_assert!(verified.is_ok(), "{verified:?}");
        let t = header.parse::<SignatureHeader>().unwrap().timestamp().get();
        prop_assert!(t > last || refused_for_its_time, "{t} after {last}");
        last = t;
        refused_for_its_time = refused_at(index);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_the_wire_does(
        script in prop::collection::vec(fates(), 0..40),
        pace in paces(),
        limit in prop::option::of(1_u64..900),
        clock_off in -7_200_000_i64..7_200_000,
    ) {
        let mut fates = script.clone().into_iter();
        let charges = Arc::new(Mutex::new(Vec::new()));
        let ledger = Arc::clone(&charges);
        let wire = ScriptedTransport::answering(move |sent| {
            let submit = is_submit(sent);
            let Some((fate, latency)) = fates.next() else {
                if submit { ledger.lock().unwrap().push(true); }
                return settled(submit);
            };
            let times_out = latency >= sent.options.total_timeout;
            if submit { ledger.lock().unwrap().push(fate.may_charge() || times_out); }
            fate.reply().after(latency)
        })
        .with_clock_off_by(clock_off);
        let limit = limit.map(Duration::from_secs);
        let client = client(&wire).with_settings(settings(pace, limit));
        let submission = block_on(client.submit(&request()));
        let charges = charges.lock().unwrap().clone();

        // At most one submit may have been charged, and it was the last.
        prop_assert!(charges.iter().filter(|charged| **charged).count() <= 1, "{charges:?}");
        prop_assert!(charges[..charges.len().saturating_sub(1)].iter().all(|charged| !charged));
        // What is said of it is true.
        let charged = charges.last() == Some(&true);
        match &submission {
            Submission::Accepted(_) | Submission::Ambiguous(_) => prop_assert!(charged),
            Submission::Refused(_) | Submission::NotSent(_) => prop_assert!(!charged),
        }
        if let Submission::Accepted(job) = submission {
            match block_on(client.wait(&job)) {
                Ok(track) => prop_assert_eq!(track.id(), job.id()),
                Err(error) => prop_assert_eq!(error.query_id(), Some(job.id())),
            }
        }

        let refused_at = |index: usize| matches!(script.get(index), Some((Fate::Skewed(_), _)));
        verifies(&wire, refused_at)?;
        if let Some(limit) = limit {
            // No sleep of the submit crosses the deadline; the wait has one of its own after it.
            let end = limit + limit + Duration::from_secs(60);
            for (began, pause) in wire.slept() {
                prop_assert!(pause <= limit && began + pause <= end, "{began:?} {pause:?}");
            }
        }
    }

    #[test]
    fn one_deadline_covers_all_of_a_generate(
        script in prop::collection::vec(fates(), 0..40), pace in paces(), limit in 1_u64..900,
    ) {
        let mut fates = script.into_iter();
        let wire = ScriptedTransport::answering(move |sent| match fates.next() {
            Some((fate, latency)) => fate.reply().after(latency),
            None => settled(is_submit(sent)),
        });
        let limit = Duration::from_secs(limit);
        let client = client(&wire).with_settings(settings(pace, Some(limit)));
        let _ = block_on(client.generate(&request()));
        for (began, pause) in wire.slept() {
            prop_assert!(began + pause <= limit, "{began:?} + {pause:?} crosses {limit:?}");
        }
        // Only a submit on its way may outlast it, by its own minute.
        for sent in wire.sent() {
            prop_assert!(is_submit(&sent) || sent.at + sent.options.total_timeout <= limit);
        }
    }
}
