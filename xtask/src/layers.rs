//! The layers: which crate may use which, what pure crates must not touch, and that clients and front ends
//! hold no rule of their own. ARCHITECTURE.md shows them.

mod arrows;
mod decisions;
mod printing;
mod purity;
#[cfg(test)]
mod tests;

use anyhow::ensure;
use xshell::Shell;

use crate::source::{self, Module};

/// A crate of the workspace, and what holds for it.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    /// The crates of this workspace that it may use.
    may_use: &'static [&'static str],
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No clock, no socket, no file, no thread, no runtime.
    Pure,
    /// One transport, and the client that users meet: no decision.
    Client,
    /// Parses, schedules and renders: no decision about credits or the wire, and one module that prints.
    FrontEnd,
    /// A storage, a place for files, a service to test with.
    Other,
}

pub(crate) const LAYERS: [Layer; 12] = [
    layer("genrex-sign", Kind::Pure, &[]),
    layer("genrex-proto", Kind::Pure, &[]),
    layer("genrex-ledger", Kind::Pure, &["genrex-proto"]),
    layer(
        "genrex-core",
        Kind::Pure,
        &["genrex-ledger", "genrex-proto", "genrex-sign"],
    ),
    layer("genrex-file", Kind::Other, &[]),
    layer("genrex-ledger-rescue", Kind::Other, &["genrex-ledger"]),
    layer(
        "genrex-ledger-sqlite",
        Kind::Other,
        &["genrex-ledger", "genrex-ledger-rescue", "genrex-proto"],
    ),
    layer(
        "genrex-ledger-postgres",
        Kind::Other,
        &["genrex-ledger", "genrex-ledger-rescue", "genrex-proto"],
    ),
    layer(
        "genrex-sandbox",
        Kind::Other,
        &["genrex-proto", "genrex-sign"],
    ),
    layer(
        "genrex-async",
        Kind::Client,
        &["genrex-core", "genrex-file"],
    ),
    layer(
        "genrex-blocking",
        Kind::Client,
        &["genrex-core", "genrex-file"],
    ),
    layer(
        "genrex-cli",
        Kind::FrontEnd,
        &[
            "genrex-async",
            "genrex-file",
            "genrex-ledger",
            "genrex-ledger-postgres",
            "genrex-ledger-sqlite",
            "genrex-sandbox",
            "genrex-sign",
        ],
    ),
];

const fn layer(name: &'static str, kind: Kind, may_use: &'static [&'static str]) -> Layer {
    Layer {
        name,
        may_use,
        kind,
    }
}

/// What stands in a source and must not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    file: String,
    line: usize,
    what: String,
}

/// What stands in a source, and may, and why. Keep it empty if you can.
const ALLOWED: [(&str, &str, &str); 1] = [(
    "crates/genrex-cli/src/output.rs",
    "`split_once`",
    "clap renders its error and the help that follows as one text: only the first part is shown, and nothing \
     is decided by it",
)];

pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    arrows::check(shell)?;
    let root = shell.current_dir();
    let mut violations = Vec::new();
    for layer in &LAYERS {
        let modules = source::modules(&root, layer.name)?;
        ensure!(
            modules
                .iter()
                .map(|module| module.items.len())
                .sum::<usize>()
                > 0,
            "{} has no sources: that is not credible",
            layer.name
        );
        for module in &modules {
            violations.extend(violations_of(layer, module));
        }
        println!("{}: {} modules read", layer.name, modules.len());
    }
    violations.retain(|violation| !is_allowed(violation));
    for Violation { file, line, what } in &violations {
        println!("{file}:{line}: {what}");
    }
    ensure!(
        violations.is_empty(),
        "{} places break the layers",
        violations.len()
    );
    println!("layers: {} crates keep to them", LAYERS.len());
    Ok(())
}

fn violations_of(layer: &Layer, module: &Module) -> Vec<Violation> {
    let mut found = match layer.kind {
        Kind::Pure => purity::violations(layer.name, module),
        Kind::Client => decisions::violations(layer.kind, module),
        Kind::FrontEnd => {
            let mut found = decisions::violations(layer.kind, module);
            found.extend(printing::violations(module));
            found
        }
        Kind::Other => Vec::new(),
    };
    found.sort();
    found.dedup();
    found
}

fn is_allowed(violation: &Violation) -> bool {
    ALLOWED
        .iter()
        .any(|(file, what, _why)| violation.file == *file && violation.what.contains(what))
}
