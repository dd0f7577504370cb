//! Whether each crate is ready to be published, and what its package holds.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::layers::LAYERS;

const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The largest file that a package should need, in bytes.
const LARGEST: usize = 512 * 1024;

/// What a package may hold beside these: what is in `FOLDERS`, of a kind in `KINDS`.
const FILES: [&str; 7] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
];
const FOLDERS: [&str; 4] = ["examples", "migrations", "src", "vectors"];
const KINDS: [&str; 4] = ["json", "rs", "sql", "txt"];

pub(crate) fn run(shell: &Shell, no_verify: bool) -> anyhow::Result<()> {
    let metadata = cmd!(shell, "cargo metadata --format-version 1 --no-deps")
        .quiet()
        .read()?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str().context("no target")?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let mut wrong = wrongly_private(packages);
    let packages = packages.iter().filter(|package| is_published(package));
    let packages: Vec<&Value> = packages.collect();
    for package in &packages {
        wrong.extend(missing(package));
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Cargo orders them, and lets each find the packages of those that it depends on.
    let names = packages
        .iter()
        .filter_map(|package| package["name"].as_str());
    let names: Vec<_> = names.flat_map(|name| ["--package", name]).collect();
    cmd!(
        shell,
        "cargo package --quiet --allow-dirty --no-verify {names...}"
    )
    .quiet()
    .run()?;
    let folder = Path::new(target).join("package/unpacked");
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    for package in packages {
        let name = package["name"].as_str().context("no name")?;
        let version = package["version"].as_str().context("no version")?;
        let archive = format!("{target}/package/{name}-{version}.crate");
        let files = unpacked(shell, &archive, &folder, &format!("{name}-{version}"))?;
        println!("{name} {version}: {} files", files.len());
        for (file, content) in &files {
            println!("  {file} ({} bytes)", content.len());
        }
        wrong.extend(odd(&files).into_iter().map(|odd| format!("{name}: {odd}")));
        for licence in LICENCES {
            let held = files.iter().find(|(file, _)| file == licence);
            let own = shell.read_binary_file(licence)?;
            if held.is_none_or(|(_, content)| *content != own) {
                wrong.push(format!("{name}: {licence} is not the workspace's"));
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    if !no_verify {
        verify(shell, &folder)?;
    }
    println!("package: all that is published is ready to be");
    Ok(())
}

fn is_published(package: &Value) -> bool {
    package["publish"].is_null()
}

/// Only what is no part of the house stays unpublished.
fn wrongly_private(packages: &[Value]) -> Vec<String> {
    let house: BTreeSet<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    packages
        .iter()
        .filter_map(|package| Some((package["name"].as_str()?, is_published(package))))
        .filter(|(name, published)| house.contains(name) != *published)
        .map(|(name, published)| {
            let is = if published { "is" } else { "is not" };
            format!("{name} {is} published")
        })
        .collect()
}

/// What a registry, or a reader of it, would look for in vain.
fn missing(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let is_missing = |field: &&&str| match &package[**field] {
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty() || values.len() > 5,
        _ => true,
    };
    [
        "authors",
        "categories",
        "description",
        "keywords",
        "license",
        "readme",
        "repository",
        "rust_version",
    ]
    .iter()
    .filter(is_missing)
    .map(|field| format!("{name} has no {field}, or too many"))
    .collect()
}

/// Checks that what was packaged compiles: each package with the others as a registry would give them.
/// Cargo's own way builds all dependencies again, and this one takes those of the workspace.
fn verify(shell: &Shell, folder: &Path) -> anyhow::Result<()> {
    let mut manifest =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n".to_owned();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let package = name.rsplit_once('-').map_or(&*name, |(package, _)| package);
        writeln!(manifest, "{package} = {{ path = {name:?} }}")?;
    }
    shell.copy_file("Cargo.lock", folder.join("Cargo.lock"))?;
    let path = folder.join("Cargo.toml");
    shell.write_file(&path, manifest)?;
    let target = folder.join("../..");
    cmd!(
        shell,
        "cargo check --quiet --workspace --manifest-path {path} --target-dir {target}"
    )
    .quiet()
    .run()
    .context("what was packaged does not compile by itself")
}

/// The files of a package, without the folder that they are in.
fn unpacked(
    shell: &Shell,
    archive: &str,
    folder: &Path,
    top: &str,
) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    // Cargo gives all files one old time; what was built of an older package would pass for this one.
    cmd!(
        shell,
        "tar --extract --touch --gzip --file {archive} --directory {folder}"
    )
    .quiet()
    .run()?;
    let top = folder.join(top);
    let mut files = Vec::new();
    collect(&top, &top, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(top: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(top, &path, files)?;
        } else {
            let name = path.strip_prefix(top)?.display().to_string();
            files.push((name, std::fs::read(&path)?));
        }
    }
    Ok(())
}

/// What does not belong into a package, or is missing in it.
fn odd(files: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut odd = Vec::new();
    for (name, content) in files {
        let path = Path::new(name);
        let inside = FOLDERS.iter().any(|folder| path.starts_with(folder));
        let kind = path.extension().and_then(|kind| kind.to_str());
        let known = inside && kind.is_some_and(|kind| KINDS.contains(&kind));
        if !known && !FILES.contains(&name.as_str()) {
            odd.push(format!("{name} is odd"));
        }
        if content.len() > LARGEST {
            odd.push(format!("{name} has {} bytes", content.len()));
        }
    }
    for wanted in LICENCES.iter().chain(&["Cargo.toml", "README.md"]) {
        let found = files.iter().find(|(name, _)| name == wanted);
        if found.is_none_or(|(_, content)| content.len() < 100) {
            odd.push(format!("{wanted} is missing or empty"));
        }
    }
    odd
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<String> {
        let names = [
            "Cargo.toml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "src/lib.rs",
        ];
        let mut files = names
            .map(|name| (name.to_owned(), vec![b'x'; 200]))
            .to_vec();
        change(&mut files);
        odd(&files)
    }

    #[test]
    fn what_is_odd_in_a_package_is_seen() {
        assert_eq!(package(|_| ()), Vec::<String>::new());
        for name in [
            "target/debug/x",
            ".env",
            "src/song.wav",
            "tests/fixtures/key.json",
            "notes.txt",
        ] {
            let odd = package(|files| files.push((name.to_owned(), Vec::new())));
            assert_eq!(odd, [format!("{name} is odd")]);
        }
        let odd = package(|files| files[4].1 = vec![b'x'; LARGEST + 1]);
        assert_eq!(odd.len(), 1);
        let odd = package(|files| drop(files.remove(2)));
        assert_eq!(odd, ["LICENSE-MIT is missing or empty"]);
        let odd = package(|files| files[3].1.clear());
        assert_eq!(odd, ["README.md is missing or empty"]);
    }

    #[test]
    fn what_a_manifest_lacks_is_seen() {
        let whole = serde_json::json!({
            "name": "a", "authors": ["b"], "categories": ["c"], "description": "d", "keywords": ["e"],
            "license": "MIT", "readme": "README.md", "repository": "https://a.example", "rust_version": "1.88",
        });
        assert_eq!(missing(&whole), Vec::<String>::new());
        for field in ["readme", "description", "rust_version"] {
            let mut lacks = whole.clone();
            lacks[field] = Value::Null;
            assert_eq!(missing(&lacks), [format!("a has no {field}, or too many")]);
        }
        let mut many = whole.clone();
        many["keywords"] = serde_json::json!(["a", "b", "c", "d", "e", "f"]);
        assert_eq!(missing(&many).len(), 1);
    }

    #[test]
    fn a_crate_of_the_house_is_published_and_a_chore_is_not() {
        let packages = [
            serde_json::json!({"name": "genrex-core", "publish": []}),
            serde_json::json!({"name": "genrex-sign", "publish": null}),
            serde_json::json!({"name": "xtask", "publish": []}),
            serde_json::json!({"name": "genrex-tests", "publish": null}),
        ];
        assert_eq!(
            wrongly_private(&packages),
            ["genrex-core is not published", "genrex-tests is published"]
        );
    }
}
