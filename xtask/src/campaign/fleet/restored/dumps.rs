//! Dumps that are put back: into the same database, into another, once and again.

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::block_on;
use genrex_ledger::{Event, Filter, Ledger as _, State};

use super::{Machine, buy, dump_to, intent, put_back, refused, state};
use crate::campaign::fleet::cluster::{Cluster, OWNER, PASSWORD, STUDIO, run as run_command};
use crate::campaign::fleet::suite::make;

pub(super) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    dump(cluster).context("a dump that is put back")?;
    fork(cluster).context("a dump that is put back and bought with")?;
    late(cluster).context("a machine that comes after it was accepted")?;
    beside(cluster)
        .context("a machine that still buys with the server before, beside the new one")?;
    twice(cluster).context("a dump that is put back twice")?;
    in_place(cluster).context("tables that are put back while a connection lasts")?;
    Ok(())
}

fn dump(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "restored";
    make(cluster, database)?;
    let url = cluster.url(STUDIO, database);
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    let ledger = machine.connect(&url)?;
    let first = buy(&ledger, 1)?;
    let on_its_way = block_on(ledger.intend(&intent(2), 1))?.id;
    dump_to(cluster, database, &file)?;
    block_on(ledger.record(on_its_way, &Event::Sent, 1))?;
    block_on(ledger.record(on_its_way, &Event::Accepted("QRY_2".parse()?), 1))?;
    buy(&ledger, 3)?;
    let second = Machine::new()?;
    buy(&second.connect(&url)?, 9)?;
    put_back(cluster, database, &file)?;
    // The same process goes on, by another connection.
    let words = refused(&ledger, 4)?;
    ensure!(
        words.contains("5 events that ") && words.contains(" saw are missing"),
        "{words}"
    );
    drop(ledger);
    // Each machine says what it saw.
    let words = refused(&second.connect(&url)?, 4)?;
    ensure!(
        words.contains("5 events") && words.contains("6 events"),
        "{words}"
    );
    let ledger = machine.connect(&url)?;
    let again = refused(&ledger, 4)?;
    ensure!(again == words, "{again}");
    // What was intended then may have been sent since: nobody may take it for not sent.
    block_on(ledger.recover(1))?;
    let stands = state(&ledger, on_its_way)?;
    ensure!(stands == State::Ambiguous, "{stands}");
    // What is free goes on, on every machine; and no machine buys.
    block_on(ledger.record(first, &Event::Completed, 1))?;
    let other = Machine::new()?.connect(&url)?;
    refused(&other, 5)?;
    block_on(ledger.accept_restored("a test"))?;
    for ledger in [&ledger, &other] {
        let key = if std::ptr::eq(ledger, &other) { 6 } else { 7 };
        let next = buy(ledger, key)?;
        // Those that were forgotten may be named yet.
        ensure!(next.0 > 100_000, "{next}");
    }
    let again = block_on(ledger.accept_restored("a test"));
    ensure!(again.is_err(), "it was accepted twice");
    let kept = cluster.sql(
        database,
        "SELECT accepted_by, held_by <> '' FROM genrex.restored",
    )?;
    ensure!(kept == "a test|t", "{kept}");
    drop(ledger);
    buy(&machine.connect(&url)?, 8)?;
    Ok(())
}

/// Another machine, which saw nothing of what is missing, has bought more than that by the time that it is noticed.
fn fork(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "forked";
    make(cluster, database)?;
    let url = cluster.url(STUDIO, database);
    let (machine, other) = (Machine::new()?, Machine::new()?);
    let file = machine.folder.path().join("dump");
    buy(&machine.connect(&url)?, 1)?;
    dump_to(cluster, database, &file)?;
    buy(&machine.connect(&url)?, 2)?;
    put_back(cluster, database, &file)?;
    let ledger = other.connect(&url)?;
    for key in 10..20 {
        buy(&ledger, key)?;
    }
    refused(&machine.connect(&url)?, 3)?;
    refused(&ledger, 20)?;
    let jobs = block_on(ledger.entries(&Filter::default()))?.len();
    ensure!(jobs == 11, "{jobs} jobs");
    Ok(())
}

/// A machine that still bought where the ledger was before, when somebody had accepted what others miss: nobody knew of that.
fn late(cluster: &Cluster) -> anyhow::Result<()> {
    let (old, new) = ("late_old", "late_new");
    make(cluster, old)?;
    let machines = [Machine::new()?, Machine::new()?, Machine::new()?];
    let [first, second, third] = &machines;
    let file = first.folder.path().join("dump");
    let [old_url, new_url] = [old, new].map(|name| cluster.url(STUDIO, name));
    for (machine, key) in [(first, 1), (second, 2)] {
        buy(&machine.connect(&old_url)?, key)?;
    }
    dump_to(cluster, old, &file)?;
    for (machine, key) in [(third, 3), (first, 4)] {
        buy(&machine.connect(&old_url)?, key)?;
    }
    cluster.sql("postgres", &format!("CREATE DATABASE {new}"))?;
    put_back(cluster, new, &file)?;
    let ledger = first.connect(&new_url)?;
    refused(&ledger, 5)?;
    block_on(ledger.accept_restored("a test"))?;
    buy(&ledger, 5)?;
    // What it misses is before the last that was accepted.
    buy(&third.connect(&new_url)?, 6)?;
    buy(&second.connect(&old_url)?, 7)?;
    let late = second.connect(&new_url)?;
    for ledger in [&late, &ledger] {
        let words = refused(ledger, 8)?;
        ensure!(words.contains(" saw are missing"), "{words}");
    }
    block_on(ledger.accept_restored("a test"))?;
    for (ledger, key) in [(&late, 8), (&ledger, 9)] {
        buy(ledger, key)?;
    }
    // An older genrex did not keep what was accepted: it was all that was seen until then.
    put_back(cluster, new, &file)?;
    refused(&late, 10)?;
    let accepted = "INSERT INTO genrex.restored (detail, held_at, held_by, accepted_by, steps) \
             SELECT '', now(), 'a test', 'a test', NULL FROM generate_series(1, 3); \
         DELETE FROM genrex.hold";
    cluster.sql(new, accepted)?;
    buy(&late, 10)?;
    Ok(())
}

/// Two processes of one machine, of which one has not heard of the new server: what the other saw since does not hide it.
fn beside(cluster: &Cluster) -> anyhow::Result<()> {
    let (old, new) = ("beside_old", "beside_new");
    make(cluster, old)?;
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    let [old_url, new_url] = [old, new].map(|name| cluster.url(STUDIO, name));
    let behind = machine.connect(&old_url)?;
    buy(&behind, 1)?;
    dump_to(cluster, old, &file)?;
    cluster.sql("postgres", &format!("CREATE DATABASE {new}"))?;
    put_back(cluster, new, &file)?;
    let ledger = machine.connect(&new_url)?;
    let words = refused(&ledger, 2)?;
    ensure!(words.contains("another server answers"), "{words}");
    block_on(ledger.accept_restored("a test"))?;
    for key in 2..5 {
        buy(&ledger, key)?;
    }
    buy(&behind, 5)?;
    buy(&ledger, 6)?;
    refused(&machine.connect(&new_url)?, 7)?;
    refused(&ledger, 7)?;
    Ok(())
}

/// What is accepted of one of both is not of the other, and nothing is of what is bought later.
fn twice(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "twice";
    make(cluster, database)?;
    let url = cluster.url(STUDIO, database);
    let [first, other] = [Machine::new()?, Machine::new()?];
    let file = first.folder.path().join("dump");
    buy(&first.connect(&url)?, 1)?;
    dump_to(cluster, database, &file)?;
    buy(&first.connect(&url)?, 2)?;
    put_back(cluster, database, &file)?;
    for key in 10..20 {
        buy(&other.connect(&url)?, key)?;
    }
    put_back(cluster, database, &file)?;
    let ledger = other.connect(&url)?;
    refused(&ledger, 20)?;
    block_on(ledger.accept_restored("a test"))?;
    buy(&ledger, 20)?;
    let ledger = first.connect(&url)?;
    refused(&ledger, 3)?;
    block_on(ledger.accept_restored("a test"))?;
    for key in 3..9 {
        buy(&ledger, key)?;
    }
    // Another time, to before all that was accepted.
    put_back(cluster, database, &file)?;
    let ledger = first.connect(&url)?;
    refused(&ledger, 9)?;
    block_on(ledger.accept_restored("a test"))?;
    buy(&ledger, 9)?;
    dump_to(cluster, database, &file)?;
    buy(&ledger, 10)?;
    put_back(cluster, database, &file)?;
    refused(&first.connect(&url)?, 11)?;
    Ok(())
}

/// An outcome comes first, and is kept; it does not hide what is missing.
fn in_place(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "in_place";
    make(cluster, database)?;
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    let ledger = machine.connect(&cluster.url(STUDIO, database))?;
    let first = buy(&ledger, 1)?;
    dump_to(cluster, database, &file)?;
    buy(&ledger, 2)?;
    let port = cluster.port.to_string();
    let mut command = cluster.program("pg_restore");
    command.args(["--clean", "--if-exists", "-h", "localhost", "-p", &port]);
    command.args(["-U", OWNER, "-d", database]);
    run_command(command.env("PGPASSWORD", PASSWORD).arg(&file))?;
    block_on(ledger.record(first, &Event::Completed, 1))?;
    refused(&ledger, 3)?;
    Ok(())
}

/// A connection to a pool outlives the database behind it: what another machine has bought there meanwhile is not bought
/// again, although this one finds all that it saw.
pub(crate) fn behind_a_pool(cluster: &Cluster, port: u16) -> anyhow::Result<()> {
    let database = "behind_a_pool";
    make(cluster, database)?;
    let url = cluster.url(STUDIO, database);
    let pooled = url.replace(&format!(":{}/", cluster.port), &format!(":{port}/"));
    let [machine, other] = [Machine::new()?, Machine::new()?];
    let file = machine.folder.path().join("dump");
    let ledger = machine.connect(&pooled)?;
    let first = buy(&ledger, 1)?;
    dump_to(cluster, database, &file)?;
    buy(&other.connect(&url)?, 2)?;
    put_back(cluster, database, &file)?;
    block_on(ledger.record(first, &Event::Completed, 1))?;
    let words = refused(&ledger, 2)?;
    ensure!(words.contains("another server answers"), "{words}");
    Ok(())
}
