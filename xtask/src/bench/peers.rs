//! What genrex is held against, and genrex itself: built or installed, as far as this machine can.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use xshell::{Shell, cmd};

/// Where each is; `None` for what could not be had.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The program, as it is released.
    pub(crate) genrex: PathBuf,
    /// The units of `benches`.
    pub(crate) units: PathBuf,
    /// A folder in which Node finds axios, and the scripts.
    pub(crate) node: Option<PathBuf>,
    /// A Python that has the three HTTP clients.
    pub(crate) python: Option<PathBuf>,
    pub(crate) curl: Option<PathBuf>,
    pub(crate) strace: Option<PathBuf>,
    /// What could not be had, and so is not measured.
    pub(crate) missing: Vec<String>,
}

impl Peers {
    pub(crate) fn prepare(shell: &Shell, folder: &Path) -> anyhow::Result<Self> {
        cmd!(shell, "cargo build --quiet --release --package genrex-cli")
            .run()
            .context("the program cannot be built")?;
        let target = folder.join("units");
        cmd!(
            shell,
            "cargo build --quiet --release --locked --manifest-path benches/Cargo.toml --target-dir {target}"
        )
        .run()
        .context("the units cannot be built")?;
        let mut missing = Vec::new();
        let mut found = |name: &str, had: anyhow::Result<PathBuf>| {
            had.map_err(|error| missing.push(format!("{name}: {error:#}")))
                .ok()
        };
        let node = found("Node with axios", node(shell, &folder.join("node")));
        let python = found(
            "Python with requests, httpx and aiohttp",
            python(shell, &folder.join("python")),
        );
        let curl = found("curl", installed(shell, "curl"));
        let strace = found("strace", installed(shell, "strace"));
        Ok(Self {
            genrex: shell.current_dir().join("target/release/genrex"),
            units: target.join("release/genrex-benches"),
            node,
            python,
            curl,
            strace,
            missing,
        })
    }
}

fn node(shell: &Shell, folder: &Path) -> anyhow::Result<PathBuf> {
    shell.create_dir(folder)?;
    for script in ["sign.js", "poll.js"] {
        shell.copy_file(format!("benches/scripts/{script}"), folder)?;
    }
    cmd!(shell, "node --version")
        .quiet()
        .ignore_stderr()
        .read()?;
    if !folder.join("node_modules/axios").exists() {
        cmd!(
            shell,
            "npm install --silent --no-fund --no-audit --prefix {folder} axios@1"
        )
        .quiet()
        .run()?;
    }
    Ok(folder.to_owned())
}

fn python(shell: &Shell, folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    let has_all = |shell: &Shell| {
        let import = "import aiohttp, httpx, requests";
        let tried = cmd!(shell, "{python} -c {import}");
        tried.quiet().ignore_stderr().run()
    };
    if !python.exists() || has_all(shell).is_err() {
        cmd!(shell, "python3 -m venv {folder}").quiet().run()?;
        cmd!(
            shell,
            "{python} -m pip install --quiet --disable-pip-version-check requests httpx aiohttp"
        )
        .quiet()
        .run()?;
        has_all(shell)?;
    }
    Ok(python)
}

pub(crate) fn installed(shell: &Shell, name: &str) -> anyhow::Result<PathBuf> {
    let script = format!("command -v {name}");
    let path = cmd!(shell, "sh -c {script}").quiet().read();
    path.map(PathBuf::from)
        .with_context(|| format!("{name} is not installed"))
}
