//! Each library's public surface as a text, so that a change of it is seen in review.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use xshell::{Shell, cmd};

use crate::layers::LAYERS;

/// Set where this program stands in for rustdoc.
const AS_RUSTDOC: &str = "GENREX_XTASK_AS_RUSTDOC";

/// What a derive writes is said by the line of its `impl`.
const DERIVED: [&str; 9] = [
    "core::clone::Clone",
    "core::cmp::Eq",
    "core::cmp::Ord",
    "core::cmp::PartialEq",
    "core::cmp::PartialOrd",
    "core::fmt::Debug",
    "core::fmt::Display",
    "core::hash::Hash",
    "core::marker::",
];

/// rustdoc's JSON is not stable, so the stable rustdoc asks for this variable. It is set for rustdoc alone:
/// build scripts look at it too, and would build every crate anew.
pub(crate) fn as_rustdoc() -> Option<anyhow::Result<()>> {
    let rustdoc = std::env::var_os(AS_RUSTDOC)?;
    let status = Command::new(rustdoc)
        .args(std::env::args_os().skip(1))
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    Some(match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow::anyhow!("rustdoc ended with {status}")),
        Err(error) => Err(error.into()),
    })
}

/// Writes the listings, or only compares them.
pub(crate) fn run(shell: &Shell, only: Option<&str>, only_check: bool) -> anyhow::Result<()> {
    let root = shell.current_dir();
    let libraries: Vec<&str> = LAYERS
        .iter()
        .map(|layer| layer.name)
        // The program's own library is for its tests and fuzzing: nobody else may rely on it.
        .filter(|name| *name != "genrex-cli")
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    ensure!(!libraries.is_empty(), "there is no such library");
    let documents = document(shell, &libraries)?;
    let mut changed = Vec::new();
    for library in libraries {
        let listing = listing(&documents.join(format!("{}.json", library.replace('-', "_"))))
            .with_context(|| library.to_owned())?;
        ensure!(
            listing.lines().count() > 5,
            "the listing of {library} is not credible"
        );
        let kept = root.join("crates").join(library).join("public-api.txt");
        if only_check {
            let before = std::fs::read_to_string(&kept).unwrap_or_default();
            if before != listing {
                print_difference(library, &before, &listing);
                changed.push(library);
            }
        } else {
            std::fs::write(&kept, &listing)?;
        }
        println!("{library}: {} lines", listing.lines().count());
    }
    ensure!(
        changed.is_empty(),
        "the public surface of {changed:?} is not the one that is kept: if that is meant, run \
         `cargo xtask public-api`, and say in CHANGELOG.md what it means for users"
    );
    Ok(())
}

/// Lets rustdoc describe the libraries with all their features, and returns the folder of what it wrote.
fn document(shell: &Shell, libraries: &[&str]) -> anyhow::Result<PathBuf> {
    let metadata = cmd!(shell, "cargo metadata --format-version 1 --no-deps")
        .quiet()
        .read()?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("no target")?;
    let packages = libraries.iter().flat_map(|name| ["--package", name]);
    let rustdoc = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    cmd!(
        shell,
        "cargo doc --quiet --no-deps --lib --all-features {packages...}"
    )
    .env(AS_RUSTDOC, rustdoc)
    .env("RUSTDOC", std::env::current_exe()?)
    .env(
        "RUSTDOCFLAGS",
        "-Z unstable-options --output-format json --cap-lints allow",
    )
    .quiet()
    .run()?;
    Ok(Path::new(target).join("doc"))
}

fn listing(document: &Path) -> anyhow::Result<String> {
    let api = match public_api::Builder::from_rustdoc_json(document)
        .sorted(true)
        .omit_blanket_impls(true)
        .build()
    {
        Ok(api) => api,
        Err(error) => bail!(
            "what this rustdoc writes cannot be read ({error}): the version of the crate public-api in \
             Cargo.toml belongs to one version of Rust"
        ),
    };
    let mut lines: Vec<String> = api.items().map(ToString::to_string).collect();
    lines = without_derived(&lines);
    lines.dedup();
    Ok(lines.join("\n") + "\n")
}

/// Leaves out the methods of derived traits, and what the compiler adds by itself; auto traits that a type lacks
/// (`impl !Send`) stay.
fn without_derived(lines: &[String]) -> Vec<String> {
    const AUTO: [&str; 7] = [
        "core::marker::Freeze for",
        "core::marker::Send for",
        "core::marker::StructuralPartialEq for",
        "core::marker::Sync for",
        "core::marker::Unpin for",
        "core::panic::unwind_safe::",
        "core::marker::UnsafeUnpin for",
    ];
    // Whether they are there or not, nobody relies on them.
    const LACKED: [&str; 3] = [
        "!core::marker::Freeze",
        "!core::panic::unwind_safe::",
        "UnsafeUnpin for",
    ];
    let mut inside = false;
    let mut kept = Vec::new();
    for line in lines {
        let implements = line.strip_prefix("impl");
        if let Some(rest) = implements {
            inside = DERIVED
                .iter()
                .any(|derived| rest.contains(&format!(" {derived}")))
                && rest.contains(" for ");
            let auto = AUTO.iter().any(|auto| rest.contains(&format!(" {auto}")))
                || LACKED.iter().any(|auto| rest.contains(auto));
            if !auto {
                kept.push(line.clone());
            }
            continue;
        }
        let is_member = line.starts_with("pub fn ") || line.starts_with("pub const fn ");
        if inside && is_member {
            continue;
        }
        inside = false;
        kept.push(line.clone());
    }
    kept
}

fn print_difference(library: &str, before: &str, now: &str) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, now) = (lines(before), lines(now));
    for line in before.iter().filter(|line| !now.contains(line)) {
        println!("{library}: - {line}");
    }
    for line in now.iter().filter(|line| !before.contains(line)) {
        println!("{library}: + {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_trait_is_one_line_and_an_own_method_stays() {
        let lines = [
            "impl core::clone::Clone for a::B",
            "pub fn a::B::clone(&self) -> a::B",
            "impl core::marker::Send for a::B",
            "impl !core::marker::Sync for a::B",
            "impl a::B",
            "pub fn a::B::name(&self) -> &str",
        ]
        .map(str::to_owned);
        let kept = without_derived(&lines);
        assert_eq!(
            kept,
            [&lines[0], &lines[3], &lines[4], &lines[5]].map(String::clone)
        );
    }
}
