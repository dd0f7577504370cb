//! When what was spent leaves a window.

use genrex_ledger::{Limits, Look};

use crate::service::{HOUR, MINUTE, SECOND, START};
use crate::steps::Steps;

const DAY: u64 = 24 * HOUR;

/// A day is 24 hours, a month 30 days, and an hour that the window touches counts whole.
#[test]
fn what_was_spent_counts_for_24_hours_for_30_days_and_for_ever() {
    let mut steps = Steps::new();
    // Without a date of the service's, this machine's clock is what there is.
    let look = Look::new(0);
    steps.tell(&look, 0);
    let intent = steps.intent(10).after(look);
    let entry = steps.begin(&intent, 0).unwrap();
    steps.complete(&entry, SECOND);
    steps.tell(&Look::new(10), MINUTE);
    let hour_ends = HOUR - START % HOUR;
    for (at, day, month) in [
        (MINUTE, 10, 10),
        (hour_ends + DAY - 1, 10, 10),
        (hour_ends + DAY, 0, 10),
        (hour_ends + 30 * DAY - 1, 0, 10),
        (hour_ends + 30 * DAY, 0, 0),
    ] {
        let spending = steps.spending(at);
        assert_eq!((spending.day, spending.month), (day, month), "{at}");
        assert_eq!(spending.total, 10);
    }
}

/// A limit by the day lets the next one through when the first has left the window, and not before.
#[test]
fn a_limit_by_the_day_makes_room_a_day_later() {
    let mut steps = Steps::new();
    steps.learn(10, 0, 10, 0);
    let mut limits = Limits::default();
    limits.day = Some(19);
    let hour_ends = HOUR - START % HOUR;
    steps.buy(10, limits, 10, hour_ends + DAY - 1).unwrap_err();
    steps.buy(10, limits, 10, hour_ends + DAY).unwrap();
}
