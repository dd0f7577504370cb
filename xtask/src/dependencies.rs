//! What the project claims of its dependency tree. Every check fails closed: it must find what is known
//! to be there before it may say that something is not.

use std::collections::BTreeSet;

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::layers::LAYERS;

/// A crate, what is in its tree with all features on, and what must not be.
struct Claim {
    of: &'static str,
    has: &'static str,
    has_not: &'static [&'static str],
}

const RUNTIMES: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "reqwest",
    "hyper",
    "h2",
    "futures-util",
];
const NETWORK: &[&str] = &[
    "tokio",
    "reqwest",
    "hyper",
    "ureq",
    "rustls",
    "native-tls",
    "socket2",
    "mio",
];

const CLAIMS: [Claim; 4] = [
    Claim {
        of: "genrex-blocking",
        has: "ureq",
        has_not: RUNTIMES,
    },
    Claim {
        of: "genrex-core",
        has: "http",
        has_not: NETWORK,
    },
    Claim {
        of: "genrex-proto",
        has: "serde_json",
        has_not: NETWORK,
    },
    Claim {
        of: "genrex-sign",
        has: "hmac",
        has_not: &["serde", "serde_core", "tokio", "ureq", "http"],
    },
];

/// How many crates of others may be linked in, procedural macros not counted.
const LIMITS: [(&str, usize); 3] = [
    ("genrex-blocking", 45),
    ("genrex-async", 105),
    ("genrex-cli", 200),
];

pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    for claim in &CLAIMS {
        let tree = tree(shell, claim.of, &["--all-features"])?;
        let found = claim.violations(&tree)?;
        ensure!(found.is_empty(), "{} has {found:?} in its tree", claim.of);
        println!("{}: none of {:?}", claim.of, claim.has_not);
    }
    check_control(shell)?;
    for (name, most) in LIMITS {
        let own = LAYERS.map(|layer| layer.name);
        let others = tree(shell, name, &[])?
            .into_iter()
            .filter(|name| !own.contains(&name.as_str()))
            .count();
        ensure!(
            others > 10,
            "the tree of {name} is not credible: {others} crates"
        );
        ensure!(
            others <= most,
            "{name} has {others} crates of others; {most} are allowed"
        );
        println!("{name}: {others} crates of others, of {most} at most");
    }
    Ok(())
}

impl Claim {
    fn violations(&self, tree: &BTreeSet<String>) -> anyhow::Result<Vec<&'static str>> {
        ensure!(
            tree.contains(self.has),
            "the tree of {} lacks {}: it is not credible",
            self.of,
            self.has
        );
        Ok(self
            .has_not
            .iter()
            .copied()
            .filter(|name| tree.contains(*name))
            .collect())
    }
}

/// The same check must see a runtime where there is one.
fn check_control(shell: &Shell) -> anyhow::Result<()> {
    let control = Claim {
        of: "genrex-async",
        has: "reqwest",
        has_not: RUNTIMES,
    };
    let found = control.violations(&tree(shell, control.of, &["--all-features"])?)?;
    ensure!(
        found.contains(&"tokio"),
        "the check does not see tokio in genrex-async"
    );
    println!("genrex-async: the same check sees {found:?}, as it should");
    Ok(())
}

/// The names of all crates that are linked into one, on any platform, itself included.
fn tree(shell: &Shell, name: &str, flags: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let platform: &[&str] = if flags.is_empty() {
        &[]
    } else {
        &["--target", "all"]
    };
    let tree = cmd!(
        shell,
        "cargo tree --package {name} --edges normal,no-proc-macro --prefix none {flags...} {platform...}"
    )
    .quiet()
    .read()?;
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}
