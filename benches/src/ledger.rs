//! The SQLite ledger under load, and the bare disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use genrex_ledger::{Account, Alias, Event, Intent, Ledger as _, Limits, Look};
use genrex_ledger_sqlite::SqliteLedger;
use genrex_proto::QueryId;
use serde_json::json;

use crate::meter::{self, Meter};

const ORIGIN: &str = "https://api.genrex.com";
const NOW: u64 = 1_717_574_785_354;

/// `intend` within limits so many times, in a ledger that holds so many jobs: the middle one's time. The ledger is made
/// at the first time, and kept.
pub fn intend(folder: &str, rows: u64, count: u64) -> anyhow::Result<()> {
    let path = Path::new(folder).join(format!("{rows}/genrex/ledger.db"));
    if !path.exists() {
        fill(&path, rows)?;
    }
    let ledger = SqliteLedger::open(&path)?;
    on_runtime(async {
        let mut times = Vec::new();
        let mut cpu = Duration::ZERO;
        for number in 0..=count {
            let key = u128::from(std::process::id()) << 64 | u128::from(number);
            let intent = intent(key).within(limits()).after(look(1));
            let before = meter::cpu()?;
            let began = Instant::now();
            let entry = ledger.intend(&intent, NOW + 10_000).await?;
            // The first one reads what is kept.
            if number > 0 {
                times.push(began.elapsed());
                cpu += meter::cpu()? - before;
            }
            ledger.record(entry.id, &Event::Sent, NOW + 10_000).await?;
            let event = Event::NotSent(String::from("no address"));
            ledger.record(entry.id, &event, NOW + 10_000).await?;
        }
        times.sort();
        let middle = times[times.len() / 2];
        meter::tell(1, middle, cpu / u32::try_from(count)?, &json!({}));
        anyhow::Ok(())
    })
}

/// Keeps the three steps of so many purchases, with so many under way at once: the time of a call.
pub fn group(folder: &str, jobs: u64, at_once: u64) -> anyhow::Result<()> {
    let path = fresh(folder, "group")?;
    let ledger = SqliteLedger::open(&path)?;
    on_runtime(async {
        let meter = Meter::start()?;
        let tasks: Vec<_> = (0..at_once)
            .map(|task| tokio::spawn(buy(ledger.clone(), task, jobs / at_once)))
            .collect();
        for task in tasks {
            task.await??;
        }
        meter.told(3 * at_once * (jobs / at_once))
    })
}

async fn buy(ledger: SqliteLedger, task: u64, jobs: u64) -> anyhow::Result<()> {
    for job in 0..jobs {
        let key = u128::from(task) << 64 | u128::from(job);
        let entry = ledger.intend(&intent(key), NOW).await?;
        ledger.record(entry.id, &Event::Sent, NOW).await?;
        let id = QueryId::new(format!("QRY_{task}_{job}"))?;
        ledger.record(entry.id, &Event::Accepted(id), NOW).await?;
    }
    Ok(())
}

/// Writes a page and syncs it, so many times.
pub fn fdatasync(folder: &str, count: u64) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = File::create(Path::new(folder).join("bare"))?;
    let meter = Meter::start()?;
    for _ in 0..count {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
    }
    meter.told(count)
}

/// A ledger of so many jobs that are over, made as no program makes it: row by row it would take hours.
fn fill(path: &Path, rows: u64) -> anyhow::Result<()> {
    {
        let ledger = SqliteLedger::open(path)?;
        on_runtime(async {
            let account = Account::new(ORIGIN, "u1");
            let alias = Alias::new(ORIGIN, "key");
            ledger.observe(&alias, &account, &look(0), NOW).await?;
            let first = intent(1 << 127).within(limits()).after(look(0));
            let entry = ledger.intend(&first, NOW).await?;
            ledger.record(entry.id, &Event::Sent, NOW).await?;
            let accepted = Event::Accepted(QueryId::new("QRY_first")?);
            ledger.record(entry.id, &accepted, NOW).await?;
            ledger.record(entry.id, &Event::Completed, NOW).await?;
            ledger
                .observe(&alias, &account, &look(1), NOW + 5_000)
                .await?;
            ledger
                .observe(&alias, &account, &look(1), NOW + 9_000)
                .await?;
            anyhow::Ok(())
        })?;
    }
    let file = rusqlite::Connection::open(path)?;
    file.execute_batch(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows})
        INSERT INTO job (account, text, duration, body_sha256, state, expected_cost, used_before, look_at, alone,
                         resolved_by_hand, owner, created_at, updated_at, service_at)
        SELECT job.account, 'piece ' || n, 10, lower(hex(randomblob(32))), 'intended', 1, 0, {NOW}, 0, 0, '', {NOW}, {NOW}, {NOW}
        FROM job, n WHERE job.query_id = 'QRY_first';
        UPDATE job SET state = 'sent' WHERE state = 'intended';
        UPDATE job SET state = 'accepted', query_id = 'QRY_' || id WHERE state = 'sent';
        UPDATE job SET state = 'downloaded', path = 'piece ' || id || '.wav', bytes = 46, sha256 = body_sha256
        WHERE state = 'accepted';
        COMMIT;"
    ))?;
    Ok(())
}

fn intent(key: u128) -> Intent {
    let text = format!("piece {key:x}");
    let account = Account::new(ORIGIN, "u1");
    Intent::new(key, account, text.as_str(), 10, text.as_bytes())
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.day, limits.total, limits.per_job) = (Some(u64::MAX / 8), Some(u64::MAX / 8), Some(1));
    limits
}

fn look(used: u64) -> Look {
    Look::new(used).changed(format!("used {used}")).at(NOW)
}

fn fresh(folder: &str, name: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new(folder).join(name);
    // It may not be there.
    let _ = fs::remove_dir_all(&folder);
    Ok(folder.join("genrex/ledger.db"))
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(work)
}
