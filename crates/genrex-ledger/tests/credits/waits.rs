//! What a purchase under a limit waits for, until when, and what it does not wait for.

use std::time::Duration;

use genrex_ledger::{Entry, Error, ErrorKind, Event, Limits, Look, Resolution, Run};
use genrex_proto::QueryId;

use crate::service::{HOUR, MINUTE, SECOND, START};
use crate::steps::{Steps, accepted, ambiguous};
use crate::table::total;

fn kind(begun: Result<Entry, Error>) -> Option<ErrorKind> {
    begun.err().map(|error| error.kind())
}

/// What moved between the two looks would be taken for its doing.
#[test]
fn a_purchase_after_a_look_that_is_not_the_last_shows_no_price() {
    for limits in [Limits::default(), total(100)] {
        let mut steps = Steps::new();
        let earlier = steps.look(0, 0);
        let last = steps.look(10, SECOND);
        let intent = steps.intent(10).within(limits);
        let begun = steps.begin(&intent.clone().after(earlier), SECOND);
        if limits.is_none() {
            assert!(!begun.unwrap().alone);
        } else {
            assert_eq!(kind(begun), Some(ErrorKind::PriceUnknown));
            assert!(steps.begin(&intent.after(last), SECOND).unwrap().alone);
        }
    }
}

/// A piece whose price nobody knows, that went under a limit and is unclear a second later.
fn unclear() -> (Steps, Entry) {
    let mut steps = Steps::new();
    let entry = steps.buy(10, total(100), 0, 0).unwrap();
    steps.record(&entry, &[Event::Sent, ambiguous()], SECOND);
    (steps, entry)
}

/// The longer there is to wait, the later it is worth asking again, within three seconds and a minute.
#[test]
fn who_has_to_wait_is_told_for_which_job_when_to_ask_again_and_until_when_at_most() {
    let (mut steps, unclear) = unclear();
    let settled_at = 10 * MINUTE + SECOND;
    for (at, again) in [
        (10 * SECOND, 3 * SECOND),
        (20 * SECOND, MINUTE),
        (settled_at - 8 * MINUTE, MINUTE),
        (settled_at - 4 * MINUTE, 30 * SECOND),
        (settled_at - 80 * SECOND, 10 * SECOND),
        (settled_at - 1, 3 * SECOND),
    ] {
        let waits = steps.buy(10, total(100), 0, at).unwrap_err();
        assert_eq!(waits.kind(), ErrorKind::PriceUnknown);
        assert_eq!(waits.job(), Some(unclear.id));
        assert_eq!(
            waits.again_after(),
            Some(Duration::from_millis(again)),
            "{at}"
        );
        assert_eq!(waits.settled_at(), Some(START + settled_at), "{at}");
    }
    steps.buy(10, total(100), 0, settled_at).unwrap();
}

#[test]
fn until_when_is_told_only_while_time_alone_settles_it() {
    let (mut steps, _) = unclear();
    let earlier = steps.look(0, 2 * SECOND);
    let settled_at = 10 * MINUTE + SECOND;
    // All has had its time, and still a look that is not the last shows nothing.
    steps.tell(&Look::new(0).at(START + settled_at), settled_at);
    let intent = steps.intent(10).within(total(100)).after(earlier.clone());
    let waits = steps.begin(&intent, settled_at).unwrap_err();
    assert_eq!(waits.settled_at(), None);
    // While a job is under way, nobody knows until when.
    let (mut steps, _) = unclear_beside_one_under_way();
    let waits = steps.buy(10, total(100), 0, 2 * SECOND).unwrap_err();
    assert_eq!(waits.again_after(), Some(Duration::from_secs(1)));
    assert_eq!(waits.settled_at(), None);
}

/// Whoever knows what a piece costs at most waits no longer than that either.
#[test]
fn an_unclear_piece_without_a_price_stops_others_until_its_time_and_no_longer() {
    let (mut steps, _) = unclear();
    let settled_at = 10 * MINUTE + SECOND;
    steps.look(0, 10 * SECOND);
    let last = steps.look(0, settled_at - 10 * SECOND);
    let mut limits = total(100);
    limits.per_job = Some(10);
    let intent = steps.intent(10).within(limits).after(last);
    let waits = steps.begin(&intent, settled_at - 1);
    assert_eq!(kind(waits), Some(ErrorKind::PriceUnknown));
    steps.begin(&intent, settled_at).unwrap();
}

fn unclear_beside_one_under_way() -> (Steps, Entry) {
    let mut steps = Steps::new();
    let entry = steps.buy(10, Limits::default(), 0, 0).unwrap();
    let beside = steps.buy(10, Limits::default(), 0, 0).unwrap();
    steps.record(&entry, &[Event::Sent, ambiguous()], SECOND);
    (steps, beside)
}

/// A limit of 0 allows nothing, though all is free.
#[test]
fn nothing_is_bought_within_0_credits() {
    let mut steps = Steps::new();
    steps.learn(10, 7, 0, 0);
    let at = 20 * MINUTE;
    let none = steps.buy_of(&Run::new("run", 0), 7, at).unwrap_err();
    assert_eq!(none.to_string(), "nothing may be spent (max-credits = 0)");
    for name in ["day", "month", "total", "per_job"] {
        let mut limits = Limits::default();
        match name {
            "day" => limits.day = Some(0),
            "month" => limits.month = Some(0),
            "total" => limits.total = Some(0),
            _ => limits.per_job = Some(0),
        }
        let none = steps.buy(10, limits, 7, at).unwrap_err();
        assert_eq!(none.kind(), ErrorKind::OverLimit);
        assert_eq!(
            none.to_string(),
            format!("nothing may be spent ({name} = 0)")
        );
    }
    steps.buy(10, total(1), 7, at).unwrap();
}

/// What is spent for certain is over the limit: what else is promised will make no room.
#[test]
fn a_limit_that_is_reached_is_said_at_once_though_others_are_under_way() {
    let mut steps = Steps::new();
    steps.learn(10, 0, 10, 0);
    let at = 20 * MINUTE;
    steps.buy(10, Limits::default(), 10, at).unwrap();
    assert_eq!(
        kind(steps.buy(10, total(10), 10, at)),
        Some(ErrorKind::OverLimit)
    );
    assert_eq!(
        kind(steps.buy(10, total(20), 10, at)),
        Some(ErrorKind::PriceUnknown)
    );
}

#[test]
fn a_run_waits_while_no_more_of_them_can_be_told_apart() {
    const MOST: u64 = 128;
    let mut steps = Steps::new();
    let mut bound = Limits::default();
    bound.per_job = Some(1);
    let mut buy = |run: u64, at: u64| {
        let look = steps.look(0, at);
        let run = Run::new(format!("run {run}"), 10);
        let intent = steps.intent(10).after(look).within(bound).of_run(run);
        steps.begin(&intent, at)
    };
    for run in 0..MOST {
        buy(run, SECOND).unwrap();
    }
    assert_eq!(kind(buy(MOST, 2 * SECOND)), Some(ErrorKind::PriceUnknown));
    buy(0, 2 * SECOND).unwrap();
    // The others have been still for an hour.
    assert_eq!(kind(buy(MOST, HOUR)), Some(ErrorKind::PriceUnknown));
    buy(MOST, HOUR + SECOND).unwrap();
}

/// Under a limit that is waited for; else it is not known.
#[test]
fn that_a_piece_is_free_shows_when_its_charge_has_had_its_time() {
    for (limits, expected) in [(Limits::default(), None), (total(100), Some(0))] {
        let mut steps = Steps::new();
        let entry = steps.buy(10, limits, 0, 0).unwrap();
        steps.complete(&entry, SECOND);
        let had_its_time = 10 * MINUTE + SECOND;
        for at in [5 * SECOND, 10 * SECOND, had_its_time - 1] {
            steps.look(0, at);
            assert_eq!(steps.credits().price(10), None, "{at}");
        }
        steps.look(0, had_its_time);
        assert_eq!(steps.credits().price(10), expected);
    }
}

/// What a first piece costs is no surprise, and makes no price unsure.
#[test]
fn a_piece_of_no_known_price_may_cost_anything() {
    let mut steps = Steps::new();
    steps.learn(5, 0, 7, 0);
    let at = 20 * MINUTE;
    let entry = steps.buy(10, Limits::default(), 7, at).unwrap();
    steps.complete(&entry, at + SECOND);
    steps.look(20, at + MINUTE);
    assert_eq!(steps.credits().price(5), Some(7));
}

/// Its charge is no surprise, and makes no price unsure.
#[test]
fn a_refused_job_of_no_known_price_that_was_taken_after_all_may_cost_anything() {
    let mut steps = Steps::new();
    steps.learn(5, 0, 7, 0);
    let at = 20 * MINUTE;
    let entry = steps.buy(10, Limits::default(), 7, at).unwrap();
    let refused = Event::Refused(genrex_ledger::Refusal::RateLimited, String::from("429"));
    steps.record(&entry, &[Event::Sent, refused], at + SECOND);
    for minute in 1..=15 {
        steps.look(7, at + minute * MINUTE);
    }
    let at = HOUR;
    let name = QueryId::new("QRY_1").unwrap();
    let named = Event::Resolved(Resolution::Accepted(name), String::from("support"));
    steps.record(&entry, &[named, Event::Completed], at);
    steps.look(20, at + MINUTE);
    assert_eq!(steps.credits().price(5), Some(7));
    assert_eq!(steps.spending(at + MINUTE).total, 20);
}

/// Until two looks show the same, its charge may be on its way.
#[test]
fn nothing_starts_beside_a_first_piece_until_two_looks_show_the_same() {
    let changed = |used: u64, change: &str, at: u64| Look::new(used).changed(change).at(START + at);
    let mut steps = Steps::new();
    let entry = steps.buy(10, total(100), 0, 0).unwrap();
    steps.record(&entry, &[Event::Sent, accepted(), Event::Completed], SECOND);
    let mut buy_after = |look: Look, at: u64| {
        steps.tell(&look, at);
        let intent = steps.intent(10).within(total(100)).after(look);
        steps.begin(&intent, at)
    };
    for (used, change, at) in [
        (4, "2024-06-02T11:05:21.001Z", 5 * SECOND),
        (10, "2024-06-02T11:05:21.002Z", 10 * SECOND),
        // It was charged and refunded, or is another's doing.
        (10, "2024-06-02T11:05:21.003Z", 15 * SECOND),
    ] {
        let waits = buy_after(changed(used, change, at), at);
        assert_eq!(kind(waits), Some(ErrorKind::PriceUnknown), "{at}");
    }
    // The charge came nine seconds late: looks have to be twice as far apart.
    let at = 15 * SECOND + 17_999;
    let waits = buy_after(changed(10, "2024-06-02T11:05:21.003Z", at), at);
    assert_eq!(kind(waits), Some(ErrorKind::PriceUnknown));
    let at = at + 1;
    let begun = buy_after(changed(10, "2024-06-02T11:05:21.003Z", at), at).unwrap();
    assert_eq!(begun.expected_cost, Some(10));
}
