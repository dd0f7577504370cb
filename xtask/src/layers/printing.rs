//! One module of a front end prints and draws, and escapes what it shows. Nothing else reaches a terminal.

use super::Violation;
use crate::source::Module;
use crate::tokens;

/// The module that prints, with those in it.
const PRINTS: &str = "output";
/// What reaches standard output or standard error.
const STREAMS: [&[&str]; 16] = [
    &["anstream"],
    &["indicatif"],
    &["clap", "error"],
    &["std", "io", "*"],
    &["std", "io", "stderr"],
    &["std", "io", "stdout"],
    &["std", "io", "Stderr"],
    &["std", "io", "Stdout"],
    &["tokio", "io", "*"],
    &["tokio", "io", "stderr"],
    &["tokio", "io", "stdout"],
    &["dbg"],
    &["eprint"],
    &["eprintln"],
    &["print"],
    &["println"],
];

pub(super) fn violations(module: &Module) -> Vec<Violation> {
    let within = format!("{PRINTS}::");
    if module.path == PRINTS || module.path.starts_with(&within) {
        return Vec::new();
    }
    let names = tokens::named(module).into_iter();
    let printing = names.filter(|named| STREAMS.iter().any(|path| named.begins_with(path)));
    printing
        .map(|named| Violation {
            file: module.file.clone(),
            line: named.line,
            what: format!("`{PRINTS}` prints: {}", named.path.join("::")),
        })
        .collect()
}
