//! How fast the ledger is, beside bare statements of the same shape on the same server in one run; and that nothing a job
//! costs grows with the jobs that are there: the plans of its own statements are looked at.

mod backlog;
mod plans;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Filter, Intent, Ledger as _, Limits, State};

use super::cluster::{Cluster, PASSWORD, STUDIO};
use super::psql::Session;
use super::suite::{connect, make};

/// How many jobs the database holds, unless it is said.
pub(crate) const JOBS: u64 = 1_000_000;

/// Whose jobs all are.
const ACCOUNT: &str = "https://api.genrex.com#speed";
/// So many connections reserve at the same time.
const CLIENTS: u64 = 4;
/// So often each, in one round.
const EACH: u64 = 250;
const ROUNDS: usize = 5;

pub(crate) fn run(cluster: &Cluster, jobs: u64) -> anyhow::Result<()> {
    plans::compare(cluster, jobs)?;
    let mut missed = claims(cluster)?;
    missed.extend(reservations(cluster)?);
    missed.extend(snapshot(cluster)?);
    ensure!(missed.is_empty(), "not reached: {}", missed.join("; "));
    Ok(())
}

/// The goal, if it is not reached.
fn missed(is_reached: bool, goal: String) -> Option<String> {
    (!is_reached).then_some(goal)
}

/// Reservations on one account, by all connections at once; the account's row is locked for each.
fn reservations(cluster: &Cluster) -> anyhow::Result<Option<String>> {
    const LEAST: f64 = 300.0;
    const SHARE: f64 = 0.7;
    let database = "reservations";
    let mut key = 0;
    make_old(cluster, database, &mut key)?;
    let script = bare(cluster, database)?;
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        others.push(pgbench(cluster, database, &script)?);
        own.push(reserve(cluster, database, &mut key)?);
    }
    let (own, others) = (median(&mut own), median(&mut others));
    let share = own / others;
    println!(
        "reservations on one account by {CLIENTS} connections, fsync on: {own:.0} a second, bare statements {others:.0}, \
         {share:.2} of them (median of {ROUNDS} rounds)"
    );
    let goal = format!("{LEAST} reservations a second, and {SHARE} of the bare statements");
    Ok(missed(own >= LEAST && share >= SHARE, goal))
}

/// A ledger whose account has bought in each hour of a month, knows how long jobs of each of eight durations took, and
/// has as many under way as are told apart: nothing that is known of an account becomes more than that.
fn make_old(cluster: &Cluster, database: &str, key: &mut u128) -> anyhow::Result<()> {
    make(cluster, database)?;
    reserve(cluster, database, key)?;
    cluster.sql(
        database,
        "UPDATE genrex.credits SET credits = jsonb_set(jsonb_set(credits::jsonb,
    '{seen,hours}', (SELECT jsonb_agg(change ORDER BY hour, place) FROM generate_series(0, 743) hour,
        LATERAL (VALUES (0, CASE hour WHEN 0 THEN extract(epoch FROM now())::bigint / 3600 - 743 ELSE 1 END),
            (1, CASE hour WHEN 0 THEN 5000 ELSE hour * 7919 % 200 - (hour - 1) * 7919 % 200 END)) pair (place, change))),
    '{times}', (SELECT jsonb_agg(jsonb_build_array(duration * 10, (SELECT jsonb_agg(jsonb_build_array(
            60000 + job * duration * 7919 % 9999, 61000 + job * duration * 7919 % 9999)) FROM generate_series(1, 32) job)))
        FROM generate_series(1, 8) duration))::text",
    )?;
    // It is read, and so is right.
    let ledger = block_on(connect(&cluster.url(STUDIO, database)))?;
    let account = Account::from(String::from(ACCOUNT));
    let took = block_on(ledger.credits(&account))?.times().count();
    ensure!(took == 8 * 32, "{took} times are known");
    Ok(())
}

fn intent(key: u128) -> Intent {
    let account = Account::from(String::from(ACCOUNT));
    let mut intent = Intent::new(key, account, format!("prompt {key}"), 10, b"{}");
    intent.limits = Limits::default();
    intent
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn reserve(cluster: &Cluster, database: &str, key: &mut u128) -> anyhow::Result<f64> {
    let url = cluster.url(STUDIO, database);
    let ledgers: Vec<_> = (0..CLIENTS)
        .map(|_| block_on(connect(&url)))
        .collect::<anyhow::Result<_>>()?;
    let from = *key;
    *key += u128::from(CLIENTS * EACH);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(&ledgers)
            .map(|(client, ledger)| {
                scope.spawn(move || -> anyhow::Result<()> {
                    for at in 0..u128::from(EACH) {
                        let key = from + client * u128::from(EACH) + at;
                        block_on(ledger.intend(&intent(key), 1))?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread ended"))?
        })
    })?;
    Ok(rate(CLIENTS * EACH, began.elapsed()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The statements of a reservation, with nothing around them.
fn bare(cluster: &Cluster, database: &str) -> anyhow::Result<std::path::PathBuf> {
    cluster.sql(
        database,
        "INSERT INTO genrex.credits SELECT 'bare', credits, 0 FROM genrex.credits",
    )?;
    let script = format!(
        "\\set key random(1, 9223372036854775807)
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT credits FROM genrex.credits WHERE account = 'bare' FOR UPDATE;
SELECT * FROM genrex.job WHERE key = md5(:key);
SELECT nextval('genrex.job_id'), (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
UPDATE genrex.credits SET credits = credits || '', updated_at = updated_at + 1 WHERE account = 'bare';
INSERT INTO genrex.job (id, key, account, text, duration, body_sha256, state, alone, resolved_by_hand, created_at, \
         updated_at, service_at, owner, epoch, lease_until) \
         VALUES (currval('genrex.job_id'), md5(:key), 'bare', 'prompt', 10, \
         '{}', 'intended', false, false, 1, 1, 1, 'bare', 0, clock_timestamp() + interval '2 minutes');
INSERT INTO genrex.history (job, at, state) VALUES (currval('genrex.job_id'), 1, 'intended');
COMMIT;
",
        "0".repeat(64)
    );
    let path = cluster.folder().join("reservation.sql");
    std::fs::write(&path, script)?;
    Ok(path)
}

fn pgbench(cluster: &Cluster, database: &str, script: &std::path::Path) -> anyhow::Result<f64> {
    let mut command: Command = cluster.program("pgbench");
    command.args([
        "-n",
        "-M",
        "extended",
        "-h",
        "localhost",
        "-p",
        &cluster.port.to_string(),
    ]);
    command.args([
        "-U",
        STUDIO,
        "-c",
        &CLIENTS.to_string(),
        "-j",
        &CLIENTS.to_string(),
    ]);
    command
        .args(["-t", &EACH.to_string(), "-f"])
        .arg(script)
        .arg(database);
    let ended = command.env("PGPASSWORD", PASSWORD).output()?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let why = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "pgbench: {why}");
    let words = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let word = words.and_then(|words| words.split(' ').next());
    Ok(word
        .with_context(|| format!("pgbench said {said}"))?
        .parse()?)
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// What a transaction that stays open does: the account's row is written again and again, and none of its old versions
/// can be cleared away.
fn snapshot(cluster: &Cluster) -> anyhow::Result<Option<String>> {
    const WRITES: u64 = 8;
    /// Over this, claims would not be bounded.
    const MOST: f64 = 5.0;
    let database = "snapshot";
    let mut key = 0;
    make_old(cluster, database, &mut key)?;
    let alone = reserve(cluster, database, &mut key)?;
    let url = cluster.url(super::cluster::OWNER, database);
    let mut open = Session::start(&cluster.psql(), &url)?;
    open.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM genrex.job")?;
    let mut rates = Vec::new();
    for _ in 0..WRITES {
        rates.push(reserve(cluster, database, &mut key)?);
    }
    let first = rates.first().copied().unwrap_or_default();
    let last = rates.last().copied().unwrap_or_default();
    drop(open);
    let after = reserve(cluster, database, &mut key)?;
    println!(
        "an open snapshot: {alone:.0} reservations a second without it, {first:.0} at its beginning, {last:.0} after {} \
         writes of the account's row, {after:.0} when it has ended",
        WRITES * CLIENTS * EACH
    );
    let goal = format!("an open snapshot costs {MOST} times at most");
    Ok(missed(first / last <= MOST, goal))
}

/// In words, and as a call.
type Question<'a> = (&'a str, Box<dyn Fn() -> anyhow::Result<()> + 'a>);

/// What a machine asks that looks for something to do, where all the jobs are.
fn claims(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    const MOST: Duration = Duration::from_millis(5);
    let ledger = block_on(connect(&cluster.url(STUDIO, backlog::DATABASE)))?;
    let mut oldest = Filter::default().states([State::Accepted]);
    (oldest.limit, oldest.oldest_first) = (Some(1), true);
    let asked: [Question<'_>; 3] = [
        (
            "the oldest job that is under way",
            Box::new(|| {
                block_on(ledger.entries(&oldest))
                    .map(drop)
                    .map_err(Into::into)
            }),
        ),
        (
            "whether anything was left",
            Box::new(|| block_on(ledger.recover(1)).map(drop).map_err(Into::into)),
        ),
        (
            "the job of a row",
            Box::new(|| {
                let mut filter = Filter::default();
                filter.row = Some(backlog::row(fastrand::u64(1..1_000)));
                filter.limit = Some(1);
                let found = block_on(ledger.entries(&filter))?;
                ensure!(found.len() == 1, "the row is not there");
                Ok(())
            }),
        ),
    ];
    let mut late = Vec::new();
    for (what, ask) in asked {
        let took = typical(ask)?;
        println!("{what}: {:.2} ms", took.as_secs_f64() * 1_000.0);
        late.extend(missed(took <= MOST, format!("{what} in {MOST:?}")));
    }
    Ok(late)
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn typical(ask: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        ask()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("none")
}
