use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::exchange::ends;
use super::rule::{Finding, Rule, require};
use crate::transport::Transport;

/// How long to sleep, in milliseconds. Again and again, since a busy machine makes a sleep that is too short long
/// enough at times.
const SLEEPS: [u64; 14] = [0, 1, 2, 5, 20, 20, 20, 20, 20, 100, 100, 100, 100, 200];
/// A transport's clock may count in milliseconds.
const GRAIN: Duration = Duration::from_millis(1);

pub(super) async fn check(transport: &dyn Transport) -> Result<(), Finding> {
    check_time_of_day(transport)?;
    let mut last = transport.now().moment;
    for duration in SLEEPS.map(Duration::from_millis) {
        let (before, began) = (transport.now().moment, monotonic());
        let slept = ends(Rule::Sleep, "sleep", transport.sleep(duration)).await?;
        let (after, took) = (transport.now().moment, monotonic().duration_since(began));
        require(slept.is_ok(), Rule::Sleep, || {
            format!("sleep({duration:?}) said that it was cancelled, and nobody had cancelled it")
        })?;
        require(took + GRAIN >= duration, Rule::Sleep, || {
            format!("sleep({duration:?}) came back after {took:?}")
        })?;
        require(last <= before && before <= after, Rule::Clock, || {
            format!("`now().moment` went back: {last:?}, {before:?}, {after:?}")
        })?;
        require(after + GRAIN >= before + duration, Rule::Clock, || {
            format!("`now().moment` went from {before:?} to {after:?} over sleep({duration:?})")
        })?;
        last = after;
    }
    for _ in 0..1000 {
        let moment = transport.now().moment;
        require(last <= moment, Rule::Clock, || {
            format!("`now().moment` went back: {last:?}, {moment:?}")
        })?;
        last = moment;
    }
    Ok(())
}

/// A day off may be a machine's clock; more is another unit or another beginning.
fn check_time_of_day(transport: &dyn Transport) -> Result<(), Finding> {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let (wall, own) = (transport.now().wall.get(), wall());
    require(wall.abs_diff(own) <= DAY, Rule::Clock, || {
        format!("`now().wall` is {wall}, where this machine's clock says {own}")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a transport's clock is held against this machine's own"
)]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a transport's clock is held against this machine's own"
)]
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
