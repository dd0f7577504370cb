//! `genrex batch` on one file of prompts, in eight processes that know nothing of each other but the ledger and the
//! place of the files. Some are killed, and started again.

mod check;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_sandbox::Price;
use tempfile::TempDir;

use super::Setting;
use super::bucket::{Bucket, Kind};
use super::cluster::{Cluster, PASSWORD, STUDIO};
use super::suite;
use crate::campaign::Findings;
use crate::campaign::plan::Plan;
use crate::campaign::service::{Counting, Manners};

/// Bugs that the checks must catch: a row that is no longer one of its kind, which no place of files has to do with, and a
/// byte that differs.
const ROWS_ARE_NOT_UNIQUE: &str = "rows-are-not-unique";
const A_BYTE_DIFFERS: &str = "a-byte-differs";
const WORKERS: usize = 8;

/// Where the files go.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Folder,
    Bucket(&'a Bucket),
}

pub(super) fn run(cluster: &Cluster, setting: &Setting, is_control: bool) -> anyhow::Result<()> {
    let programs = setting.xtask.parent().context("it is in a folder")?;
    let genrex = super::copied(&built()?, programs)?;
    let buckets = [Bucket::start(Kind::S3)?, Bucket::start(Kind::Azure)?];
    let buckets = buckets.iter().flatten().map(Place::Bucket);
    for place in [Place::Folder].into_iter().chain(buckets) {
        if !is_control {
            report(cluster, setting, (&genrex, place, None))?;
        }
        report(cluster, setting, (&genrex, place, Some(A_BYTE_DIFFERS)))?;
    }
    let control = (&*genrex, Place::Folder, Some(ROWS_ARE_NOT_UNIQUE));
    report(cluster, setting, control)
}

fn report(
    cluster: &Cluster,
    setting: &Setting,
    (genrex, place, bug): (&Path, Place<'_>, Option<&'static str>),
) -> anyhow::Result<()> {
    let setting = Setting {
        xtask: setting.xtask.clone(),
        rows: match (bug, place) {
            (Some(_), _) => setting.rows.min(24),
            // How machines share is shown by then, and only the store is another.
            (None, Place::Bucket(bucket)) if bucket.kind() == Kind::Azure => setting.rows / 4,
            (None, _) => setting.rows,
        },
        workers: setting.workers,
        bug,
        seed: setting.seed,
    };
    let mut batch = Batch::begin(cluster, &setting, genrex, place)?;
    batch.disturb()?;
    batch.wait()?;
    let told = batch.end()?;
    if bug == Some(A_BYTE_DIFFERS) {
        batch.spoil()?;
    }
    let findings = batch.check(&told)?;
    println!("shared batch, into {}:", batch.out);
    super::report(&setting, &findings)
}

/// The program, as it is.
pub(super) fn built() -> anyhow::Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--package", "genrex-cli"])
        .status()?;
    ensure!(built.success(), "genrex cannot be built");
    Ok(std::env::current_dir()?.join("target/debug/genrex"))
}

/// A batch, and who shares it.
struct Batch<'a> {
    cluster: &'a Cluster,
    setting: &'a Setting,
    genrex: &'a Path,
    place: Place<'a>,
    service: Counting,
    /// The database's name.
    name: String,
    database: String,
    folder: TempDir,
    /// What stands behind `--out-dir`.
    out: String,
    workers: Vec<Child>,
    runs: u64,
    kills: u64,
    random: fastrand::Rng,
}

impl<'a> Batch<'a> {
    fn begin(
        cluster: &'a Cluster,
        setting: &'a Setting,
        genrex: &'a Path,
        place: Place<'a>,
    ) -> anyhow::Result<Self> {
        let kind = match place {
            Place::Folder => "folder",
            Place::Bucket(bucket) => bucket.kind().name(),
        };
        let name = format!("shared_{kind}_{}", setting.bug.unwrap_or("none")).replace('-', "_");
        suite::make(cluster, &name)?;
        if setting.bug == Some(ROWS_ARE_NOT_UNIQUE) {
            forget_rows(cluster, &name)?;
        }
        let mut plan = Plan::plain(setting.rows);
        plan.options.price = Price::PerSecond(1);
        // So that a process that is killed has something that others have to take up.
        plan.options.render_time = Duration::from_millis(700);
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("rows.csv"), plan.csv())?;
        let service = Counting::start(plan.options)?;
        service.begin_run();
        service.behave(Manners {
            holds_submits: Duration::from_millis(150),
            ..Manners::default()
        });
        let mut batch = Self {
            cluster,
            setting,
            genrex,
            place,
            service,
            database: cluster.url(STUDIO, &name),
            out: match place {
                Place::Folder => folder.path().join("out").display().to_string(),
                Place::Bucket(bucket) => bucket.url(&name),
            },
            name,
            folder,
            workers: Vec::new(),
            runs: 0,
            kills: 0,
            random: fastrand::Rng::with_seed(setting.seed),
        };
        for _ in 0..WORKERS {
            let worker = batch.spawn()?;
            batch.workers.push(worker);
        }
        Ok(batch)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.genrex);
        command
            .current_dir(self.folder.path())
            .args(["batch", "rows.csv", "--out-dir", &self.out, "--json"])
            .args(["--poll-interval", "50ms", "--timeout", "60s"])
            .env("GENREX_LEDGER", &self.database)
            .env("PGPASSWORD", PASSWORD)
            .env(
                "GENREX_BASE_URL",
                format!("http://127.0.0.1:{}", self.service.port()),
            )
            .env("GENREX_API_KEY", "sandbox-key")
            .env("GENREX_API_SECRET", "sandbox-secret")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env("XDG_DATA_HOME", self.folder.path())
            .stdin(Stdio::null());
        if let Place::Bucket(bucket) = self.place {
            command.envs(bucket.environment());
        }
        command
    }

    fn spawn(&mut self) -> anyhow::Result<Child> {
        self.runs += 1;
        let at = |kind| self.folder.path().join(format!("{kind}-{}", self.runs));
        let mut command = self.command();
        command
            .stdout(File::create(at("out"))?)
            .stderr(File::create(at("told"))?);
        Ok(command.spawn()?)
    }

    /// Kills some of them, as long as anybody buys, and starts others in their place.
    fn disturb(&mut self) -> anyhow::Result<()> {
        let most = self.setting.rows / 8;
        for _ in 0..most {
            let pause = self.random.u64(100..600);
            wait(Duration::from_millis(pause));
            if self.is_over()? {
                break;
            }
            let at = self.random.usize(..self.workers.len());
            if self.workers[at].try_wait()?.is_some() {
                continue;
            }
            self.workers[at].kill()?;
            self.workers[at].wait()?;
            self.kills += 1;
            self.end_leases(self.workers[at].id())?;
            let again = self.spawn()?;
            self.workers[at] = again;
        }
        Ok(())
    }

    /// The leases of a process that was killed end, as they do in some minutes: nobody has to wait for that here.
    fn end_leases(&self, process: u32) -> anyhow::Result<()> {
        let sql = format!(
            "UPDATE genrex.job SET lease_until = '-infinity' \
                 WHERE owner LIKE '%/{process}' AND state IN ('intended', 'sent'); \
             UPDATE genrex.machine SET seen_at = '-infinity' WHERE name LIKE '%/{process}'"
        );
        self.cluster.sql(&self.name, &sql).map(drop)
    }

    fn is_over(&mut self) -> anyhow::Result<bool> {
        let mut is_over = true;
        for worker in &mut self.workers {
            is_over &= worker.try_wait()?.is_some();
        }
        Ok(is_over)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..6000 {
            if self.is_over()? {
                return Ok(());
            }
            wait(Duration::from_millis(100));
        }
        anyhow::bail!("they do not end: {}", self.told(1)?)
    }

    /// One more time, alone: it has nothing left to do but to say how it is.
    fn end(&mut self) -> anyhow::Result<String> {
        self.service.end_run(true);
        let bought = self.service.jobs().len();
        let ended = self.command().output()?;
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        let code = ended.status.code();
        // 7 says that something may have been charged: a process was killed in between.
        ensure!(
            matches!(code, Some(0 | 7)) || self.setting.bug.is_some(),
            "{code:?}: {told}"
        );
        let more = self.service.jobs().len() - bought;
        ensure!(
            more == 0 || self.setting.bug.is_some(),
            "the last run bought {more}"
        );
        Ok(told)
    }

    /// What a run wrote to standard error.
    fn told(&self, run: u64) -> anyhow::Result<String> {
        let path = self.folder.path().join(format!("told-{run}"));
        std::fs::read_to_string(path).context("nothing was told")
    }

    /// Changes a byte of one file.
    fn spoil(&self) -> anyhow::Result<()> {
        let files = self.files()?;
        let address = files.keys().next().context("there is no file")?;
        match self.place {
            Place::Folder => {
                let mut bytes = std::fs::read(address)?;
                *bytes.last_mut().context("it is empty")? ^= 1;
                std::fs::write(address, bytes)?;
            }
            Place::Bucket(bucket) => bucket.spoil(address)?,
        }
        Ok(())
    }

    /// The pieces that are there: their length in bytes and their SHA-256. What a process that was killed left of one is
    /// none.
    fn files(&self) -> anyhow::Result<BTreeMap<String, (u64, String)>> {
        let mut files = BTreeMap::new();
        match self.place {
            Place::Folder => {
                for file in std::fs::read_dir(&self.out)? {
                    let path = file?.path();
                    let bytes = std::fs::read(&path)?;
                    let found = (u64::try_from(bytes.len())?, genrex_ledger::hash(&bytes));
                    files.insert(path.display().to_string(), found);
                }
            }
            Place::Bucket(bucket) => {
                for (address, bytes, sha256) in bucket.objects(&self.name)? {
                    files.insert(address, (bytes, sha256));
                }
            }
        }
        files.retain(|name, _| name.ends_with(".wav"));
        Ok(files)
    }

    fn check(&self, told: &str) -> anyhow::Result<Findings> {
        check::run(self, told)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// Each job is of a row of its own, whatever is said: nothing stands in the way of the next who buys its row.
fn forget_rows(cluster: &Cluster, database: &str) -> anyhow::Result<()> {
    let sql = "CREATE FUNCTION genrex.planted() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN NEW.\"row\" := NEW.\"row\" || NEW.id; RETURN NEW; END'; \
         CREATE TRIGGER planted BEFORE INSERT ON genrex.job FOR EACH ROW EXECUTE FUNCTION genrex.planted()";
    cluster.sql(database, sql).map(drop)
}

#[expect(clippy::disallowed_methods, reason = "workers run meanwhile")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}
