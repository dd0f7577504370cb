use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use crate::ErrorKind;
use crate::conformance::case::Request;
use crate::conformance::{Case, Rule};

/// Requests that are older than the verifier's time.
pub(super) fn past(tolerance: Duration) -> Vec<Case> {
    distances(tolerance)
        .into_iter()
        .filter_map(|(name, distance)| {
            // A time of our days, or the first of all where the distance leaves no room.
            let today = Request::published().t;
            let t = today.checked_add(distance).map_or(0, |_| today);
            let case = request_at(t, Rule::WindowPast, format!("{name} in the past"));
            Some(judged(case, t, t.checked_add(distance)?, tolerance))
        })
        .chain([in_unit(
            "seconds",
            |ms| ms / 1000,
            Rule::WindowPast,
            tolerance,
        )])
        .collect()
}

/// Requests that are younger than the verifier's time.
pub(super) fn future(tolerance: Duration) -> Vec<Case> {
    distances(tolerance)
        .into_iter()
        .map(|(name, distance)| {
            let t = Request::published().t.max(distance);
            let case = request_at(t, Rule::WindowFuture, format!("{name} in the future"));
            judged(case, t, t - distance, tolerance)
        })
        .chain([in_unit(
            "microseconds",
            |ms| ms * 1000,
            Rule::WindowFuture,
            tolerance,
        )])
        .collect()
}

/// How far from the verifier's time: the edge, and what an arithmetic of too few bits takes for near.
fn distances(tolerance: Duration) -> Vec<(String, u64)> {
    let edge = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
    let mut distances = Vec::from([("exactly the tolerance".to_string(), edge)]);
    let beyond = [1, 2, 499, 500, 999, 1000, 60_000];
    for more in beyond {
        if let Some(distance) = edge.checked_add(more) {
            distances.push((format!("the tolerance and {more} ms"), distance));
        }
    }
    if edge > 1 {
        distances.push(("1 ms less than the tolerance".into(), edge - 1));
        distances.push(("half the tolerance".into(), edge / 2));
    }
    let far = [
        ("a day", 86_400_000),
        ("2^31 ms", 1 << 31),
        ("2^32 ms", 1 << 32),
        ("2^32 ms and 1", (1 << 32) + 1),
        ("a thousand years", 31_556_952_000_000),
        ("2^63 ms", 1 << 63),
        ("2^64 - 1 ms", u64::MAX),
    ];
    distances.extend(far.map(|(name, distance)| (name.to_string(), distance)));
    distances
}

/// The verifier's time, signed in another unit.
fn in_unit(unit: &str, convert: fn(u64) -> u64, rule: Rule, tolerance: Duration) -> Case {
    let now = Request::published().t;
    let case = request_at(convert(now), rule, format!("the time in {unit}"));
    judged(case, convert(now), now, tolerance)
}

/// The case of an honest request at `t`, before the verifier's time is chosen.
fn request_at(t: u64, rule: Rule, name: String) -> Case {
    Request::published().at(t).case(rule, name)
}

/// The case with the verifier at `now`, and the answer that the window gives.
fn judged(case: Case, t: u64, now: u64, tolerance: Duration) -> Case {
    let case = case.at(now);
    if Duration::from_millis(t.abs_diff(now)) <= tolerance {
        return case;
    }
    case.refused(if t < now {
        ErrorKind::Expired
    } else {
        ErrorKind::FromTheFuture
    })
}
