use genrex_async::Error;
use genrex_async::core::proto::Escaped;
use genrex_ledger::LocalId;

use crate::clock;
use crate::connect::same_command;

/// Which job a purchase was waiting for when its time was over, and when and how to try again.
pub(crate) fn when_price_is_known(error: &Error) -> String {
    let again = same_command();
    let again = Escaped(&again);
    let job = error.local_id().filter(|job| *job > LocalId(0));
    let job = job.map_or_else(
        || String::from("an earlier job"),
        |job| format!("job {job}"),
    );
    match error.settled_at() {
        Some(at) => format!(
            "what {job} cost is awaited; again after {}: {again}",
            clock::local(at)
        ),
        None => format!(
            "what {job} cost is awaited, and it is still under way; again when it is done: {again}"
        ),
    }
}
