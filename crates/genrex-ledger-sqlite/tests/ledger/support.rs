//! What the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;

use genrex_ledger::{
    Account, Alias, Entry, Error, Event, Intent, Ledger as _, Limits, LocalId, Look, State,
};
use genrex_ledger_sqlite::SqliteLedger;
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) const NOW: u64 = 1_717_574_785_354;
pub(crate) const ORIGIN: &str = "https://api.genrex.com";

/// A place for a ledger, in a folder that ends with the test.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genrex/ledger.db");
    (folder, path)
}

/// A ledger at its place.
pub(crate) fn ledger() -> (TempDir, PathBuf, SqliteLedger) {
    let (folder, path) = place();
    let ledger = SqliteLedger::open(&path).unwrap();
    (folder, path, ledger)
}

pub(crate) fn account() -> Account {
    Account::new(ORIGIN, "u1")
}

pub(crate) fn alias() -> Alias {
    Alias::new(ORIGIN, "key")
}

/// A new intent, unlike any other.
pub(crate) fn intent(text: &str) -> Intent {
    static KEY: AtomicU64 = AtomicU64::new(1);
    let process = u128::from(std::process::id()) << 64;
    let key = process | u128::from(KEY.fetch_add(1, Ordering::Relaxed));
    Intent::new(key, account(), text, 10, text.as_bytes())
}

/// An intent of which each is known to cost 10 credits, and all together so many at most.
pub(crate) fn limited(text: &str, total: u64) -> Intent {
    let mut limits = Limits::default();
    (limits.per_job, limits.total) = (Some(10), Some(total));
    intent(text).after(Look::new(0)).within(limits)
}

pub(crate) fn intend(ledger: &SqliteLedger, text: &str) -> LocalId {
    wait(ledger.intend(&intent(text), NOW)).unwrap().id
}

/// A job that was sent.
pub(crate) fn send(ledger: &SqliteLedger, text: &str) -> LocalId {
    let id = intend(ledger, text);
    record(ledger, id, &Event::Sent).unwrap();
    id
}

pub(crate) fn record(ledger: &SqliteLedger, id: LocalId, event: &Event) -> Result<Entry, Error> {
    wait(ledger.record(id, event, NOW + 1))
}

pub(crate) fn entry(ledger: &SqliteLedger, id: LocalId) -> Entry {
    wait(ledger.entry(id)).unwrap().unwrap()
}

pub(crate) fn state(ledger: &SqliteLedger, id: LocalId) -> State {
    entry(ledger, id).state
}

pub(crate) fn accepted(id: &str) -> Event {
    Event::Accepted(id.parse().unwrap())
}

pub(crate) fn downloaded() -> Event {
    Event::Downloaded {
        path: "a.wav".into(),
        bytes: 7,
        sha256: "00".into(),
    }
}

/// Another hand on the file, as a person with a shell would have.
pub(crate) fn by_hand(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

/// The file beside the ledger with this at the end of its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// How many transactions the log of a ledger holds: in it each ends with a page that says how long the
/// database is.
pub(crate) fn transactions(path: &Path) -> usize {
    let log = fs::read(beside(path, "-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page = usize::try_from(number(8)).unwrap();
    let (salt, frame) = (&log[16..24], 24 + page);
    let frames = (32..log.len()).step_by(frame);
    // What is left of an older log has another salt.
    frames
        .filter(|at| log.len() >= at + frame && &log[at + 8..at + 16] == salt)
        .filter(|at| number(at + 4) != 0)
        .count()
}

/// What a future comes to.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    futures_executor::block_on(future)
}

/// Polls a future once, which queues its request.
pub(crate) fn begin<F: Future + ?Sized>(future: &mut Pin<Box<F>>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
}

/// Gives other threads a turn.
#[expect(clippy::disallowed_methods, reason = "another thread is waited for")]
pub(crate) fn rest() {
    thread::sleep(std::time::Duration::from_millis(30));
}

/// Waits until something is so, for ten seconds at most.
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("it did not come to pass: {what}");
}
