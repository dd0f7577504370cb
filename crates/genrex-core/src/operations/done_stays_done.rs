//! Whatever a machine is told, in whatever order, it ends and stays ended.

mod told;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{Limits, LocalId, Resolution};
use genrex_proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_sign::UnixMillis;
use proptest::prelude::*;

use self::told::{Answer, COMPLETED, Service, Told, account, told};
use crate::job::allowance::Allowance;
use crate::machine::{Machine, Step};
use crate::operations::call::Terms;
use crate::operations::download::Download;
use crate::operations::purchase::{Keeping, Look, Purchase, PurchaseOptions, Turn};
use crate::operations::reconcile::{Reconcile, Recover, Resolve};
use crate::operations::wait::Wait;
use crate::session::Session;
use crate::testing::keys;
use crate::transport::{Moment, Now};
use crate::{BalanceCheck, BaseUrl, Job, Settings, Track};

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

fn name<T>(step: &Step<T>) -> &'static str {
    match step {
        Step::Slot(..) => "a wait for a slot",
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
    Terms::free(deadline, Settings::default())
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
            (Told::Slot, 0),
            (Told::Head(200, &[]), 0),
            (Told::Chunk(Bytes::from_static(body)), 0),
            (Told::End, 0),
            (Told::Slept, 0),
        ]
    };
    assert_eq!(run(purchase(terms(None), None), &usual(COMPLETED)), Some(4));
    assert_eq!(run(wait(terms(None), false), &usual(COMPLETED)), Some(4));
}
