//! Which crate uses which: arrows point up only.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::LAYERS;

/// These are no part of the house: they may use all of it, and nobody may use them.
const OUTSIDE: [&str; 3] = ["genrex-fuzz", "genrex-tests", "xtask"];

pub(super) fn check(shell: &Shell) -> anyhow::Result<()> {
    let metadata = cmd!(shell, "cargo metadata --format-version 1 --no-deps")
        .quiet()
        .read()?;
    let used = used(&serde_json::from_str(&metadata)?)?;
    let wrong = wrong(&used);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("arrows: {} crates, as documented", LAYERS.len());
    Ok(())
}

/// The crates of this workspace that each is linked with; what only its tests use is left out.
fn used(metadata: &Value) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    packages
        .iter()
        .map(|package| {
            let name = text(&package["name"]).context("a package without a name")?;
            let dependencies = package["dependencies"]
                .as_array()
                .context("no dependencies")?;
            let linked = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| text(&dependency["name"]))
                .filter(|name| name.starts_with("genrex-"));
            Ok((name, linked.collect()))
        })
        .collect()
}

pub(super) fn wrong(used: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut wrong = Vec::new();
    for layer in &LAYERS {
        let Some(uses) = used.get(layer.name) else {
            wrong.push(format!("there is no crate {}", layer.name));
            continue;
        };
        let others = uses.iter().filter(|name| {
            let name = name.as_str();
            name != layer.name && !layer.may_use.contains(&name)
        });
        wrong.extend(others.map(|other| format!("{} must not use {other}", layer.name)));
    }
    let known =
        |name: &str| OUTSIDE.contains(&name) || LAYERS.iter().any(|layer| layer.name == name);
    let unknown = used.keys().filter(|name| !known(name));
    wrong.extend(unknown.map(|name| format!("{name} is in no layer")));
    wrong
}
