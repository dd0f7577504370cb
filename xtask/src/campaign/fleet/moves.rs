//! All that a ledger holds, from a file to a database and back.

use anyhow::ensure;
use genrex_ledger::relocation::{Portable, Route, step};
use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Alias, ErrorKind, Event, Intent, Ledger as _, Look};
use genrex_ledger_sqlite::SqliteLedger;

use super::cluster::{Cluster, OWNER};
use super::suite;

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    let opened = suite::relocate(cluster)?;
    let jobs = there_and_back(cluster)?;
    println!(
        "moves: PostgreSQL keeps what a ledger that is moved promises, on {opened} ledgers; {jobs} jobs went from a file to \
         a database and back"
    );
    Ok(())
}

/// More jobs than one statement sends.
fn there_and_back(cluster: &Cluster) -> anyhow::Result<usize> {
    const JOBS: u128 = 1_200;
    let folder = tempfile::tempdir()?;
    let first = SqliteLedger::open(folder.path().join("first/ledger.db"))?;
    let account = Account::new("https://api.genrex.com", "moves");
    let alias = Alias::new("https://api.genrex.com", "key");
    block_on(first.observe(&alias, &account, &Look::new(7), 1))?;
    for key in 0..JOBS {
        let intent = Intent::new(key, account.clone(), format!("\0 {key}"), 10, b"{}");
        let id = block_on(first.intend(&intent, 1))?.id;
        block_on(first.record(id, &Event::Sent, 1))?;
        let named = format!("QRY_{key}").parse()?;
        block_on(first.record(id, &Event::Accepted(named), 1))?;
    }
    let before = block_on(first.contents())?;
    suite::make(cluster, "moves")?;
    let database = block_on(suite::connect(&cluster.url(OWNER, "moves")))?;
    let last = SqliteLedger::open(folder.path().join("last/ledger.db"))?;
    move_all(&first, &database, "a database")?;
    ensure!(
        block_on(database.contents())? == before,
        "the database differs"
    );
    move_all(&database, &last, "a file")?;
    let after = block_on(last.contents())?;
    ensure!(after == before, "what came back differs");
    // Neither of those that were left is bought with.
    let intent = Intent::new(JOBS, account, "more", 10, b"{}");
    let left: [&dyn Portable; 2] = [&first, &database];
    for left in left {
        let came = block_on(left.intend(&intent, 1));
        let kind = came.err().map(|error| error.kind());
        ensure!(kind == Some(ErrorKind::Moved), "{kind:?}");
    }
    block_on(last.intend(&intent, 1))?;
    Ok(after.jobs.len())
}

/// From one to another, which is told by this name.
pub(crate) fn move_all(from: &dyn Portable, to: &dyn Portable, name: &str) -> anyhow::Result<()> {
    let route = Route {
        from: String::from("where it was"),
        to: name.to_owned(),
        command: String::from("genrex ledger copy"),
        use_it: String::from("GENREX_LEDGER"),
        token: name.to_owned(),
    };
    while block_on(step(from, to, &route, 1))?.is_some() {}
    Ok(())
}
