//! What Prometheus itself makes of the numbers that a batch tells, of the rules and of the dashboard's queries.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_sandbox::Price;
use tempfile::TempDir;

use super::cluster::{Cluster, PASSWORD, STUDIO, free_port};
use super::{shared, suite};
use crate::campaign::plan::Plan;
use crate::campaign::service::{Counting, Manners};

/// When each alert fires, and when it does not.
const TESTS: &str = include_str!("numbers/alerts.test.yml");
/// The rules, and where Prometheus finds the numbers, as users take them.
const OPERATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations");
const DATABASE: &str = "numbers";

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    let is_there = Command::new("promtool").arg("--version").output().is_ok();
    if !is_there {
        println!(
            "NOT RUN: the alerts and the dashboard's queries, by Prometheus, which is not installed"
        );
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let alerts = test_alerts(folder.path())?;
    let queries = queries()?;
    let mut batch = Batch::begin(cluster, &folder)?;
    let prometheus = Prometheus::start(folder.path(), batch.port)?;
    for query in &queries {
        prometheus.has(query, &mut batch)?;
    }
    println!(
        "numbers: Prometheus fires each of {alerts} alerts when it is to, and only then, and {} queries of the \
         dashboard find what a batch tells",
        queries.len()
    );
    Ok(())
}

/// Has the rules tested; how many alerts there are, of which each is tested.
fn test_alerts(folder: &Path) -> anyhow::Result<usize> {
    std::fs::write(folder.join("alerts.test.yml"), TESTS)?;
    let alerts = std::fs::read_to_string(Path::new(OPERATIONS).join("alerts.yml"))?;
    std::fs::write(folder.join("alerts.yml"), &alerts)?;
    let names = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut count = 0;
    for name in names {
        let fires = format!("{{alertname=\"{name}\", alertstate=\"firing\"");
        ensure!(TESTS.contains(&fires), "no test says when {name} fires");
        count += 1;
    }
    told(
        Command::new("promtool")
            .current_dir(folder)
            .args(["test", "rules", "alerts.test.yml"]),
    )?;
    Ok(count)
}

/// What the dashboard asks.
fn queries() -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(OPERATIONS).join("dashboard.json"))?;
    let board: serde_json::Value = serde_json::from_str(&text)?;
    let panels = board["panels"].as_array().context("it has panels")?;
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries: Option<Vec<String>> = targets
        .flatten()
        .map(|target| target["expr"].as_str().map(str::to_owned))
        .collect();
    queries.context("each target has a query")
}

/// A batch that is under way and tells its numbers.
struct Batch {
    process: Child,
    port: u16,
    _service: Counting,
}

impl Batch {
    fn begin(cluster: &Cluster, folder: &TempDir) -> anyhow::Result<Self> {
        suite::make(cluster, DATABASE)?;
        let mut plan = Plan::plain(400);
        plan.options.price = Price::PerSecond(1);
        plan.options.render_time = Duration::from_millis(700);
        let folder = folder.path();
        std::fs::write(folder.join("rows.csv"), plan.csv())?;
        let service = Counting::start(plan.options)?;
        service.begin_run();
        service.behave(Manners {
            holds_submits: Duration::from_millis(150),
            ..Manners::default()
        });
        std::fs::create_dir(folder.join("genrex"))?;
        std::fs::write(
            folder.join("genrex/config.toml"),
            "[limits]\nday = 1000000\n",
        )?;
        let port = free_port()?;
        let process = Command::new(shared::built()?)
            .current_dir(folder)
            .args([
                "batch",
                "rows.csv",
                "--out-dir",
                "out",
                "--concurrency",
                "2",
            ])
            .args(["--poll-interval", "100ms", "--metrics"])
            .arg(format!("127.0.0.1:{port}"))
            .env("GENREX_LEDGER", cluster.url(STUDIO, DATABASE))
            .env("PGPASSWORD", PASSWORD)
            .env(
                "GENREX_BASE_URL",
                format!("http://127.0.0.1:{}", service.port()),
            )
            .env("GENREX_API_KEY", "sandbox-key")
            .env("GENREX_API_SECRET", "sandbox-secret")
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("told"))?)
            .spawn()?;
        Ok(Self {
            process,
            port,
            _service: service,
        })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server that reads the numbers of one process.
struct Prometheus {
    process: Child,
    folder: PathBuf,
    url: String,
}

impl Prometheus {
    /// With the settings that users take, but for the addresses and the pace.
    fn start(folder: &Path, target: u16) -> anyhow::Result<Self> {
        let port = free_port()?;
        let settings = std::fs::read_to_string(Path::new(OPERATIONS).join("prometheus.yml"))?;
        let of_this: Vec<String> = settings
            .lines()
            .map(|line| match line.split_once("targets: ") {
                Some((before, _)) => format!("{before}targets: [\"127.0.0.1:{target}\"]"),
                None => line.replace("scrape_interval: 15s", "scrape_interval: 1s"),
            })
            .collect();
        std::fs::write(folder.join("prometheus.yml"), of_this.join("\n"))?;
        told(Command::new("promtool").current_dir(folder).args([
            "check",
            "config",
            "prometheus.yml",
        ]))?;
        let process = Command::new("prometheus")
            .current_dir(folder)
            .args([
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=numbers",
            ])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("prometheus.log"))?)
            .spawn()?;
        Ok(Self {
            process,
            folder: folder.to_owned(),
            url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Waits until a query finds numbers, while the batch is under way.
    #[expect(clippy::disallowed_methods, reason = "other processes are waited for")]
    fn has(&self, query: &str, batch: &mut Batch) -> anyhow::Result<()> {
        let mut last = String::new();
        for _ in 0..300 {
            let asked = Command::new("promtool")
                .args(["query", "instant", &self.url, query])
                .output()?;
            last = String::from_utf8_lossy(&asked.stdout).into_owned()
                + &String::from_utf8_lossy(&asked.stderr);
            let is_number = |line: &str| line.contains(" => ") && !line.contains("=> NaN");
            if asked.status.success() && last.lines().any(is_number) {
                return Ok(());
            }
            ensure!(
                batch.process.try_wait()?.is_none(),
                "the batch ended before {query} found anything: {last}{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        anyhow::bail!("{query} finds nothing: {last}{}", self.log())
    }

    /// What the processes said.
    fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("told") + &read("prometheus.log")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a program that does well said.
fn told(command: &mut Command) -> anyhow::Result<()> {
    let ended = command.output()?;
    ensure!(
        ended.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    Ok(())
}
