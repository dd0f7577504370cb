//! Simulated power loss: the ledger's own writes, names and syncs are recorded, and played up to a random place; of what
//! was not synced by then any part may be on the disk.

mod disk;
mod record;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use genrex_core::block_on;
use genrex_ledger::{Account, Entry, Event, Filter, Intent, Ledger as _, LocalId, State};
use genrex_ledger_sqlite::SqliteLedger;

use self::disk::{Disk, Step};
use super::{Findings, Setting};

pub(crate) const CONTROLS: &[&str] = &["file-not-synced", "folder-not-synced"];

/// How many jobs the recorded process writes down.
const JOBS: u64 = 40;

/// Where the recorded process puts its ledger: in folders that it makes.
const LEDGER: &str = "share/genrex/ledger.db";

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 150;
    const UNTIL_CAUGHT: u64 = 10_000;
    let most = if setting.bug.is_some() {
        UNTIL_CAUGHT
    } else {
        SHORT
    };
    let cases = setting.cases.unwrap_or(most);
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let mut command = Command::new(&setting.xtask);
    command
        .args(["planted", "none"])
        .arg(&root)
        .args(["no-url", &JOBS.to_string()]);
    let steps = record::record(&command, &root)?;
    check_credible(&steps)?;
    let mut random = fastrand::Rng::with_seed(setting.seed);
    let mut findings = Findings::default();
    for _ in 0..cases {
        let steps = without_a_sync(&steps, setting.bug, &mut random);
        // Half of the losses are while the ledger is made.
        let early = random.bool().then_some(steps.len() / 10);
        let cut = random.usize(1..=early.unwrap_or(steps.len()));
        findings.add(lose_power(&steps[..cut], &root, &mut random)?);
        if setting.bug.is_some() && findings.is_caught() {
            break;
        }
    }
    Ok(findings)
}

fn check_credible(steps: &[Step]) -> anyhow::Result<()> {
    let count = |which: fn(&Step) -> bool| steps.iter().filter(|step| which(step)).count() as u64;
    let files = count(|step| matches!(step, Step::SyncFile(_)));
    let folders = count(|step| matches!(step, Step::SyncFolder(_)));
    let promises = count(|step| matches!(step, Step::Promise(_)));
    println!(
        "  recorded {} steps, {files} syncs of files and {folders} of folders, {promises} promises",
        steps.len()
    );
    ensure!(
        promises > JOBS && files > JOBS && folders > 0,
        "the record is not credible"
    );
    Ok(())
}

/// The planted bug forgets one sync on its way to the disk.
fn without_a_sync(steps: &[Step], bug: Option<&str>, random: &mut fastrand::Rng) -> Vec<Step> {
    let is_of_kind = |step: &Step| match step {
        Step::SyncFile(_) => bug == Some("file-not-synced"),
        Step::SyncFolder(_) => bug == Some("folder-not-synced"),
        _ => false,
    };
    let mut steps = steps.to_vec();
    let places = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| is_of_kind(step));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    if !places.is_empty() {
        steps.remove(places[random.usize(..places.len())]);
    }
    steps
}

fn lose_power(steps: &[Step], root: &Path, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    let mut disk = Disk::default();
    let mut promises: Vec<&str> = Vec::new();
    for step in steps {
        match step {
            Step::Promise(promise) => promises.push(promise),
            step => disk.perform(step),
        }
    }
    let folder = tempfile::tempdir()?;
    disk.lose_power(root, folder.path(), random)?;
    let mut findings = Findings {
        cases: 1,
        ..Findings::default()
    };
    match SqliteLedger::open(folder.path().join(LEDGER)) {
        Ok(ledger) => {
            let entries = block_on(ledger.entries(&Filter::default()))?;
            findings.add(hold(&promises, &entries)?);
        }
        // Nothing had been promised yet, and a half-made file is said to be one.
        Err(_) if promises.is_empty() => {}
        Err(error) => {
            let what = format!("the ledger cannot be opened: {error}");
            findings.wrong.push(what);
        }
    }
    Ok(findings)
}

/// What was promised, held against what is there.
fn hold(promises: &[&str], entries: &[Entry]) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for promise in promises {
        let (id, state) = promise
            .split_once(' ')
            .context("a promise without a state")?;
        let promised: State = state.parse()?;
        let found = entries.iter().find(|entry| entry.id.to_string() == id);
        // A later step may be there too: it was on its way.
        let is_kept = found.is_some_and(|entry| rank(entry.state) >= rank(promised));
        findings.lost += u64::from(!is_kept);
    }
    let newest = entries.iter().map(|entry| entry.id).max();
    let newest = newest.unwrap_or(LocalId(0));
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

/// The process that is recorded: writes jobs down, and says what it was promised when it was.
pub(crate) fn promise(folder: &Path, jobs: u64) -> anyhow::Result<()> {
    use std::io::Write as _;
    let ledger = SqliteLedger::open(folder.join(LEDGER))?;
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
