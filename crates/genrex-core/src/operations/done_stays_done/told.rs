use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{
    self as ledger, Account, Entry, Event, Intent, Ledger as _, LocalId, MemoryLedger, Refusal,
};
use genrex_proto::QueryId;
use proptest::prelude::*;

use crate::block_on;
use crate::machine::{Keep, Kept, Outcome, Step};
use crate::transport::{Cancelled, TransportError, TransportErrorKind};

/// An outcome that a driver could be the cause of, or a broken one.
#[derive(Debug, Clone)]
pub(super) enum Told {
    Slot,
    Head(u16, &'static [(&'static str, &'static str)]),
    SendFailed(TransportErrorKind),
    Chunk(Bytes),
    End,
    ReadFailed,
    Slept,
    Cancelled,
    Stored,
    StoreFailed,
    Kept(Answer),
}

/// What a ledger answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Done,
    NoAccount,
    Account,
    /// One of the entries that there are.
    Entry(usize),
    Entries(usize),
    Credits,
    NotYet,
    Failed(ledger::ErrorKind),
}

impl Told {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Slot => Outcome::Slot,
            Self::Head(status, headers) => {
                let mut head = http::Response::builder().status(*status);
                for (name, value) in *headers {
                    head = head.header(*name, *value);
                }
                Outcome::Head(Box::new(head.body(()).unwrap().into_parts().0))
            }
            Self::SendFailed(kind) => Outcome::SendFailed(TransportError::new(*kind)),
            Self::Chunk(bytes) => Outcome::Chunk(bytes.clone()),
            Self::End => Outcome::End,
            Self::ReadFailed => Outcome::ReadFailed(lost()),
            Self::Slept => Outcome::Slept,
            Self::Cancelled => Outcome::Cancelled(Cancelled),
            Self::Stored => Outcome::Stored,
            Self::StoreFailed => Outcome::StoreFailed(io::ErrorKind::StorageFull.into()),
            Self::Kept(answer) => Outcome::Kept(answer.kept()),
        }
    }

    /// Whether it is what came of this step.
    pub(super) fn answers<T>(&self, step: &Step<T>) -> bool {
        match step {
            Step::Slot(..) => matches!(self, Self::Slot | Self::Slept | Self::Cancelled),
            Step::Send(_) => matches!(self, Self::Head(..) | Self::SendFailed(_)),
            Step::Read => matches!(self, Self::Chunk(_) | Self::End | Self::ReadFailed),
            Step::Sleep(_) => matches!(self, Self::Slept | Self::Cancelled),
            Step::Write(_) | Step::Restart | Step::Commit => {
                matches!(self, Self::Stored | Self::StoreFailed)
            }
            Step::Keep(_) => matches!(self, Self::Kept(_)),
            Step::Expect(_) | Step::Report(_) | Step::Done(_) => false,
        }
    }

    /// What comes of a step when nothing else is said.
    pub(super) fn usual<T>(step: &Step<T>) -> Self {
        match step {
            Step::Slot(..) => Self::Slot,
            Step::Send(_) => Self::SendFailed(TransportErrorKind::Closed),
            Step::Read => Self::End,
            Step::Sleep(_) => Self::Slept,
            Step::Write(_) | Step::Restart | Step::Commit => Self::Stored,
            Step::Keep(_) | Step::Expect(_) | Step::Report(_) | Step::Done(_) => {
                Self::Kept(Answer::Failed(ledger::ErrorKind::Storage))
            }
        }
    }
}

impl Answer {
    pub(super) fn kept(self) -> Result<Kept, ledger::Error> {
        let failed = |kind| ledger::Error::new(kind, "scripted");
        let entry = |index: usize| ENTRIES[index % ENTRIES.len()].clone();
        match self {
            Self::Done => Ok(Kept::Done),
            Self::NoAccount => Ok(Kept::Account(None)),
            Self::Account => Ok(Kept::Account(Some(account()))),
            Self::Entry(index) => Ok(Kept::Entry(Box::new(entry(index)))),
            Self::Entries(most) => Ok(Kept::Entries((0..most).map(entry).collect())),
            Self::Credits => Ok(Kept::Credits(Box::default())),
            Self::NotYet => {
                let error = failed(ledger::ErrorKind::PriceUnknown).about(LocalId(5));
                Err(error.again_in(Duration::from_secs(1)))
            }
            Self::Failed(kind) => Err(failed(kind)),
        }
    }
}

fn lost() -> TransportError {
    TransportError::new(TransportErrorKind::Closed)
}

pub(super) fn account() -> Account {
    Account::new("https://api.genrex.com", "u")
}

/// One entry of each state, and of each way to come there that a machine looks at.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let id = || QueryId::new("QRY_1").unwrap();
    let accepted = [Event::Sent, Event::Accepted(id())];
    let cut = [
        Event::Sent,
        Event::Unconfirmed(id()),
        Event::Ambiguous(String::new()),
    ];
    let courses: Vec<Vec<Event>> = vec![
        vec![],
        vec![Event::Sent],
        vec![Event::NotSent(String::new())],
        vec![
            Event::Sent,
            Event::Refused(Refusal::RateLimited, String::new()),
        ],
        accepted.to_vec(),
        cut.to_vec(),
        [&accepted[..], &[Event::Completed]].concat(),
        [&accepted[..], &[Event::Failed]].concat(),
        cut[..2].to_vec(),
    ];
    let ledger = MemoryLedger::new();
    let entries = courses.iter().zip(1_u128..).map(|(events, key)| {
        let intent = Intent::new(key, account(), "music", 10, b"{}").after(ledger::Look::new(0));
        let mut entry = block_on(ledger.intend(&intent, 0)).unwrap();
        for event in events {
            entry = block_on(ledger.record(entry.id, event, 0)).unwrap();
        }
        entry
    });
    entries.collect()
});

pub(super) const COMPLETED: &[u8] =
    br#"{"id":"QRY_1","status":"Completed","response":[{"content":{"url":"https://a.example/1"}}]}"#;

/// More than any answer may hold.
static LARGE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![b' '; (1 << 20) + 1]));

fn heads() -> impl Strategy<Value = Told> {
    const HEADERS: [&[(&str, &str)]; 9] = [
        &[],
        &[("content-length", "12")],
        &[("content-length", "99999999999")],
        &[("content-encoding", "gzip")],
        &[("etag", "\"1\""), ("content-range", "bytes 12-20/21")],
        &[("location", "https://b.example/2")],
        &[("date", "Wed, 05 Jun 2024 09:06:25 GMT")],
        &[("retry-after", "7")],
        &[("content-type", "text/html")],
    ];
    let statuses = prop::sample::select(vec![
        200_u16, 201, 206, 302, 400, 401, 403, 404, 416, 429, 503, 999,
    ]);
    let headers = prop::sample::select(HEADERS.to_vec());
    (statuses, headers).prop_map(|(status, headers)| Told::Head(status, headers))
}

fn chunks() -> impl Strategy<Value = Told> {
    let bodies: Vec<&'static [u8]> = vec![
        COMPLETED,
        br#"{"id":"QRY_1","status":"Processing"}"#,
        br#"{"id":"QRY_1","status":"Failed"}"#,
        br#"{"totalCreditQuota":9,"creditsUsed":0,"userId":"u"}"#,
        br#"{"totalCreditQuota":9,"creditsUsed":5}"#,
        b"{",
        b"RIFF\x04\0\0\0WAVE",
        b"",
    ];
    prop_oneof![
        8 => prop::sample::select(bodies).prop_map(|body| Told::Chunk(Bytes::from_static(body))),
        1 => Just(()).prop_map(|()| Told::Chunk(LARGE.clone())),
    ]
}

fn answers() -> impl Strategy<Value = Told> {
    let kinds = prop::sample::select(vec![
        ledger::ErrorKind::Storage,
        ledger::ErrorKind::OverLimit,
        ledger::ErrorKind::Transition,
    ]);
    prop_oneof![
        2 => Just(Answer::Done),
        1 => Just(Answer::NoAccount),
        1 => Just(Answer::Account),
        1 => Just(Answer::Credits),
        4 => (0_usize..9).prop_map(Answer::Entry),
        3 => (0_usize..9).prop_map(Answer::Entries),
        1 => Just(Answer::NotYet),
        1 => kinds.prop_map(Answer::Failed),
    ]
    .prop_map(Told::Kept)
}

pub(super) fn told() -> impl Strategy<Value = (Told, u64)> {
    let kinds = prop::sample::select(vec![
        TransportErrorKind::Connect,
        TransportErrorKind::NoDescriptor,
        TransportErrorKind::Closed,
        TransportErrorKind::Timeout,
        TransportErrorKind::Cancelled,
    ]);
    let event = prop_oneof![
        3 => heads(),
        3 => chunks(),
        3 => Just(Told::Slot),
        3 => Just(Told::End),
        3 => Just(Told::Slept),
        2 => Just(Told::Stored),
        4 => answers(),
        1 => kinds.prop_map(Told::SendFailed),
        1 => Just(Told::ReadFailed),
        1 => Just(Told::StoreFailed),
        1 => Just(Told::Cancelled),
    ];
    (event, 0_u64..40_000)
}

/// A service and a ledger that do what is hoped for; the body that is still to be read.
pub(super) struct Service(pub(super) Option<&'static [u8]>);

impl Service {
    pub(super) fn told<T>(&mut self, step: &Step<T>) -> Told {
        match step {
            Step::Send(outgoing) => {
                self.0 = Some(match outgoing.request.uri().path().rsplit('/').next() {
                    Some("getBalance") => br#"{"totalCreditQuota":9,"creditsUsed":0,"userId":"u"}"#,
                    Some("generateMusic" | "retrieve") => COMPLETED,
                    Some(_) | None => b"RIFF\x2c\0\0\0WAVE",
                });
                Told::Head(200, &[])
            }
            Step::Read => match self.0.take() {
                Some(body) => Told::Chunk(Bytes::from_static(body)),
                None => Told::End,
            },
            Step::Keep(keep) => Told::Kept(match **keep {
                Keep::Account(_) => Answer::Account,
                Keep::Look(..) => Answer::Done,
                Keep::Intent(_) => Answer::Entry(0),
                Keep::Event(_, Event::Sent) => Answer::Entry(1),
                Keep::Event(..) => Answer::Entry(4),
                Keep::Reconcile(_) => Answer::Entry(5),
                Keep::Entry(_) => Answer::Entries(1),
                Keep::Entries(_) | Keep::Recover => Answer::Entries(ENTRIES.len()),
                Keep::Credits(_) => Answer::Credits,
            }),
            step => Told::usual(step),
        }
    }
}
