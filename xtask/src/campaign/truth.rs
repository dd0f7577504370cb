use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use genrex_core::block_on;
use genrex_ledger::{Filter, Ledger as _, State};
use genrex_ledger_sqlite::SqliteLedger;
use genrex_sandbox::{Options, Sandbox};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Findings, Setting};

/// A service that counts, a folder for the program, and what must hold between them.
pub(crate) struct Scene {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    pub(crate) folder: TempDir,
    pub(crate) rows: u64,
}

impl Scene {
    /// The duration of each piece, in seconds: the shortest.
    pub(crate) const SECONDS: u64 = 5;

    pub(crate) fn new(rows: u64) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let mut options = Options::default();
        options.render_time = Duration::from_millis(1);
        options.quota = u64::MAX / 2;
        let sandbox = runtime.block_on(Sandbox::start(options))?;
        let folder = tempfile::tempdir()?;
        let lines = (0..rows).map(|row| format!("piece {row},{}\n", Self::SECONDS));
        std::fs::write(
            folder.path().join("batch.csv"),
            format!("text,duration\n{}", lines.collect::<String>()),
        )?;
        Ok(Self {
            runtime,
            sandbox: Some(sandbox),
            folder,
            rows,
        })
    }

    fn sandbox(&self) -> anyhow::Result<&Sandbox> {
        self.sandbox.as_ref().context("the sandbox is gone")
    }

    pub(crate) fn url(&self) -> anyhow::Result<String> {
        Ok(self.sandbox()?.url().to_owned())
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// The program on the batch; with a planted bug, the worker in its place.
    pub(crate) fn command(&self, setting: &Setting, bug: Option<&str>) -> anyhow::Result<Command> {
        self.command_into("out", setting, bug)
    }

    /// The same with its audio in a folder of its own, which makes it a batch of its own.
    pub(crate) fn command_into(
        &self,
        out: &str,
        setting: &Setting,
        bug: Option<&str>,
    ) -> anyhow::Result<Command> {
        let mut command = match bug {
            None => {
                let mut command = Command::new(&setting.genrex);
                command.args([
                    "batch",
                    "batch.csv",
                    "--out-dir",
                    out,
                    "--poll-interval",
                    "10ms",
                    "--quiet",
                ]);
                command
            }
            Some(bug) => {
                let mut command = Command::new(&setting.xtask);
                command.args(["planted", bug, ".", &self.url()?, &self.rows.to_string()]);
                command
            }
        };
        command
            .current_dir(self.folder.path())
            .env("GENREX_LEDGER", self.ledger())
            .env("GENREX_BASE_URL", self.url()?)
            .env("GENREX_API_KEY", "sandbox-key")
            .env("GENREX_API_SECRET", "sandbox-secret")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(command)
    }

    /// Runs the batch to its end, and holds what is known here against what the service knows.
    pub(crate) fn settle_and_check(
        &self,
        setting: &Setting,
        bug: Option<&str>,
    ) -> anyhow::Result<Findings> {
        let ended = self.command(setting, bug)?.output()?;
        let mut findings = self.check()?;
        // 0 is done, 7 has something ambiguous: the only ways in which an undisturbed run may end.
        if bug.is_none() && !matches!(ended.status.code(), Some(0 | 7)) {
            findings
                .wrong
                .push(format!("the last run ended with {:?}", ended.status.code()));
        }
        Ok(findings)
    }

    pub(crate) fn credits_used(&self) -> anyhow::Result<u64> {
        Ok(self.sandbox()?.credits_used())
    }

    fn check(&self) -> anyhow::Result<Findings> {
        let mut findings = Findings::default();
        let jobs = self.sandbox()?.jobs();
        let ledger = SqliteLedger::open(self.ledger())?;
        block_on(ledger.recover(1))?;
        let entries = block_on(ledger.entries(&Filter::default()))?;
        let known = |id: &str| {
            entries.iter().find(|entry| {
                entry
                    .query_id
                    .as_ref()
                    .is_some_and(|own| own.as_str() == id)
            })
        };
        let mut bought: HashMap<&str, u64> = HashMap::new();
        for (id, text) in &jobs {
            *bought.entry(text).or_default() += 1;
            match known(id) {
                Some(entry) if entry.state == State::Downloaded => {
                    let path = entry.path.as_deref().unwrap_or_default();
                    findings.wrong.extend(truncated(Path::new(path)));
                }
                Some(entry) => findings
                    .wrong
                    .push(format!("{id} is {} after the last run", entry.state)),
                None => {
                    let is_reported = entries
                        .iter()
                        .any(|entry| entry.state == State::Ambiguous && entry.text == *text);
                    if is_reported {
                        findings.reported += 1;
                    } else {
                        findings.lost += 1;
                    }
                }
            }
        }
        findings.doubled = bought.values().map(|count| count - 1).sum();
        let ghosts = entries.iter().filter_map(|entry| entry.query_id.as_ref());
        for ghost in ghosts.filter(|id| !jobs.iter().any(|(own, _)| own == id.as_str())) {
            findings.wrong.push(format!(
                "the ledger knows {ghost}, which the service does not"
            ));
        }
        if let Ok(files) = std::fs::read_dir(self.folder.path().join("out")) {
            for file in files
                .flatten()
                .filter(|file| file.path().extension().is_some_and(|it| it == "wav"))
            {
                findings.wrong.extend(truncated(&file.path()));
            }
        }
        Ok(findings)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            let _entered = self.runtime.enter();
            drop(sandbox);
        }
    }
}

/// Says so if a file under a final name is not whole.
fn truncated(path: &Path) -> Option<String> {
    const WHOLE: u64 = 44 + Scene::SECONDS * 64_000;
    match path.metadata() {
        Ok(found) if found.len() == WHOLE => None,
        Ok(found) => Some(format!("{} has {} bytes", path.display(), found.len())),
        Err(error) => Some(format!("{}: {error}", path.display())),
    }
}
