//! Whatever a machine is told, in whatever order, it ends and stays ended.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{
    self as ledger, Account, Entry, Event, Intent, Ledger as _, Limits, LocalId, MemoryLedger,
    Refusal, Resolution,
};
use genrex_proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_sign::UnixMillis;
use proptest::prelude::*;

use crate::call::Terms;
use crate::download::Download;
use crate::job::allowance::Allowance;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::purchase::{Keeping, Look, Purchase, PurchaseOptions, Turn};
use crate::reconcile::{Reconcile, Recover, Resolve};
use crate::session::Session;
use crate::testing::keys;
use crate::transport::{Cancelled, Moment, Now, TransportError, TransportErrorKind};
use crate::wait::Wait;
use crate::{BalanceCheck, BaseUrl, Job, Settings, Track, block_on};

/// An outcome that a driver could be the cause of, or a broken one.
#[derive(Debug, Clone)]
enum Told {
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
enum Answer {
    Done,
    NoAccount,
    Account,
    /// One of the entries that there are.
    Entry(usize),
    Entries(usize),
    NotYet,
    Failed(ledger::ErrorKind),
}

impl Told {
    fn outcome(&self) -> Outcome {
        match self {
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
    fn answers<T>(&self, step: &Step<T>) -> bool {
        match step {
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
    fn usual<T>(step: &Step<T>) -> Self {
        match step {
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
    fn kept(self) -> Result<Kept, ledger::Error> {
        let failed = |kind| ledger::Error::new(kind, "scripted");
        let entry = |index: usize| ENTRIES[index % ENTRIES.len()].clone();
        match self {
            Self::Done => Ok(Kept::Done),
            Self::NoAccount => Ok(Kept::Account(None)),
            Self::Account => Ok(Kept::Account(Some(account()))),
            Self::Entry(index) => Ok(Kept::Entry(Box::new(entry(index)))),
            Self::Entries(most) => Ok(Kept::Entries((0..most).map(entry).collect())),
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

fn account() -> Account {
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

const COMPLETED: &[u8] =
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
        4 => (0_usize..9).prop_map(Answer::Entry),
        3 => (0_usize..9).prop_map(Answer::Entries),
        1 => Just(Answer::NotYet),
        1 => kinds.prop_map(Answer::Failed),
    ]
    .prop_map(Told::Kept)
}

fn told() -> impl Strategy<Value = (Told, u64)> {
    let kinds = prop::sample::select(vec![
        TransportErrorKind::Connect,
        TransportErrorKind::Closed,
        TransportErrorKind::Timeout,
        TransportErrorKind::Cancelled,
    ]);
    let event = prop_oneof![
        3 => heads(),
        3 => chunks(),
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

fn now(millis: u64) -> Now {
    Now {
        moment: Moment::new(Duration::from_millis(millis)),
        wall: UnixMillis::new(1_717_574_785_354 + millis),
    }
}

/// The next step that is to be answered; reports are not.
fn next<M: Machine>(machine: &mut M, millis: u64) -> Step<M::Output> {
    loop {
        match machine.next(now(millis)) {
            Step::Report(_) | Step::Expect(_) => {}
            step => return step,
        }
    }
}

/// Tells a machine all of this, asked for or not, and says after how much it was done; then goes on asking.
fn run<M: Machine>(mut machine: M, events: &[(Told, u64)]) -> Option<usize> {
    let mut millis = 0;
    let mut done = None;
    for (count, (told, later)) in events.iter().enumerate() {
        let step = next(&mut machine, millis);
        let is_done = matches!(step, Step::Done(_));
        assert!(
            done.is_none() || is_done,
            "{} after {} was done",
            name(&step),
            M::NAME
        );
        if is_done && done.is_none() {
            done = Some(count);
        }
        millis += later;
        machine.receive(now(millis), told.outcome());
    }
    done
}

/// Tells a machine what it asked for, of these and then the usual, until it is done.
fn ends<M: Machine>(mut machine: M, events: &[(Told, u64)]) {
    /// Polls until the deadline, and the longest answers that these events make.
    const MOST: usize = 2_000;
    let mut events = events.iter();
    let mut millis = 0;
    for _ in 0..MOST {
        let step = next(&mut machine, millis);
        if matches!(step, Step::Done(_)) {
            return;
        }
        let told = events.by_ref().find(|(told, _)| told.answers(&step));
        let (told, later) = told.cloned().unwrap_or_else(|| (Told::usual(&step), 1));
        millis += match step {
            Step::Sleep(duration) => u64::try_from(duration.as_millis()).unwrap() + 1,
            _ => later,
        };
        machine.receive(now(millis), told.outcome());
    }
    panic!("{} has not ended after {MOST} outcomes", M::NAME);
}

/// Tells a machine so often what it hopes for, and from then on nothing but what it never asks for.
fn ends_unasked<M: Machine>(mut machine: M, hopeful: usize) {
    /// A call has a few tries more, each of which may be told to pause.
    const MOST: usize = 300;
    let mut millis = 0;
    let mut service = Service(None);
    for _ in 0..hopeful {
        let step = next(&mut machine, millis);
        if matches!(step, Step::Done(_)) {
            return;
        }
        if let Step::Sleep(duration) = step {
            millis += u64::try_from(duration.as_millis()).unwrap() + 1;
        }
        machine.receive(now(millis), service.told(&step).outcome());
    }
    for _ in 0..MOST {
        let step = next(&mut machine, millis);
        let told = match step {
            Step::Done(_) => return,
            Step::Keep(_) => Told::Slept,
            _ => Told::Kept(Answer::Done),
        };
        machine.receive(now(millis), told.outcome());
    }
    panic!("{} has not ended: it stays where it was", M::NAME);
}

/// A service and a ledger that do what is hoped for; the body that is still to be read.
struct Service(Option<&'static [u8]>);

impl Service {
    fn told<T>(&mut self, step: &Step<T>) -> Told {
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
                Keep::Entries(_) | Keep::Recover => Answer::Entries(ENTRIES.len()),
            }),
            step => Told::usual(step),
        }
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
        accepted_at: None,
    }
}

fn five_minutes() -> Terms {
    terms(Some(Moment::new(Duration::from_secs(300))))
}

fn purchase(terms: Terms, keeping: Option<Keeping>) -> Purchase {
    let request = GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::MIN);
    Purchase::new(session(), request, terms, keeping)
}

fn keeping(balance_check: BalanceCheck) -> Option<Keeping> {
    Some(Keeping {
        balance_check,
        options: PurchaseOptions::default(),
    })
}

fn limited() -> BalanceCheck {
    let mut limits = Limits::default();
    limits.total = Some(20);
    BalanceCheck::Within(limits)
}

fn turn() -> Turn {
    let why = Answer::NotYet.kept().unwrap_err();
    Turn::new(session(), five_minutes(), account(), why, now(0))
}

fn wait(terms: Terms, is_kept: bool) -> Wait {
    let job = Job::resumed(QueryId::new("QRY_1").unwrap());
    Wait::new(session(), job, terms, is_kept)
}

fn download(destination: Option<String>) -> Download {
    let generation = genrex_proto::Generation::from_json(COMPLETED).unwrap();
    let track = Track::try_from(generation).unwrap();
    let terms = five_minutes();
    let allowance = Arc::new(Allowance::until(terms.deadline));
    let audio = track.audio().clone();
    Download::new(session(), audio, terms, allowance, now(0)).kept_at(destination)
}

fn resolve() -> Resolve {
    let resolution = Resolution::Accepted(QueryId::new("QRY_1").unwrap());
    Resolve::new(
        session(),
        five_minutes(),
        LocalId(6),
        resolution,
        String::new(),
    )
}

/// Does the same with each machine.
macro_rules! with_each {
    ($act:ident, $events:expr) => {{
        $act(purchase(five_minutes(), None), $events);
        $act(purchase(five_minutes(), keeping(limited())), $events);
        $act(
            purchase(five_minutes(), keeping(BalanceCheck::Skipped)),
            $events,
        );
        $act(turn(), $events);
        $act(Look::new(session(), five_minutes()), $events);
        $act(wait(five_minutes(), false), $events);
        $act(wait(five_minutes(), true), $events);
        $act(download(None), $events);
        $act(download(Some(String::from("/a.wav"))), $events);
        $act(
            Reconcile::new(session(), five_minutes(), LocalId(6)),
            $events,
        );
        $act(resolve(), $events);
        $act(Recover::new(session(), five_minutes()), $events);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_comes_after_done(events in prop::collection::vec(told(), 1..120)) {
        with_each!(run, &events);
    }

    #[test]
    fn each_ends_when_it_is_told_what_it_asked_for(events in prop::collection::vec(told(), 0..120)) {
        with_each!(ends, &events);
    }

}

/// Wherever its usual course is left.
#[test]
fn each_ends_when_it_is_told_what_it_never_asked_for() {
    for hopeful in 0..40 {
        with_each!(ends_unasked, hopeful);
    }
}

/// The properties above mean something: the usual course of events does end each machine.
#[test]
fn the_usual_course_ends() {
    let usual = |body: &'static [u8]| {
        [
            (Told::Head(200, &[]), 0),
            (Told::Chunk(Bytes::from_static(body)), 0),
            (Told::End, 0),
            (Told::Slept, 0),
        ]
    };
    assert_eq!(run(purchase(terms(None), None), &usual(COMPLETED)), Some(3));
    assert_eq!(run(wait(terms(None), false), &usual(COMPLETED)), Some(3));
}
