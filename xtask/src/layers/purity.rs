//! Pure crates: no clock, no socket, no file, no thread, no runtime. Time is an argument.

use super::Violation;
use crate::source::Module;
use crate::tokens;

/// What a pure crate must not name. Addresses (`IpAddr`), spans of time (`Duration`) and `UNIX_EPOCH` are
/// values, and are not here.
const FORBIDDEN: [&[&str]; 24] = [
    &["std", "*"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "net", "*"],
    &["std", "net", "TcpListener"],
    &["std", "net", "TcpStream"],
    &["std", "net", "ToSocketAddrs"],
    &["std", "net", "UdpSocket"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "time", "*"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["async_std"],
    &["futures_timer"],
    &["hyper"],
    &["mio"],
    &["reqwest"],
    &["rusqlite"],
    &["smol"],
    &["socket2"],
    &["tokio"],
    &["ureq"],
];

/// What is allowed after all: crate, module, path, and why.
const EXEMPT: [(&str, &str, &[&str], &str); 3] = [
    (
        "genrex-core",
        "block_on",
        &["std", "thread"],
        "it parks its caller's thread until the future is woken",
    ),
    (
        "genrex-core",
        "testing",
        &["std"],
        "it is what tests of users' code are made of, over real sockets too",
    ),
    (
        "genrex-ledger",
        "testing",
        &["std", "thread"],
        "the suite of storages calls one from several threads",
    ),
];

/// What stays forbidden where threads may be named.
const NEVER_BUT_IN_TESTING: [&[&str]; 2] =
    [&["std", "thread", "spawn"], &["std", "thread", "sleep"]];

pub(super) fn violations(package: &str, module: &Module) -> Vec<Violation> {
    let exempt = |named: &tokens::Named| {
        EXEMPT.iter().any(|(of, within, path, _why)| {
            let begins = module.path.strip_prefix(within);
            let inside = begins.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
            let never = *within != "testing"
                && NEVER_BUT_IN_TESTING
                    .iter()
                    .any(|path| named.begins_with(path));
            *of == package && inside && named.begins_with(path) && !never
        })
    };
    tokens::named(module)
        .into_iter()
        .filter(|named| FORBIDDEN.iter().any(|path| named.begins_with(path)) && !exempt(named))
        .map(|named| Violation {
            file: module.file.clone(),
            line: named.line,
            what: format!("{package} is pure, and names {}", named.path.join("::")),
        })
        .collect()
}
