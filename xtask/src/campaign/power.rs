//! Simulated power loss: the ledger's own writes and syncs are recorded, and played up to a random place;
//! of what was not synced by then any part may be on the disk, in any order, whole or torn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use genrex_core::block_on;
use genrex_ledger::{Account, Event, Filter, Intent, Ledger as _, LocalId, State};
use genrex_ledger_sqlite::SqliteLedger;

use super::{Findings, Setting};

/// How many jobs the recorded process writes down.
const JOBS: u64 = 40;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 100;
    let cases = setting.cases.unwrap_or(SHORT);
    let steps = record(setting)?;
    let syncs = steps
        .iter()
        .filter(|step| matches!(step, Step::Sync(_)))
        .count();
    let promises = steps
        .iter()
        .filter(|step| matches!(step, Step::Promise(_)))
        .count();
    println!(
        "  recorded {} steps, {syncs} syncs, {promises} promises",
        steps.len()
    );
    ensure!(
        promises as u64 > JOBS && syncs as u64 > JOBS,
        "the record is not credible"
    );
    let mut random = fastrand::Rng::with_seed(setting.seed);
    let mut findings = Findings::default();
    for _ in 0..cases {
        // The control forgets one sync of the log on its way to the disk.
        let forgotten = setting.control.then(|| random.usize(..syncs));
        let cut = random.usize(1..=steps.len());
        findings.add(lose_power(&steps[..cut], forgotten, &mut random)?);
    }
    Ok(findings)
}

/// What the recorded process did, in order.
#[derive(Debug, Clone)]
enum Step {
    Write(PathBuf, u64, Vec<u8>),
    Truncate(PathBuf, u64),
    Sync(PathBuf),
    Remove(PathBuf),
    /// It was told that this is kept: job and state.
    Promise(String),
}

/// Runs a worker under strace and reads what it did to the ledger's files.
fn record(setting: &Setting) -> anyhow::Result<Vec<Step>> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("strace.log");
    let data = folder.path().join("data");
    std::fs::create_dir(&data)?;
    let ended = Command::new("strace")
        .args(["-f", "-qq", "-xx", "-s", "200000", "-o"])
        .arg(&log)
        .args([
            "-e",
            "trace=openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,close",
        ])
        .arg(&setting.xtask)
        .args(["planted", "none"])
        .arg(&data)
        .args(["no-url", &JOBS.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("strace cannot be run: is it installed?")?;
    ensure!(ended.success(), "the worker ended with {ended}");
    let mut open: BTreeMap<u64, PathBuf> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in std::fs::read_to_string(&log)?.lines() {
        steps.extend(read_line(line, &mut open, &data));
    }
    Ok(steps)
}

/// A line of strace's log: `1234 pwrite64(5, "\x00…", 32, 0) = 32`.
fn read_line(line: &str, open: &mut BTreeMap<u64, PathBuf>, data: &Path) -> Option<Step> {
    // Each line begins with its thread's number.
    let (_, line) = line.split_once(' ')?;
    let (call, rest) = line.trim_start().split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result: i64 = result.split_whitespace().next()?.parse().ok()?;
    if result < 0 {
        return None;
    }
    let arguments = arguments.trim_end().trim_end_matches(')');
    let fields: Vec<&str> = arguments.split(", ").collect();
    let text = |field: &str| unescape(field.trim_matches('"'));
    let of = |field: &str, open: &BTreeMap<u64, PathBuf>| open.get(&field.parse().ok()?).cloned();
    match call {
        "openat" => {
            let path = PathBuf::from(String::from_utf8(text(fields.get(1)?)?).ok()?);
            let is_ledger =
                path.starts_with(data) && path.is_absolute() && !path.ends_with("ledger.db-shm");
            if is_ledger || path == data {
                open.insert(u64::try_from(result).ok()?, path);
            }
            None
        }
        "close" => {
            open.remove(&fields.first()?.parse().ok()?);
            None
        }
        "pwrite64" => {
            let path = of(fields.first()?, open)?;
            Some(Step::Write(
                path,
                fields.get(3)?.parse().ok()?,
                text(fields.get(1)?)?,
            ))
        }
        "write" if fields.first() == Some(&"1") => Some(Step::Promise(
            String::from_utf8(text(fields.get(1)?)?)
                .ok()?
                .trim()
                .to_owned(),
        )),
        "ftruncate" => Some(Step::Truncate(
            of(fields.first()?, open)?,
            fields.get(1)?.parse().ok()?,
        )),
        "fsync" | "fdatasync" => Some(Step::Sync(of(fields.first()?, open)?)),
        "unlink" => {
            let path = PathBuf::from(String::from_utf8(text(fields.first()?)?).ok()?);
            Some(Step::Remove(path))
        }
        _ => None,
    }
}

/// `\x2f\x74` as bytes.
fn unescape(text: &str) -> Option<Vec<u8>> {
    text.split("\\x")
        .skip(1)
        .map(|two| u8::from_str_radix(two.get(..2)?, 16).ok())
        .collect()
}

/// One file: what is surely on the disk, and what may be.
#[derive(Debug, Default, Clone)]
struct Disk {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum Pending {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

impl Disk {
    fn sync(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &pending);
        }
    }

    /// What a disk may hold when the power goes: of the pending any, in any order, whole or torn.
    fn after_loss(mut self, random: &mut fastrand::Rng) -> Vec<u8> {
        const SECTOR: usize = 512;
        random.shuffle(&mut self.pending);
        for pending in self.pending {
            match (random.u8(0..4), pending) {
                (0, _) => {}
                (1, Pending::Write(at, bytes)) => {
                    let sectors = bytes.len().div_ceil(SECTOR);
                    let kept = (random.usize(..=sectors) * SECTOR).min(bytes.len());
                    apply(
                        &mut self.durable,
                        &Pending::Write(at, bytes[..kept].to_vec()),
                    );
                }
                (_, whole) => apply(&mut self.durable, &whole),
            }
        }
        self.durable
    }
}

fn apply(file: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Write(at, bytes) => {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let end = at.saturating_add(bytes.len());
            if file.len() < end {
                file.resize(end, 0);
            }
            file[at..end].copy_from_slice(bytes);
        }
        Pending::Truncate(length) => file.resize(usize::try_from(*length).unwrap_or(0), 0),
    }
}

fn lose_power(
    steps: &[Step],
    forgotten: Option<usize>,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Findings> {
    let mut disks: BTreeMap<&Path, Disk> = BTreeMap::new();
    let mut promises: Vec<&str> = Vec::new();
    let mut syncs = 0;
    for step in steps {
        match step {
            Step::Write(path, at, bytes) => {
                disks
                    .entry(path)
                    .or_default()
                    .pending
                    .push(Pending::Write(*at, bytes.clone()));
            }
            Step::Truncate(path, length) => {
                disks
                    .entry(path)
                    .or_default()
                    .pending
                    .push(Pending::Truncate(*length));
            }
            Step::Sync(path) => {
                if forgotten != Some(syncs) {
                    disks.entry(path).or_default().sync();
                }
                syncs += 1;
            }
            Step::Remove(path) => drop(disks.remove(path.as_path())),
            Step::Promise(promise) => promises.push(promise),
        }
    }
    let folder = tempfile::tempdir()?;
    for (path, disk) in disks {
        let (Some(name), false) = (
            path.file_name(),
            disk.durable.is_empty() && disk.pending.is_empty(),
        ) else {
            continue;
        };
        let path = folder.path().join(name);
        std::fs::write(&path, disk.after_loss(random))?;
        make_private(&path)?;
    }
    let mut findings = Findings {
        cases: 1,
        ..Findings::default()
    };
    let ledger = match SqliteLedger::open(folder.path().join("ledger.db")) {
        Ok(ledger) => ledger,
        Err(error) if promises.is_empty() => {
            // Nothing had been promised yet, and a half-made file is said to be one.
            drop(error);
            return Ok(findings);
        }
        Err(error) => {
            findings
                .wrong
                .push(format!("the ledger cannot be opened: {error}"));
            return Ok(findings);
        }
    };
    let entries = block_on(ledger.entries(&Filter::default()))?;
    for promise in &promises {
        let (id, state) = promise
            .split_once(' ')
            .context("a promise without a state")?;
        let promised: State = state.parse()?;
        let found = entries.iter().find(|entry| entry.id.to_string() == id);
        // A later step may be there too: it was on its way.
        let is_kept = found.is_some_and(|entry| rank(entry.state) >= rank(promised));
        findings.lost += u64::from(!is_kept);
    }
    let newest = entries
        .iter()
        .map(|entry| entry.id)
        .max()
        .unwrap_or(LocalId(0));
    let told = promises
        .iter()
        .filter(|promise| promise.ends_with("intended"))
        .count() as u64;
    if u64::try_from(newest.0)? > told + 1 {
        findings
            .wrong
            .push(format!("job {newest} is there, and {told} were intended"));
    }
    Ok(findings)
}

fn rank(state: State) -> usize {
    [
        State::Intended,
        State::Sent,
        State::Accepted,
        State::Completed,
        State::Downloaded,
    ]
    .iter()
    .position(|own| *own == state)
    .unwrap_or(0)
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The process that is recorded: writes jobs down, and says what it was promised when it was.
pub(crate) fn promise(folder: &Path, jobs: u64) -> anyhow::Result<()> {
    use std::io::Write as _;
    let ledger = SqliteLedger::open(folder.join("ledger.db"))?;
    let account = Account::new("http://127.0.0.1:1", "user");
    let mut stdout = std::io::stdout().lock();
    for job in 0..jobs {
        let intent = Intent::new(
            u128::from(job),
            account.clone(),
            format!("piece {job} {}", "x".repeat(200)),
            5,
            b"{}",
        );
        let entry = block_on(ledger.intend(&intent, job))?;
        writeln!(stdout, "{} {}", entry.id, entry.state)?;
        for event in [
            Event::Sent,
            Event::Accepted(format!("QRY_{job}").parse()?),
            Event::Completed,
        ] {
            let entry = block_on(ledger.record(entry.id, &event, job))?;
            writeln!(stdout, "{} {}", entry.id, entry.state)?;
        }
    }
    Ok(())
}
