//! Whatever a machine is told, in whatever order, it ends and stays ended.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_sign::UnixMillis;
use proptest::prelude::*;

use crate::call::Terms;
use crate::download::Download;
use crate::job::allowance::Allowance;
use crate::machine::{Machine, Outcome, Step};
use crate::purchase::Purchase;
use crate::session::Session;
use crate::testing::keys;
use crate::transport::{Cancelled, Moment, Now, TransportError, TransportErrorKind};
use crate::wait::Wait;
use crate::{BaseUrl, Job, Settings, Track};

/// An outcome that a driver could be the cause of, or a broken one.
#[derive(Debug, Clone)]
enum Told {
    Head(u16),
    SendFailed,
    Chunk(&'static [u8]),
    End,
    ReadFailed,
    Slept,
    Cancelled,
    Stored,
    StoreFailed,
}

impl Told {
    fn outcome(&self) -> Outcome {
        let lost = || TransportError::new(TransportErrorKind::Closed);
        match self {
            Self::Head(status) => {
                let mut head = http::Response::new(());
                *head.status_mut() = http::StatusCode::from_u16(*status).unwrap();
                Outcome::Head(Box::new(head.into_parts().0))
            }
            Self::SendFailed => Outcome::SendFailed(lost()),
            Self::Chunk(bytes) => Outcome::Chunk(Bytes::from_static(bytes)),
            Self::End => Outcome::End,
            Self::ReadFailed => Outcome::ReadFailed(lost()),
            Self::Slept => Outcome::Slept,
            Self::Cancelled => Outcome::Cancelled(Cancelled),
            Self::Stored => Outcome::Stored,
            Self::StoreFailed => Outcome::StoreFailed(io::ErrorKind::StorageFull.into()),
        }
    }
}

const COMPLETED: &[u8] =
    br#"{"id":"QRY_1","status":"Completed","response":[{"content":{"url":"https://a.example/1"}}]}"#;

fn told() -> impl Strategy<Value = (Told, u64)> {
    let statuses = prop::sample::select(vec![
        200_u16, 201, 206, 302, 400, 401, 403, 404, 416, 429, 503,
    ]);
    let bodies = prop::sample::select(vec![
        COMPLETED,
        &br#"{"id":"QRY_1","status":"Processing"}"#[..],
        &br#"{"id":"QRY_1","status":"Failed"}"#[..],
        b"{",
        b"RIFF\x04\0\0\0WAVE",
        b"",
    ]);
    let event = prop_oneof![
        3 => statuses.prop_map(Told::Head),
        3 => bodies.prop_map(Told::Chunk),
        3 => Just(Told::End),
        3 => Just(Told::Slept),
        2 => Just(Told::Stored),
        1 => Just(Told::SendFailed),
        1 => Just(Told::ReadFailed),
        1 => Just(Told::StoreFailed),
        1 => Just(Told::Cancelled),
    ];
    (event, 0_u64..40_000)
}

/// Runs a machine on these events, and says after how many it was done; then goes on asking.
fn run<M: Machine>(mut machine: M, events: &[(Told, u64)]) -> Option<usize> {
    let mut millis = 0;
    let mut done = None;
    for (count, (told, later)) in events.iter().enumerate() {
        // Reports are not answered.
        let step = loop {
            match machine.next(now(millis)) {
                Step::Report(_) | Step::Expect(_) => {}
                step => break step,
            }
        };
        let is_done = matches!(step, Step::Done(_));
        assert!(
            done.is_none() || is_done,
            "{step_name} after it was done",
            step_name = name(&step)
        );
        if is_done && done.is_none() {
            done = Some(count);
        }
        millis += later;
        machine.receive(now(millis), told.outcome());
    }
    done
}

fn now(millis: u64) -> Now {
    Now {
        moment: Moment::new(Duration::from_millis(millis)),
        wall: UnixMillis::new(1_717_574_785_354 + millis),
    }
}

fn name<T>(step: &Step<T>) -> &'static str {
    match step {
        Step::Send(_) => "a send",
        Step::Read => "a read",
        Step::Sleep(_) => "a sleep",
        Step::Write(_) => "a write",
        Step::Restart => "a restart",
        Step::Commit => "a commit",
        Step::Report(_) => "a report",
        Step::Expect(_) => "an announcement",
        Step::Keep(_) => "a question to the ledger",
        Step::Done(_) => "an end",
    }
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap())
}

fn terms(deadline: Option<Moment>) -> Terms {
    Terms {
        deadline,
        settings: Settings::default(),
        retries: true,
        grace: None,
    }
}

fn purchase(deadline: Option<Moment>) -> Purchase {
    let request = GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::MIN);
    Purchase::new(session(), request, terms(deadline), None)
}

fn wait(deadline: Option<Moment>) -> Wait {
    Wait::new(session(), job(), terms(deadline), false)
}

fn job() -> Job {
    Job::resumed(QueryId::new("QRY_1").unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_comes_after_done(events in prop::collection::vec(told(), 1..120)) {
        let deadline = Some(Moment::new(Duration::from_secs(300)));
        run(purchase(deadline), &events);
        run(wait(deadline), &events);

        let generation = genrex_proto::Generation::from_json(COMPLETED).unwrap();
        let track = Track::try_from(generation).unwrap();
        let allowance = Arc::new(Allowance::until(deadline));
        let download = Download::new(session(), track.audio().clone(), terms(deadline), allowance, now(0));
        run(download, &events);
    }
}

/// The property above means something: the usual course of events does end each machine.
#[test]
fn the_usual_course_ends() {
    let usual = |body: &'static [u8]| {
        [
            (Told::Head(200), 0),
            (Told::Chunk(body), 0),
            (Told::End, 0),
            (Told::Slept, 0),
        ]
    };
    assert_eq!(run(purchase(None), &usual(COMPLETED)), Some(3));
    assert_eq!(run(wait(None), &usual(COMPLETED)), Some(3));
}
