//! Workers that share one database, one account and one limit, and what is done to them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use genrex_ledger::testing::block_on;
use genrex_ledger::{Entry, Filter, Ledger as _, State};
use genrex_ledger_postgres::PostgresLedger;
use genrex_sandbox::Price;
use rustix::process::{Pid, Signal, kill_process};

use super::Setting;
use super::cluster::{Cluster, PASSWORD, STUDIO};
use super::proxy::Proxy;
use super::quiet::Quiet;
use super::suite;
use crate::campaign::Findings;
use crate::campaign::plan;
use crate::campaign::service::{Counting, Manners};
use crate::campaign::truth::compare;

/// Where a worker reads its limit, in credits,
pub(crate) const LIMIT: &str = "FLEET_LIMIT";
/// and where `psql` is.
pub(crate) const PSQL: &str = "FLEET_PSQL";
/// What each piece costs, in credits.
pub(crate) const PRICE: u64 = 5;
/// How long a job stays a worker's that stands still.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// So many machines, each with its own way to the database.
const MACHINES: usize = 3;
/// How far off the clock of one of them is.
const WRONG_CLOCK: &str = "-10m";

/// One run: its workers, and what they buy from.
struct Fleet<'a> {
    cluster: &'a Cluster,
    setting: &'a Setting,
    service: Counting,
    database: String,
    /// The database's name.
    name: String,
    folder: tempfile::TempDir,
    workers: Vec<Option<Child>>,
    /// The ways of three machines to the database; a worker is on one of them.
    machines: Vec<Proxy>,
    limit: u64,
    random: fastrand::Rng,
    done: Done,
}

/// What makes a program see another time, if it is there: its folder is named after the processor.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    found.find(|library| library.exists())
}

/// What was done to it.
#[derive(Debug, Default)]
struct Done {
    kills: u64,
    stops: u64,
    restarts: u64,
    crashes: u64,
    absences: u64,
    partitions: u64,
    cuts: u64,
}

pub(crate) fn run(cluster: &Cluster, setting: &Setting) -> anyhow::Result<Findings> {
    /// A bug shows by chance: so many runs, at most.
    const UNTIL_CAUGHT: u64 = 5;
    let runs = if setting.bug.is_some() {
        UNTIL_CAUGHT
    } else {
        1
    };
    let mut findings = Findings::default();
    for run in 0..runs {
        findings.add(attack(cluster, setting, run)?);
        if setting.bug.is_some() && findings.is_caught() {
            break;
        }
    }
    Ok(findings)
}

fn attack(cluster: &Cluster, setting: &Setting, run: u64) -> anyhow::Result<Findings> {
    let name = setting.bug.unwrap_or("fleet").replace('-', "_");
    let name = format!("{name}_{run}");
    suite::make(cluster, &name)?;
    if matches!(setting.bug, Some("no-fence" | "session-locks")) {
        cluster.sql(&name, "DROP TRIGGER job_keeps_its_epoch ON genrex.job")?;
    }
    let mut options = plan::options();
    options.price = Price::PerSecond(1);
    let service = Counting::start(options)?;
    service.begin_run();
    // Two that both think that a job is theirs send it while the other's request is held.
    let held = if setting.bug == Some("session-locks") {
        1_000
    } else {
        150
    };
    service.behave(Manners {
        holds_submits: Duration::from_millis(held),
        ..Manners::default()
    });
    let mut fleet = Fleet {
        cluster,
        setting,
        service,
        database: cluster.url(STUDIO, &name),
        folder: tempfile::tempdir()?,
        workers: Vec::new(),
        machines: (0..MACHINES)
            .map(|_| Proxy::start(cluster.port))
            .collect::<anyhow::Result<_>>()?,
        // Some rows are left over, and it ends in the middle of a price.
        limit: setting.rows * PRICE * 8 / 10 + PRICE / 2,
        random: fastrand::Rng::with_seed(setting.seed.wrapping_add(run)),
        name,
        done: Done::default(),
    };
    for number in 0..setting.workers {
        let worker = fleet.spawn(number)?;
        fleet.workers.push(Some(worker));
    }
    fleet.disturb()?;
    let waited = fleet.wait()?;
    let mut findings = fleet.check()?;
    if setting.bug.is_none() {
        findings.add(waited);
    }
    findings.cases = setting.rows;
    Ok(findings)
}

impl Fleet<'_> {
    fn spawn(&self, number: u64) -> anyhow::Result<Child> {
        let url = format!("http://127.0.0.1:{}", self.service.port());
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("log-{number}")))?;
        let rows = self.setting.rows.to_string();
        let bug = self.setting.bug.unwrap_or("none");
        let machine = usize::try_from(number)? % MACHINES;
        let proxy = self.machines.get(machine).context("no machine")?;
        let database = self.database.replace(
            &format!(":{}/", self.cluster.port),
            &format!(":{}/", proxy.port()),
        );
        let mut command = Command::new(&self.setting.xtask);
        // The last machine's clock is wrong, and its processes think nothing of it.
        if machine + 1 == MACHINES
            && let Some(faketime) = faketime()
        {
            command
                .env("LD_PRELOAD", faketime)
                .env("FAKETIME", WRONG_CLOCK)
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        Ok(command
            .args(["fleet-worker", &database, &url])
            .args([&number.to_string(), &rows, bug])
            .env(super::worker::FOLDER, self.folder.path())
            .env("PGPASSWORD", PASSWORD)
            .env(LIMIT, self.limit.to_string())
            .env(PSQL, self.cluster.psql())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?)
    }

    /// Kills, stops and takes the database away, at random times, until nearly all is bought that may be.
    fn disturb(&mut self) -> anyhow::Result<()> {
        let disturbances = match self.setting.bug {
            Some("limit-before-intent") => 0,
            Some(_) => self.setting.rows / 2,
            None => self.setting.rows * 2,
        };
        let mut stopped: Vec<(Duration, usize)> = Vec::new();
        let mut parted: Vec<(Duration, usize)> = Vec::new();
        let mut passed = Duration::ZERO;
        for _ in 0..disturbances {
            let pause = Duration::from_millis(self.random.u64(20..200));
            wait(pause);
            passed += pause;
            // Those that have stood still for longer than a lease go on.
            let is_over = |(since, _): &(Duration, usize)| passed - *since > LEASE + LEASE / 4;
            for (_, worker) in stopped.extract_if(.., |one| is_over(one)) {
                self.signal(worker, Signal::CONT);
            }
            for (_, machine) in parted.extract_if(.., |one| is_over(one)) {
                self.machines[machine].heal();
            }
            if self.is_over()? || self.service.credits_used() >= self.limit / 10 * 9 {
                break;
            }
            self.disturb_once(passed, &mut stopped, &mut parted)?;
        }
        // The last to stand still does so for longer than a lease as well.
        wait(LEASE + LEASE / 2);
        for (_, worker) in stopped {
            self.signal(worker, Signal::CONT);
        }
        for machine in &self.machines {
            machine.heal();
        }
        Ok(())
    }

    /// One disturbance; what is to end later is put on its list, with the time that has passed.
    fn disturb_once(
        &mut self,
        passed: Duration,
        stopped: &mut Vec<(Duration, usize)>,
        parted: &mut Vec<(Duration, usize)>,
    ) -> anyhow::Result<()> {
        let worker = self.random.usize(..self.workers.len());
        let is_still = stopped.iter().any(|(_, one)| *one == worker);
        match self.random.u8(0..40) {
            0 => {
                self.cluster.restart()?;
                self.done.restarts += 1;
            }
            1 => {
                self.cluster.crash()?;
                self.done.crashes += 1;
            }
            2 => {
                self.cluster.away(|| wait(Duration::from_millis(1500)))?;
                self.done.absences += 1;
            }
            3..7 if parted.is_empty() => parted.push((passed, self.part())),
            7..9 => {
                self.machines[worker % MACHINES].cut();
                self.done.cuts += 1;
            }
            9..20 if !is_still && stopped.len() < 3 => {
                self.signal(worker, Signal::STOP);
                stopped.push((passed, worker));
                self.done.stops += 1;
            }
            _ if !is_still => self.kill(worker)?,
            _ => {}
        }
        Ok(())
    }

    /// Cuts a machine off without a word, or makes it slow before that; says which.
    fn part(&mut self) -> usize {
        let machine = self.random.usize(..MACHINES);
        let proxy = &self.machines[machine];
        proxy.delay(Duration::from_millis(self.random.u64(0..20)));
        if self.random.bool() {
            proxy.part();
        } else {
            proxy.part_at_commit();
        }
        self.done.partitions += 1;
        machine
    }

    fn is_over(&mut self) -> anyhow::Result<bool> {
        let mut is_over = true;
        for worker in self.workers.iter_mut().flatten() {
            is_over &= worker.try_wait()?.is_some();
        }
        Ok(is_over)
    }

    /// Kills a worker that has not ended, and starts it again.
    fn kill(&mut self, at: usize) -> anyhow::Result<()> {
        let Some(worker) = self.workers.get_mut(at).and_then(Option::as_mut) else {
            return Ok(());
        };
        if worker.try_wait()?.is_some() {
            return Ok(());
        }
        worker.kill()?;
        worker.wait()?;
        self.done.kills += 1;
        let number = u64::try_from(at)?;
        let again = self.spawn(number)?;
        self.workers[at] = Some(again);
        Ok(())
    }

    fn signal(&self, at: usize, signal: Signal) {
        if let Some(Some(worker)) = self.workers.get(at) {
            // One that has ended gets no signal.
            let _ = kill_process(Pid::from_child(worker), signal);
        }
    }

    /// Waits until all have bought what they can. Those that wait on for what may yet be released, which takes as long
    /// as a late charge, are ended when nothing has happened for long.
    fn wait(&mut self) -> anyhow::Result<Findings> {
        // With a bug the ledger sees more spent than it knows of, and holds all back for long.
        let longest = if self.setting.bug.is_some() {
            200
        } else {
            6000 + self.setting.rows
        };
        let mut findings = Findings::default();
        let mut quiet = Quiet::default();
        for _ in 0..longest {
            if self.is_over()? || quiet.is_reached(self.cluster, &self.name)? {
                break;
            }
            wait(Duration::from_millis(100));
        }
        for (number, worker) in self.workers.iter_mut().enumerate() {
            let Some(worker) = worker else { continue };
            let status = worker.try_wait()?;
            if status.is_none() {
                worker.kill()?;
                worker.wait()?;
            }
            let is_waiting = status.is_none() && quiet.is_so();
            if !is_waiting && !status.is_some_and(|status| status.success()) {
                let log = std::fs::read_to_string(self.folder.path().join(format!("log-{number}")));
                let log = log.unwrap_or_default();
                let end: String = log.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
                findings
                    .wrong
                    .push(format!("worker {number} ended with {status:?}: {end}"));
            }
        }
        Ok(findings)
    }

    /// Holds what the ledger knows against what the service knows.
    fn check(&self) -> anyhow::Result<Findings> {
        // What was read when a worker was killed may have been on its way to the ledger.
        self.service.end_run(true);
        let ledger = block_on(suite::connect(&self.database))?;
        let left = block_on(ledger.recover(1))?;
        let entries = block_on(ledger.entries(&Filter::default()))?;
        let jobs = self.service.jobs();
        let is_cut_short = self.setting.bug.is_some();
        let state: fn(&Entry, &str) -> Findings = if is_cut_short {
            |_, _| Findings::default()
        } else {
            state_of
        };
        let mut findings = compare(&self.service, &jobs, &entries, "", state);
        let in_flight = entries.iter().filter(|entry| entry.state.is_in_flight());
        for entry in in_flight.chain(&left).filter(|_| !is_cut_short) {
            let what = format!("job {} is {} after the end", entry.id, entry.state);
            findings.wrong.push(what);
        }
        findings.wrong.extend(self.sums(&ledger, &entries)?);
        self.tell(&ledger, &entries)?;
        Ok(findings)
    }

    /// The limit, and whether the sums of both sides agree.
    fn sums(&self, ledger: &PostgresLedger, entries: &[Entry]) -> anyhow::Result<Vec<String>> {
        let mut wrong = Vec::new();
        let used = self.service.credits_used();
        let bought = u64::try_from(self.service.jobs().len())?;
        let limit = self.limit;
        if used > limit {
            wrong.push(format!("{used} credits used, and {limit} allowed"));
        }
        if self.setting.bug.is_some() {
            return Ok(wrong);
        }
        if used != bought * PRICE {
            wrong.push(format!("{bought} pieces cost {used} credits"));
        }
        let account = &entries.first().context("nothing was bought")?.account;
        let spent = block_on(ledger.credits(account))?.spending(now()).total;
        if spent < used || spent > limit {
            wrong.push(format!(
                "the ledger has {spent} spent or promised, {used} are used, and {limit} are allowed"
            ));
        }
        // Else nothing was tried.
        if spent + PRICE <= limit {
            wrong.push(format!("only {spent} of {limit} credits were spent"));
        }
        Ok(wrong)
    }

    /// What happened, so that a run that shows nothing is seen.
    fn tell(&self, ledger: &PostgresLedger, entries: &[Entry]) -> anyhow::Result<()> {
        let Done {
            kills,
            stops,
            restarts,
            crashes,
            absences,
            partitions,
            cuts,
        } = self.done;
        let mut late = 0;
        let mut orphans = 0;
        for entry in entries {
            let states: Vec<State> = block_on(ledger.history(entry.id))?
                .iter()
                .map(|past| past.state)
                .collect();
            orphans += u64::from(states.contains(&State::Ambiguous));
            let ambiguous = states.iter().position(|state| *state == State::Ambiguous);
            let after = ambiguous.and_then(|at| states.get(at..));
            late += u64::from(after.is_some_and(|after| after.contains(&State::Accepted)));
        }
        let buyers: BTreeSet<i64> = self.epochs()?;
        let clock = if faketime().is_some() {
            ", one with a clock ten minutes slow"
        } else {
            ""
        };
        println!(
            "  {} jobs of {} owners; {kills} kills, {stops} stops beyond the lease, {restarts} restarts, {crashes} crashes \
             and {absences} absences of the database; {partitions} partitions and {cuts} cuts of a machine{clock}; {orphans} unclear jobs, of which {late} were told late, {} tries to \
             send another's job refused",
            entries.len(),
            buyers.len(),
            refused(self.folder.path())
        );
        Ok(())
    }

    fn epochs(&self) -> anyhow::Result<BTreeSet<i64>> {
        let told = self
            .cluster
            .sql(&self.name, "SELECT DISTINCT epoch FROM genrex.job")?;
        told.lines().map(|line| Ok(line.parse()?)).collect()
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        for worker in self.workers.iter_mut().flatten() {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// Whether a job stands where it has to at the end.
fn state_of(entry: &Entry, id: &str) -> Findings {
    let mut findings = Findings::default();
    match entry.state {
        State::Completed | State::Failed => {}
        State::Ambiguous => findings.reported += 1,
        state => findings
            .wrong
            .push(format!("{id} is {state} after the last run")),
    }
    findings
}

/// How often a worker was not let to send what another intended.
fn refused(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|file| file.file_name().to_string_lossy().starts_with("refused-"))
        .filter_map(|file| {
            std::fs::read_to_string(file.path())
                .ok()?
                .parse::<u64>()
                .ok()
        })
        .sum()
}

#[expect(clippy::disallowed_methods, reason = "a campaign has a clock")]
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "workers run meanwhile")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
