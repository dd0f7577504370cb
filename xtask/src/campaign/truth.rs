//! What is known here, held against what the service knows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use genrex_core::block_on;
use genrex_ledger::{Entry, Filter, Ledger as _, State};
use genrex_ledger_sqlite::SqliteLedger;
use tempfile::TempDir;

use super::plan::{Plan, pick};
use super::service::Counting;
use super::{Findings, Setting};

/// A service that counts, a folder for the program, and what must hold between them.
pub(crate) struct Scene {
    pub(crate) service: Counting,
    pub(crate) folder: TempDir,
    pub(crate) plan: Plan,
    /// `--timeout` of a batch.
    pub(crate) timeout: &'static str,
    /// Which of the keys, which spelling of the host, and when the folder moves.
    random: fastrand::Rng,
    out: String,
    moves: u32,
}

impl Scene {
    pub(crate) fn new(plan: Plan, seed: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("batch.csv"), plan.csv())?;
        if !plan.limits.is_none() {
            std::fs::create_dir(folder.path().join("genrex"))?;
            let config = folder.path().join("genrex/config.toml");
            std::fs::write(config, plan.limits.toml())?;
        }
        Ok(Self {
            service: Counting::start(plan.options.clone())?,
            folder,
            plan,
            timeout: "60s",
            random: fastrand::Rng::with_seed(seed),
            out: String::from("out"),
            moves: 0,
        })
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// The program on the batch; with a planted bug, the worker in its place. Each has its own key and spelling of
    /// the host.
    pub(crate) fn command(&mut self, setting: &Setting) -> Command {
        let out = self.out.clone();
        self.command_on("batch.csv", &out, setting)
    }

    /// The same on another file and folder.
    pub(crate) fn command_on(&mut self, file: &str, out: &str, setting: &Setting) -> Command {
        let mut command = match setting.bug {
            None => {
                let mut command = Command::new(&setting.genrex);
                command.args(["batch", file, "--out-dir", out, "--quiet"]);
                command.args(["--poll-interval", "10ms", "--timeout", self.timeout]);
                command
            }
            Some(bug) => {
                let mut command = Command::new(&setting.xtask);
                command.args(["planted", bug, ".", &self.url(), file]);
                command
            }
        };
        self.surround(&mut command);
        command
    }

    /// Any other call of the program.
    pub(crate) fn genrex(&mut self, setting: &Setting, arguments: &[&str]) -> Command {
        let mut command = Command::new(&setting.genrex);
        command.args(arguments);
        self.surround(&mut command);
        command
    }

    /// Renames the batch's folder now and then.
    pub(crate) fn perhaps_move(&mut self) -> std::io::Result<()> {
        let folder = self.folder.path();
        if self.random.u8(..) >= 64 || !folder.join(&self.out).exists() {
            return Ok(());
        }
        self.moves += 1;
        let name = format!("out {}", self.moves);
        std::fs::rename(folder.join(&self.out), folder.join(&name))?;
        self.out = name;
        Ok(())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.service.port())
    }

    fn surround(&mut self, command: &mut Command) {
        let host = pick(
            &mut self.random,
            &["http://127.0.0.1", "http://localhost", "HTTP://LocalHost"],
        );
        let url = format!("{host}:{}", self.service.port());
        let keys = [
            ("sandbox-key", "sandbox-secret"),
            ("second-key", "second-secret"),
        ];
        let (key, secret) = pick(&mut self.random, &keys);
        command
            .current_dir(self.folder.path())
            .env("GENREX_LEDGER", self.ledger())
            .env("GENREX_BASE_URL", url)
            .env("GENREX_API_KEY", key)
            .env("GENREX_API_SECRET", secret)
            .env("XDG_CONFIG_HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    }

    /// Runs the batch to its end, and holds what is known here against what the service knows.
    ///
    /// `told` is what earlier runs wrote to standard error.
    pub(crate) fn settle_and_check(
        &mut self,
        setting: &Setting,
        told: &str,
    ) -> anyhow::Result<Findings> {
        self.service.begin_run();
        let ended = self.command(setting).stderr(Stdio::piped()).output()?;
        self.service.end_run(false);
        if setting.bug.is_some() {
            // A worker with a planted bug downloads nothing: what it knows is all that it can be held against.
            return self.known();
        }
        let mut findings = self.check(told)?;
        // 0 is done, 4 has something that failed at the service, 6 has reached a limit, 7 has something ambiguous.
        let code = ended.status.code();
        let is_limited = !self.plan.limits.is_none();
        let is_end = matches!(code, Some(0 | 4 | 7)) || (is_limited && code == Some(6));
        if !is_end {
            let said = String::from_utf8_lossy(&ended.stderr);
            findings
                .wrong
                .push(format!("the last run ended with {code:?}: {}", said.trim()));
        }
        Ok(findings)
    }

    /// Holds each job of the service against the ledger, wherever it stands.
    pub(crate) fn known(&self) -> anyhow::Result<Findings> {
        self.service.wait_until_idle();
        Ok(compare(
            &self.service,
            &self.service.jobs(),
            &self.entries()?,
            "",
            |_, _| Findings::default(),
        ))
    }

    /// What the ledger holds.
    pub(crate) fn entries(&self) -> anyhow::Result<Vec<Entry>> {
        let ledger = SqliteLedger::open(self.ledger())?;
        Ok(block_on(ledger.entries(&Filter::default()))?)
    }

    fn check(&self, told: &str) -> anyhow::Result<Findings> {
        self.service.wait_until_idle();
        let ledger = SqliteLedger::open(self.ledger())?;
        block_on(ledger.recover(1))?;
        let entries = block_on(ledger.entries(&Filter::default()))?;
        let jobs = self.service.jobs();
        let mut findings = compare(&self.service, &jobs, &entries, told, state_of);
        let ghosts = entries.iter().filter_map(|entry| entry.query_id.as_ref());
        for ghost in ghosts.filter(|id| !jobs.iter().any(|(own, _)| own == id.as_str())) {
            findings.wrong.push(format!(
                "the ledger knows {ghost}, which the service does not"
            ));
        }
        if let Ok(files) = std::fs::read_dir(self.folder.path().join(&self.out)) {
            let files = files.flatten().map(|file| file.path());
            for file in files.filter(|file| file.extension().is_some_and(|it| it == "wav")) {
                findings.wrong.extend(truncated(&file));
            }
        }
        Ok(findings)
    }
}

/// Holds each job of the service against the ledger.
///
/// An id that a client must have kept has to be in the ledger by itself. Any other job may be there as an
/// ambiguous one of the same text: one entry stands for one job.
pub(crate) fn compare(
    service: &Counting,
    jobs: &[(String, String)],
    entries: &[Entry],
    told: &str,
    state: fn(&Entry, &str) -> Findings,
) -> Findings {
    let mut findings = Findings::default();
    let mut bought: HashMap<&str, u64> = HashMap::new();
    let mut ambiguous: HashMap<&str, u64> = HashMap::new();
    let nameless = entries
        .iter()
        .filter(|entry| entry.state == State::Ambiguous && entry.unconfirmed_id.is_none());
    for entry in nameless {
        *ambiguous.entry(&entry.text).or_default() += 1;
    }
    for (id, text) in jobs {
        *bought.entry(text).or_default() += 1;
        if let Some(entry) = entries.iter().find(|entry| has_id(entry, id)) {
            findings.add(state(entry, id));
            continue;
        }
        let left = ambiguous.entry(text).or_default();
        if service.is_demanded(id) && !told.contains(id) {
            findings.lost += 1;
            findings
                .wrong
                .push(format!("{id} was read whole, and is not in the ledger"));
        } else if *left > 0 {
            *left -= 1;
            findings.reported += 1;
        } else {
            findings.lost += 1;
        }
    }
    findings.doubled = bought.values().map(|count| count - 1).sum();
    findings
}

/// Whether the ledger knows this id of a job.
fn has_id(entry: &Entry, id: &str) -> bool {
    let ids = [&entry.query_id, &entry.unconfirmed_id];
    ids.into_iter().flatten().any(|own| own.as_str() == id)
}

/// Whether a job stands where it has to after a run to the end.
fn state_of(entry: &Entry, id: &str) -> Findings {
    let mut findings = Findings::default();
    match entry.state {
        State::Downloaded => {
            let path = entry.path.as_deref().unwrap_or_default();
            findings.wrong.extend(truncated(Path::new(path)));
        }
        State::Failed if entry.text.starts_with("sandbox:fail") => {}
        // An id in a broken answer: it is known, and a person is told.
        State::Ambiguous => findings.reported += 1,
        state => findings
            .wrong
            .push(format!("{id} is {state} after the last run")),
    }
    findings
}

/// Says so if a file under a final name is not as long as it says itself.
fn truncated(path: &Path) -> Option<String> {
    let file = match std::fs::read(path) {
        Ok(file) => file,
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    let length = file.get(4..8).and_then(|four| four.try_into().ok());
    let whole = length.map(|length| usize::try_from(u32::from_le_bytes(length)).unwrap_or(0) + 8);
    (whole != Some(file.len()) || file.len() < 44 + 5 * 64_000)
        .then(|| format!("{} has {} bytes", path.display(), file.len()))
}
