use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Milliseconds since 1970, by this machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the program's own time comes from"
)]
pub(crate) fn now() -> u64 {
    let now = jiff::Timestamp::now().as_millisecond();
    u64::try_from(now).unwrap_or(0)
}

/// A time as people and the service write it: ISO 8601, UTC, milliseconds.
pub(crate) fn iso8601(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}

/// The hour, the minute and the second, as the clock on the wall says them.
pub(crate) fn time_of_day(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    time.strftime("%H:%M:%S").to_string()
}

/// The same time as the clock on the wall says it, with its distance from UTC.
pub(crate) fn local(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    let time = time.to_zoned(jiff::tz::TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// How long the program has run, by a clock that nobody sets.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the time of what is drawn comes from"
)]
pub(crate) fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}
