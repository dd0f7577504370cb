//! How long something took, with the time that this machine slept.

use std::time::Duration;

/// The time since some moment before this process began. A lease goes on while a machine sleeps, and so does this.
#[cfg(target_os = "linux")]
pub(crate) fn elapsed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
}

/// The time since the first call.
#[cfg(not(target_os = "linux"))]
#[expect(
    clippy::disallowed_methods,
    reason = "a lease ends, whatever the caller's clock says"
)]
pub(crate) fn elapsed() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Instant::now().saturating_duration_since(*BEGAN)
}

/// Waits. The database is asked again after a time, and leases are renewed after one.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread waits for a database, and is not the caller's"
)]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
