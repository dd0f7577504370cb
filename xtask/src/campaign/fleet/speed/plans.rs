//! The plans of the ledger's own statements, as PostgreSQL logs them, with few jobs and with many.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Alias, Event, Filter, Intent, Ledger as _, Look, Once, State};
use genrex_ledger_postgres::PostgresLedger;

use super::super::cluster::{Cluster, STUDIO};
use super::super::suite::connect;
use super::{ACCOUNT, backlog};

/// With so many jobs the planner takes the indexes already.
const FEW: u64 = 20_000;

/// A statement's beginning, and the pages that it read, at most.
type Pages = BTreeMap<String, u64>;

pub(crate) fn compare(cluster: &Cluster, jobs: u64) -> anyhow::Result<()> {
    ensure!(jobs > FEW, "more than {FEW} jobs are needed");
    backlog::make_empty(cluster)?;
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_buffers = on",
        "auto_explain.log_timing = off",
        "log_min_messages = log",
    ] {
        let sql = format!("ALTER DATABASE {} SET {setting}", backlog::DATABASE);
        cluster.sql("postgres", &sql)?;
    }
    backlog::fill(cluster, FEW)?;
    let few = pages(cluster, 1)?;
    backlog::fill(cluster, jobs)?;
    let many = pages(cluster, 2)?;
    let mut grown = Vec::new();
    for (statement, pages) in &many {
        // An index is a level or two deeper.
        let before = few.get(statement).copied().unwrap_or(*pages);
        if *pages > before * 2 + 16 {
            grown.push(format!("{statement}: {before} pages, and {pages}"));
        }
    }
    ensure!(
        grown.is_empty(),
        "what a job costs grows:\n{}",
        grown.join("\n")
    );
    let reset = format!("ALTER DATABASE {} RESET ALL", backlog::DATABASE);
    cluster.sql("postgres", &reset)?;
    println!(
        "plans: {} statements of the ledger read by an index alone, and no more pages with {jobs} jobs than with {FEW}",
        many.len()
    );
    Ok(())
}

/// What each statement of a round of calls read. None may read a whole table.
fn pages(cluster: &Cluster, round: u128) -> anyhow::Result<Pages> {
    let from = cluster.log().len();
    let ledger = block_on(connect(&cluster.url(STUDIO, backlog::DATABASE)))?;
    call_all(&ledger, round)?;
    drop(ledger);
    let log = cluster.log();
    let log = log.get(from..).context("the log was cut")?;
    let mut found = Pages::new();
    for plan in log.split("Query Text: ").skip(1) {
        for table in ["job", "history", "credits"] {
            let scan = format!("Seq Scan on {table} ");
            // What is known of the accounts is one row here.
            ensure!(table == "credits" || !plan.contains(&scan), "{plan}");
        }
        let statement: String = plan.split_whitespace().collect::<Vec<_>>().join(" ");
        let statement: String = statement.chars().take(90).collect();
        let pages = found.entry(statement).or_default();
        *pages = (*pages).max(buffers(plan));
    }
    ensure!(found.len() > 20, "{} statements were seen", found.len());
    Ok(found)
}

/// The pages that a plan's root read, in memory and on the disk.
fn buffers(plan: &str) -> u64 {
    let line = plan
        .lines()
        .find_map(|line| line.trim().strip_prefix("Buffers: shared "));
    let words = line.unwrap_or_default().split_whitespace();
    let read = words.filter_map(|word| {
        let (what, count) = word.split_once('=')?;
        let count: u64 = count.parse().ok()?;
        ["hit", "read"].contains(&what).then_some(count)
    });
    read.sum()
}

/// Each call that a purchase, a wait, or a look at jobs makes.
fn call_all(ledger: &PostgresLedger, round: u128) -> anyhow::Result<()> {
    let account = Account::from(String::from(ACCOUNT));
    let alias = Alias::new("https://api.genrex.com", "key");
    block_on(ledger.observe(&alias, &account, &Look::new(7), 1))?;
    block_on(ledger.account(&alias))?;
    block_on(ledger.credits(&account))?;
    let body = format!("body {round}");
    let prompt = Intent::new(round * 10, account.clone(), "text", 10, body.as_bytes())
        .after(Look::new(7))
        .once(Once::Prompt);
    let id = block_on(ledger.intend(&prompt, 1))?.id;
    for event in [
        Event::Sent,
        Event::Accepted("QRY_new".parse()?),
        Event::CompletedBetween { after: 1, by: 2 },
    ] {
        block_on(ledger.record(id, &event, 1))?;
    }
    let mut of_row = Filter::default();
    of_row.row = Some(backlog::row(77));
    let last = block_on(ledger.entries(&of_row))?.first().map(|job| job.id);
    let row = Intent::new(round * 10 + 1, account.clone(), "text", 10, b"row")
        .after(Look::new(7))
        .once(Once::Row {
            row: backlog::row(u64::MAX - u64::try_from(round)?),
            last: None,
        });
    let id = block_on(ledger.intend(&row, 1))?.id;
    ensure!(last.is_some(), "the row is not there");
    block_on(ledger.record(id, &Event::Sent, 1))?;
    block_on(ledger.record(id, &Event::Ambiguous(String::from("504")), 1))?;
    block_on(ledger.reconcile(id, 1))?;
    let left = Intent::new(round * 10 + 2, account.clone(), "text", 10, b"left");
    let left = block_on(ledger.intend(&left, 1))?.id;
    ledger.release(left, 1);
    block_on(ledger.recover(1))?;
    block_on(ledger.history(id))?;
    block_on(ledger.entry(id))?;
    let changes: [&dyn Fn(&mut Filter); 5] = [
        &|filter| filter.query_id = Some(String::from("QRY_5")),
        &|filter| filter.row_name = Some(String::from("row 5")),
        &|filter| filter.states = vec![State::Accepted],
        &|filter| filter.account = Some(Account::from(String::from(ACCOUNT))),
        &|filter| filter.body_sha256 = Some(genrex_ledger::hash(b"5")),
    ];
    for change in changes {
        let mut filter = Filter::default();
        filter.limit = Some(10);
        change(&mut filter);
        block_on(ledger.entries(&filter))?;
    }
    Ok(())
}
