//! A machine that is cut off from the database without a word, and a database whose disk is full.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_ledger::relocation::Portable as _;
use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Entry, ErrorKind, Event, Intent, Ledger as _, LocalId, Look, State};
use genrex_ledger_postgres::{Options, PostgresLedger};

use super::cluster::{Cluster, STUDIO, is_root, run as run_command};
use super::proxy::Proxy;
use super::suite::{address, connect, fill, make};

const DATABASE: &str = "partitions";

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    make(cluster, DATABASE)?;
    during_a_submit(cluster).context("a partition during a submit")?;
    during_a_commit(cluster).context("a partition during COMMIT")?;
    while_applying(cluster).context("a partition while the rescue file is applied")?;
    behind_another(cluster).context("a partition while another call is waited for")?;
    println!(
        "partitions: during a submit, during COMMIT and while the rescue file is applied, no id is lost and nothing leaves \
         twice"
    );
    full_disk(cluster)
}

fn intent(key: u128) -> Intent {
    let account = Account::new("https://api.genrex.com", "partitions");
    Intent::new(key, account, format!("prompt {key}"), 10, b"{}")
}

fn record(
    ledger: &PostgresLedger,
    id: LocalId,
    event: &Event,
) -> Result<Entry, genrex_ledger::Error> {
    block_on(ledger.record(id, event, 1))
}

fn state(ledger: &PostgresLedger, id: LocalId) -> anyhow::Result<State> {
    Ok(block_on(ledger.entry(id))?.context("it is gone")?.state)
}

/// A machine behind a proxy, with short leases.
fn machine(cluster: &Cluster, rescue: &Path) -> anyhow::Result<(Proxy, PostgresLedger)> {
    let proxy = Proxy::start(cluster.port)?;
    let url = cluster.url(STUDIO, DATABASE).replace(
        &format!(":{}/", cluster.port),
        &format!(":{}/", proxy.port()),
    );
    let options = Options::new()
        .timeout(Duration::from_secs(1))
        .lease(Duration::from_secs(2))
        .rescue(rescue);
    let ledger = block_on(PostgresLedger::connect_with(&address(&url)?, &options))?;
    Ok((proxy, ledger))
}

/// The request has left when the machine is cut off: its id goes to the disk, another ends the job meanwhile, and the id
/// comes to the ledger in the end.
fn during_a_submit(cluster: &Cluster) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rescue = folder.path().join("fleet.rescue");
    let (proxy, ledger) = machine(cluster, &rescue)?;
    let other = block_on(connect(&cluster.url(STUDIO, DATABASE)))?;
    let id = block_on(ledger.intend(&intent(1), 1))?.id;
    record(&ledger, id, &Event::Sent)?;
    proxy.part();
    let told = tell(&ledger, id, "QRY_1")?;
    is_put_aside(told, &rescue, "QRY_1")?;
    // Nothing begins while it is cut off. The lease has ended by then.
    ensure!(
        block_on(ledger.intend(&intent(2), 1)).is_err(),
        "a job began"
    );
    let found = block_on(other.recover(1))?;
    let found: Vec<_> = found.iter().map(|entry| (entry.id, entry.state)).collect();
    ensure!(found == [(id, State::Ambiguous)], "{found:?}");
    proxy.heal();
    look(&ledger)?;
    let stands = state(&other, id)?;
    ensure!(stands == State::Accepted, "{stands}");
    ensure!(!rescue.exists(), "the file is still there");
    Ok(())
}

/// That it is about to leave is kept, and the machine does not hear of it: it sends nothing, and says so.
fn during_a_commit(cluster: &Cluster) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (proxy, ledger) = machine(cluster, &folder.path().join("fleet.rescue"))?;
    let other = block_on(connect(&cluster.url(STUDIO, DATABASE)))?;
    let id = block_on(ledger.intend(&intent(3), 1))?.id;
    proxy.part_at_commit();
    let told = record(&ledger, id, &Event::Sent);
    ensure!(told.is_err(), "it may leave: {told:?}");
    let stands = state(&other, id)?;
    ensure!(stands == State::Sent, "{stands}");
    proxy.heal();
    // What this process knows, and what the next finds, is the same: it did not leave.
    drop(ledger);
    let (_proxy, ledger) = machine(cluster, &folder.path().join("fleet.rescue"))?;
    block_on(ledger.recover(1))?;
    let again = block_on(ledger.intend(&intent(4), 1))?.id;
    let stands = state(&other, id)?;
    ensure!(
        matches!(stands, State::NotSent | State::Ambiguous),
        "{stands}"
    );
    record(&ledger, again, &Event::NotSent(String::from("over")))?;
    Ok(())
}

/// An outcome is in the rescue file, and the machine is cut off once more while the database is told of it: the next
/// outcome comes to the disk too, and both to the ledger in the end.
fn while_applying(cluster: &Cluster) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rescue = folder.path().join("fleet.rescue");
    let (proxy, ledger) = machine(cluster, &rescue)?;
    let other = block_on(connect(&cluster.url(STUDIO, DATABASE)))?;
    let mut jobs = Vec::new();
    for key in [5, 6] {
        let id = block_on(ledger.intend(&intent(key), 1))?.id;
        record(&ledger, id, &Event::Sent)?;
        jobs.push((id, format!("QRY_{key}")));
    }
    for ((id, name), parts) in jobs.iter().zip([Proxy::part, Proxy::part_at_commit]) {
        proxy.heal();
        parts(&proxy);
        is_put_aside(tell(&ledger, *id, name)?, &rescue, name)?;
    }
    proxy.heal();
    look(&ledger)?;
    for (id, name) in &jobs {
        let found = block_on(other.entry(*id))?.context("it is gone")?;
        ensure!(
            found
                .query_id
                .as_ref()
                .is_some_and(|id| id.as_str() == name),
            "{found:?}"
        );
    }
    ensure!(!rescue.exists(), "the file is still there");
    Ok(())
}

/// An outcome that waits behind a call which may take an hour comes to the disk all the same.
fn behind_another(cluster: &Cluster) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rescue = folder.path().join("fleet.rescue");
    let (proxy, ledger) = machine(cluster, &rescue)?;
    let id = block_on(ledger.intend(&intent(7), 1))?.id;
    record(&ledger, id, &Event::Sent)?;
    proxy.part();
    let accepted = Event::Accepted("QRY_7".parse()?);
    let (mut long, mut told) = (ledger.contents(), ledger.record(id, &accepted, 1));
    let queued = poll_fn(|context| {
        let first = long.as_mut().poll(context).is_pending();
        Poll::Ready(first && told.as_mut().poll(context).is_pending())
    });
    ensure!(block_on(queued), "it has answered");
    while !std::fs::read_to_string(&rescue).is_ok_and(|kept| kept.contains("QRY_7")) {
        std::thread::yield_now();
    }
    proxy.heal();
    block_on(long)?;
    let entry = block_on(told)?;
    ensure!(entry.state == State::Accepted, "{entry:?}");
    look(&ledger)?;
    ensure!(!rescue.exists(), "the file is still there");
    Ok(())
}

/// What is told on a thread of its own.
type Told = std::thread::JoinHandle<Result<Entry, genrex_ledger::Error>>;

fn tell(ledger: &PostgresLedger, id: LocalId, name: &str) -> anyhow::Result<Told> {
    let accepted = Event::Accepted(name.parse()?);
    let ledger = ledger.clone();
    Ok(std::thread::spawn(move || record(&ledger, id, &accepted)))
}

/// An outcome comes to the disk before its time is over, and whoever told it hears where it is.
fn is_put_aside(told: Told, rescue: &Path, name: &str) -> anyhow::Result<()> {
    // In memory alone, the end of the process would lose it for as long as nobody answers.
    while !std::fs::read_to_string(rescue).is_ok_and(|kept| kept.contains(name)) {
        ensure!(
            !told.is_finished(),
            "the id was in memory alone until the end"
        );
        std::thread::yield_now();
    }
    ensure!(!told.is_finished(), "the database has answered");
    let told = told.join().map_err(|_| anyhow::anyhow!("a thread ended"))?;
    let error = told.err().context("it was kept")?;
    ensure!(error.to_string().contains("fleet.rescue"), "{error}");
    Ok(())
}

/// A write that is nobody's outcome.
fn look(ledger: &PostgresLedger) -> anyhow::Result<()> {
    block_on(ledger.observe(
        &genrex_ledger::Alias::new("https://api.genrex.com", "partitions"),
        &Account::new("https://api.genrex.com", "partitions"),
        &Look::new(1),
        1,
    ))?;
    Ok(())
}

/// A small disk that only this has.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> anyhow::Result<Option<Self>> {
        if !is_root() {
            return Ok(None);
        }
        std::fs::create_dir_all(&at)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=48m", "none"])
            .arg(&at);
        if run_command(&mut mount).is_err() {
            return Ok(None);
        }
        run_command(Command::new("chown").arg("postgres").arg(&at))?;
        Ok(Some(Self(at)))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may have a file of it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Nothing begins on a full disk, an id that is in hand is kept, and all goes on when there is room again.
fn full_disk(cluster: &Cluster) -> anyhow::Result<()> {
    let Some(disk) = Disk::mount(cluster.folder().join("small"))? else {
        println!("NOT RUN: a full disk, which only root can make");
        return Ok(());
    };
    let database = "full_disk";
    let place = disk.0.display();
    cluster.sql(
        "postgres",
        &format!("CREATE TABLESPACE small LOCATION '{place}'"),
    )?;
    cluster.sql(
        "postgres",
        &format!("CREATE DATABASE {database} TABLESPACE small"),
    )?;
    fill(cluster, database)?;
    let folder = tempfile::tempdir()?;
    let rescue = folder.path().join("fleet.rescue");
    let options = Options::new().rescue(&rescue);
    let to = address(&cluster.url(STUDIO, database))?;
    let ledger = block_on(PostgresLedger::connect_with(&to, &options))?;
    let id = block_on(ledger.intend(&intent(1), 1))?.id;
    record(&ledger, id, &Event::Sent)?;
    cluster.sql(database, "CREATE TABLE filler (text text)")?;
    let fills = "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 4000)";
    while cluster.sql(database, fills).is_ok() {}
    let small = "INSERT INTO filler VALUES (repeat('x', 1000))";
    while cluster.sql(database, small).is_ok() {}
    // There may be room for some in pages that are there.
    let refused = (2..2_000).find_map(|key| block_on(ledger.intend(&intent(key), 1)).err());
    let error = refused.context("the disk is not full")?;
    ensure!(error.kind() == ErrorKind::Full, "{error}");
    let told = record(&ledger, id, &Event::Accepted("QRY_FULL".parse()?));
    if let Err(error) = &told {
        ensure!(error.to_string().contains("fleet.rescue"), "{error}");
        let kept = std::fs::read_to_string(&rescue)?;
        ensure!(kept.contains("QRY_FULL"), "{kept}");
    }
    cluster.sql(database, "DROP TABLE filler")?;
    let next = block_on(ledger.intend(&intent(5_000), 1))?;
    let stands = state(&ledger, id)?;
    ensure!(stands == State::Accepted, "{stands}");
    drop(ledger);
    cluster.sql(
        "postgres",
        &format!("DROP DATABASE {database} WITH (FORCE)"),
    )?;
    cluster.sql("postgres", "DROP TABLESPACE small")?;
    println!(
        "full disk: nothing begins, the id that was in hand is kept ({}), and job {} begins when there is room",
        if told.is_ok() {
            "in the database"
        } else {
            "beside it"
        },
        next.id
    );
    Ok(())
}
