//! The machines, in a world where everything goes as its bytes say: answers, failures, times, clocks that jump, a
//! ledger and a sink that fail, and outcomes that nobody asked for.
//!
//! The world knows what it has done to whom, and checks while it runs: a paid request is sent again only after a proof
//! that it did not leave, or a refusal; each sleep and each free request ends by the deadline; no signature leaves for
//! another host; an operation ends. What is checked afterwards is here.

mod ledger;
mod script;
mod service;
mod world;

use std::time::Duration;

use genrex_core::ledger::{Entry, Filter, Ledger, Limits, MemoryLedger, Once, State};
use genrex_core::proto::{GenerateRequest, Generation, Prompt, QueryId, Seconds};
use genrex_core::testing::machines::{Asked, Bench};
use genrex_core::{
    BalanceCheck, Error, ErrorKind, Job, PurchaseOptions, Settings, Submission, Track, block_on,
};

use self::ledger::Troubled;
use self::script::Script;
use self::world::{Fate, World};

/// A submit without a ledger: what is said of it is true, and its id is not lost.
pub fn submit(data: &[u8]) {
    let world = World::new(Script::new(data));
    let settings = settings(&world);
    let mut unasked = |asked: Asked| world.unasked(asked);
    let mut bench = Bench {
        transport: &world,
        ledger: None,
        settings,
        seed: 7,
        unasked: &mut unasked,
    };
    let balance_check = BalanceCheck::Skipped;
    let submission = block_on(bench.submit(&request(0), balance_check, &<_>::default()));
    assert_true(&submission, &world);
    let state = world.state();
    if !state.was_misled {
        for id in &state.ids {
            assert!(names(&submission, id), "{id} is lost: {submission:?}");
        }
    }
}

/// Up to four purchases with a ledger, one after the other: the same, and what is told is what is kept. What is not to
/// be bought beside another is not.
pub fn purchase(data: &[u8]) {
    let world = World::new(Script::new(data));
    let inner = MemoryLedger::new();
    let ledger = Troubled {
        inner: inner.clone(),
        world: world.clone(),
    };
    let count = 1 + world.state().script.byte() % 4;
    for number in 0..count {
        let settings = settings(&world);
        let (balance_check, options) = (balance_check(&world), options(&world));
        let before = entries(&inner);
        let mut unasked = |asked: Asked| world.unasked(asked);
        let mut bench = Bench {
            transport: &world,
            ledger: Some(&ledger),
            settings,
            seed: u64::from(number),
            unasked: &mut unasked,
        };
        let which = world.state().script.byte() % 2;
        let submission = block_on(bench.submit(&request(which), balance_check, &options));
        assert_true(&submission, &world);
        let after = entries(&inner);
        assert_kept(&submission, &before, &after, &world);
        if options.once == Once::Prompt && !world.state().paid.is_empty() {
            assert_not_beside(&before, &after);
        }
    }
}

/// A wait: the job's id is in whatever it comes to, and nothing is bought.
pub fn wait(data: &[u8]) {
    let world = World::new(Script::new(data));
    let ledger = Troubled {
        inner: MemoryLedger::new(),
        world: world.clone(),
    };
    let settings = settings(&world);
    let is_kept = world.state().script.once_in(2);
    let mut unasked = |asked: Asked| world.unasked(asked);
    let mut bench = Bench {
        transport: &world,
        ledger: is_kept.then_some(&ledger as &dyn Ledger),
        settings,
        seed: 7,
        unasked: &mut unasked,
    };
    let waited = block_on(bench.wait(&Job::resumed(id("QRY_1"))));
    let named = match &waited {
        Ok(track) => Some(track.id()),
        Err(error) => error.query_id(),
    };
    assert_eq!(named, Some(&id("QRY_1")), "{waited:?}");
    assert!(world.state().paid.is_empty());
}

/// A download: what is committed is the whole of one version of one file, and nothing is told to be there that is not.
pub fn download(data: &[u8]) {
    let world = World::new(Script::new(data));
    let ledger = Troubled {
        inner: MemoryLedger::new(),
        world: world.clone(),
    };
    let settings = settings(&world);
    let is_kept = world.state().script.once_in(2);
    let link = world.state().script.of(&service::LINKS[..4]);
    let answer = format!(
        r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":[{{"url":"{link}"}}]}}]}}"#
    );
    let answer = Generation::from_json(answer.as_bytes()).expect("it is an answer");
    let track = Track::try_from(answer).expect("it is a track");
    let mut unasked = |asked: Asked| world.unasked(asked);
    let mut bench = Bench {
        transport: &world,
        ledger: is_kept.then_some(&ledger as &dyn Ledger),
        settings,
        seed: 7,
        unasked: &mut unasked,
    };
    let downloaded = block_on(bench.download(track.audio(), &mut world.clone()));
    let state = world.state();
    assert!(state.paid.is_empty());
    if let Ok(downloaded) = &downloaded {
        assert_eq!(state.commits, 1);
        let length = u64::try_from(state.stored.len()).expect("it fits");
        assert_eq!(downloaded.bytes, length);
    }
    if state.commits == 1 && !state.was_misled {
        assert!(downloaded.is_ok(), "it is here: {downloaded:?}");
        let mut places = state.from.iter();
        let is_one = places.any(|place| {
            let mut versions = [0, 1]
                .map(|version| service::file(place, version))
                .into_iter();
            versions.any(|file| state.stored.starts_with(&file))
        });
        assert!(is_one, "it is of no one file: {} bytes", state.stored.len());
    }
}

fn settings(world: &World) -> Settings {
    let seconds = world.state().script.of(&[600, 600, 1, 30, 3_600, 0]);
    let limit = Duration::from_secs(seconds);
    world.begin(limit);
    let mut settings = Settings::default();
    settings.deadline = Some(limit);
    settings
}

fn request(which: u8) -> GenerateRequest {
    let text = ["rain on a tin roof", "intense EDM"][usize::from(which)];
    let text = Prompt::new(text).expect("it is a prompt");
    GenerateRequest::new(text, Seconds::new(10).expect("it is a duration"))
}

fn balance_check(world: &World) -> BalanceCheck {
    let mut state = world.state();
    let mut limits = Limits::default();
    match state.script.byte() % 6 {
        0 | 1 => {}
        2 => return BalanceCheck::Skipped,
        3 => limits.total = Some(25),
        4 => (limits.day, limits.per_job) = (Some(u64::MAX), Some(10)),
        _ => limits.month = Some(u64::from(state.script.byte())),
    }
    BalanceCheck::Within(limits)
}

fn options(world: &World) -> PurchaseOptions {
    let mut options = PurchaseOptions::default();
    if world.state().script.once_in(2) {
        options.once = Once::Prompt;
    }
    options
}

fn id(text: &str) -> QueryId {
    QueryId::new(text).expect("it is an id")
}

fn entries(ledger: &MemoryLedger) -> Vec<Entry> {
    let mut filter = Filter::default();
    filter.oldest_first = true;
    block_on(ledger.entries(&filter)).expect("it is in memory")
}

/// What a submit says of itself is what its world knows.
fn assert_true(submission: &Submission, world: &World) {
    let state = world.state();
    let is_open = state.paid.contains(&Fate::Open);
    let is_refused = state
        .paid
        .iter()
        .any(|fate| matches!(fate, Fate::Refused(_)));
    match submission {
        Submission::Accepted(job) => {
            let id = job.id().as_str();
            assert!(
                state.ids.iter().any(|seen| seen == id),
                "{id} was never seen"
            );
        }
        Submission::Refused(error) => {
            assert!(is_refused && !is_open, "{:?}: {error:?}", state.paid);
        }
        Submission::NotSent(error) => {
            assert!(!is_refused && !is_open, "{:?}: {error:?}", state.paid);
        }
        Submission::Ambiguous(error) => {
            assert_eq!(error.kind(), ErrorKind::Ambiguous);
            assert!(is_open || state.was_misled, "{:?}: {error:?}", state.paid);
        }
    }
}

/// Whether an id is in what a submit says of itself.
fn names(submission: &Submission, id: &str) -> bool {
    let of_error = |error: &Error| {
        let named = error.query_id().is_some_and(|named| named.as_str() == id);
        named || error.in_full().contains(id)
    };
    match submission {
        Submission::Accepted(job) => job.id().as_str() == id,
        Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error) => {
            of_error(error)
        }
    }
}

/// What was bought now was not bought before by the same account, and is not on its way.
fn assert_not_beside(before: &[Entry], after: &[Entry]) {
    let (old, new) = after.split_at(before.len());
    for new in new {
        let same = |old: &Entry| old.account == new.account && old.text == new.text;
        let mut olds = before.iter().zip(old);
        let is_beside = olds.any(|(before, now)| {
            let is_open = matches!(
                before.state,
                State::Sent | State::Ambiguous | State::Accepted | State::Completed
            );
            is_open && same(before) && same(now)
        });
        assert!(!is_beside, "{new:?} is bought twice: {before:?}");
    }
}

/// What a purchase has told is what the ledger keeps, or it says that it is not.
fn assert_kept(submission: &Submission, before: &[Entry], after: &[Entry], world: &World) {
    let state = world.state();
    let new: Vec<&Entry> = after
        .iter()
        .filter(|entry| before.iter().all(|old| old.id != entry.id))
        .collect();
    assert!(new.len() <= 1, "one purchase is one job");
    let entry = new.first();
    if !state.paid.is_empty() {
        let entry = entry.expect("what was sent is kept");
        assert_ne!(
            entry.state,
            State::Intended,
            "it was sent, and is not kept as sent"
        );
    }
    for id in &state.ids {
        let is = |kept: &Option<QueryId>| kept.as_ref().is_some_and(|kept| kept.as_str() == id);
        let is_kept = entry.is_some_and(|entry| is(&entry.query_id) || is(&entry.unconfirmed_id));
        let may_be_lost = state.has_ledger_failed || state.was_misled;
        assert!(
            is_kept || (may_be_lost && (state.was_misled || names(submission, id))),
            "{id} is lost: {submission:?}, {entry:?}"
        );
    }
    let expected = match submission {
        Submission::Accepted(_) => State::Accepted,
        Submission::Refused(_) => State::Refused,
        Submission::NotSent(_) => State::NotSent,
        Submission::Ambiguous(_) => State::Ambiguous,
    };
    let failure = match submission {
        Submission::Accepted(job) => job.ledger_failure(),
        Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error) => {
            error.ledger_failure()
        }
    };
    let is_told = entry.is_none_or(|entry| entry.state == expected);
    let may_differ = state.has_ledger_failed || state.was_misled;
    assert!(
        is_told || may_differ,
        "{submission:?}, but it is kept as {entry:?}"
    );
    if !is_told && !state.was_misled && !state.paid.is_empty() {
        assert!(
            failure.is_some(),
            "it says nothing of what is not kept: {submission:?}"
        );
    }
}
