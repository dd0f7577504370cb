//! A database that is put back to an earlier state, by a dump, from an archived log and by a standby that takes over: who
//! saw more than it has buys nothing until somebody has looked, and one that lost nothing goes on.

pub(crate) mod dumps;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Entry, ErrorKind, Event, Intent, Ledger as _, LocalId, State};
use genrex_ledger_postgres::{Options, PostgresLedger};
use genrex_ledger_rescue::{Line, Rescue};

use super::cluster::{Archive, Cluster, Copied, OWNER, PASSWORD, STUDIO, run as run_command};
use super::moves::move_all;
use super::suite::{address, connect, make};

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    dumps::run(cluster)?;
    other_address(cluster).context("another address")?;
    moved(cluster).context("a ledger that was moved")?;
    moved_since(cluster).context("a ledger that was put back, and then moved")?;
    point_in_time(cluster).context("a restore to a point in time")?;
    fail_over(cluster, false).context("a standby that need not keep anything")?;
    fail_over(cluster, true).context("a standby that keeps all")?;
    println!(
        "restored: a dump that is put back, one that is bought with before it is noticed, a base backup and the archived \
         log to a point in time and to their end, and an asynchronous standby hold purchases until somebody has looked; a \
         synchronous standby goes on"
    );
    Ok(())
}

/// A machine: what it saw is in a folder of its own.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
        })
    }

    fn rescue(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.rescue"))
    }

    /// Another that saw the same.
    fn copy(&self) -> anyhow::Result<Self> {
        let copy = Self::new()?;
        for file in std::fs::read_dir(self.folder.path())? {
            let file = file?;
            std::fs::copy(file.path(), copy.folder.path().join(file.file_name()))?;
        }
        Ok(copy)
    }

    fn connect(&self, url: &str) -> anyhow::Result<PostgresLedger> {
        self.connect_as("fleet", url)
    }

    /// By an address of this name.
    fn connect_as(&self, name: &str, url: &str) -> anyhow::Result<PostgresLedger> {
        let options = Options::new().rescue(self.rescue(name));
        Ok(block_on(PostgresLedger::connect_with(
            &address(url)?,
            &options,
        ))?)
    }
}

fn intent(key: u128) -> Intent {
    let account = Account::new("https://api.genrex.com", "restored");
    Intent::new(key, account, format!("prompt {key}"), 10, b"{}")
}

/// A purchase up to its id.
fn buy(ledger: &PostgresLedger, key: u128) -> anyhow::Result<LocalId> {
    let id = block_on(ledger.intend(&intent(key), 1))?.id;
    for event in [Event::Sent, Event::Accepted(format!("QRY_{key}").parse()?)] {
        block_on(ledger.record(id, &event, 1))?;
    }
    Ok(id)
}

fn refused(ledger: &PostgresLedger, key: u128) -> anyhow::Result<String> {
    let came = block_on(ledger.intend(&intent(key), 1));
    let error = came.err().context("it was bought")?;
    ensure!(error.kind() == ErrorKind::Restored, "{error}");
    let words = error.to_string();
    ensure!(words.contains("accept-restored"), "{words}");
    Ok(words)
}

fn dump_to(cluster: &Cluster, database: &str, file: &Path) -> anyhow::Result<()> {
    let port = cluster.port.to_string();
    let mut command = cluster.program("pg_dump");
    command.args([
        "-Fc",
        "-h",
        "localhost",
        "-p",
        &port,
        "-U",
        OWNER,
        "-d",
        database,
    ]);
    run_command(command.env("PGPASSWORD", PASSWORD).arg("-f").arg(file))
}

fn put_back(cluster: &Cluster, database: &str, file: &Path) -> anyhow::Result<()> {
    cluster.sql(
        "postgres",
        &format!("DROP DATABASE {database} WITH (FORCE)"),
    )?;
    cluster.sql("postgres", &format!("CREATE DATABASE {database}"))?;
    let port = cluster.port.to_string();
    let mut command = cluster.program("pg_restore");
    command.args(["-h", "localhost", "-p", &port, "-U", OWNER, "-d", database]);
    run_command(command.env("PGPASSWORD", PASSWORD).arg(file))
}

fn state(ledger: &PostgresLedger, id: LocalId) -> anyhow::Result<State> {
    let entry: Option<Entry> = block_on(ledger.entry(id))?;
    Ok(entry.context("it is gone")?.state)
}

/// To another database of the same server: what a machine saw has other numbers there, and nothing is missing. What it
/// sees from then on, it misses.
fn moved(cluster: &Cluster) -> anyhow::Result<()> {
    let (from, to) = ("moved_from", "moved_to");
    make(cluster, from)?;
    make(cluster, to)?;
    // Somebody has accepted it before, and more than once.
    let accepted = "INSERT INTO genrex.restored (detail, held_at, held_by, accepted_by) \
        SELECT '', now(), 'a test', 'a test' FROM generate_series(1, 3)";
    cluster.sql(from, accepted)?;
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    let ledger = machine.connect_as("old", &cluster.url(STUDIO, from))?;
    for key in 1..4 {
        buy(&ledger, key)?;
    }
    drop(ledger);
    let [old, new] = [from, to].map(|name| block_on(connect(&cluster.url(OWNER, name))));
    move_all(&old?, &new?, "another database")?;
    let url = cluster.url(STUDIO, to);
    buy(&machine.connect_as("new", &url)?, 4)?;
    dump_to(cluster, to, &file)?;
    buy(&machine.connect_as("new", &url)?, 5)?;
    put_back(cluster, to, &file)?;
    refused(&machine.connect_as("new", &url)?, 6)?;
    Ok(())
}

/// By somebody who has seen nothing of what is missing: what a machine saw before is looked for all the same.
fn moved_since(cluster: &Cluster) -> anyhow::Result<()> {
    let (from, to) = ("put_back_from", "put_back_to");
    make(cluster, from)?;
    make(cluster, to)?;
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    let url = cluster.url(STUDIO, from);
    buy(&machine.connect_as("old", &url)?, 1)?;
    let has_all = machine.copy()?;
    dump_to(cluster, from, &file)?;
    buy(&machine.connect_as("old", &url)?, 2)?;
    put_back(cluster, from, &file)?;
    let [old, new] = [from, to].map(|name| block_on(connect(&cluster.url(OWNER, name))));
    move_all(&old?, &new?, "another database")?;
    let url = cluster.url(STUDIO, to);
    buy(&has_all.connect_as("new", &url)?, 3)?;
    let ledger = machine.connect_as("new", &url)?;
    refused(&ledger, 4)?;
    block_on(ledger.accept_restored("a test"))?;
    buy(&ledger, 4)?;
    Ok(())
}

/// From a base backup and the archived log, to a point between two purchases, and to the end.
fn point_in_time(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "replayed";
    make(cluster, database)?;
    let archive = Archive::start(cluster)?;
    let servers = [(); 2].map(|()| Copied::base_backup(cluster));
    let [to_point, to_end] = servers;
    let (to_point, to_end) = (to_point?, to_end?);
    let machine = Machine::new()?;
    let ledger = machine.connect(&cluster.url(STUDIO, database))?;
    let before = buy(&ledger, 1)?;
    let on_its_way = block_on(ledger.intend(&intent(2), 1))?.id;
    cluster.sql(database, "SELECT pg_create_restore_point('between')")?;
    block_on(ledger.record(on_its_way, &Event::Sent, 1))?;
    block_on(ledger.record(on_its_way, &Event::Accepted("QRY_2".parse()?), 1))?;
    drop(ledger);
    archive.fill(cluster)?;
    for (server, point, stood, words) in [
        (&to_end, None, State::Accepted, "another server answers"),
        (
            &to_point,
            Some("between"),
            State::Intended,
            " saw are missing",
        ),
    ] {
        server.restore(&archive, point)?;
        // What it saw is of the server before, in each case.
        let seen = machine.copy()?;
        let url = server.url(STUDIO, database);
        let (to, options) = (address(&url)?, Options::new());
        let reader = block_on(PostgresLedger::connect_to_read(&to, &options))?;
        ensure!(state(&reader, before)? == State::Accepted, "{point:?}");
        let stands = state(&reader, on_its_way)?;
        ensure!(stands == stood, "{point:?}: {stands}");
        let ledger = seen.connect(&url)?;
        let told = refused(&ledger, 3)?;
        ensure!(told.contains(words), "{point:?}: {told}");
        // It may have been sent since.
        let after = if stood == State::Intended {
            State::Ambiguous
        } else {
            stood
        };
        block_on(ledger.recover(1))?;
        let stands = state(&ledger, on_its_way)?;
        ensure!(stands == after, "{point:?}: {stands}");
        block_on(ledger.accept_restored("a test"))?;
        buy(&ledger, 3)?;
    }
    archive.stop(cluster)
}

/// What a machine saw, and what it put aside, it knows by whichever address it reaches the ledger then.
fn other_address(cluster: &Cluster) -> anyhow::Result<()> {
    let database = "renamed";
    make(cluster, database)?;
    let url = cluster.url(STUDIO, database);
    let machine = Machine::new()?;
    let file = machine.folder.path().join("dump");
    dump_to(cluster, database, &file)?;
    let ledger = machine.connect_as("old", &url)?;
    let id = block_on(ledger.intend(&intent(1), 1))?.id;
    block_on(ledger.record(id, &Event::Sent, 1))?;
    let line = Line {
        ledger: block_on(ledger.name())?,
        key: None,
        owner: String::from("a test"),
        local_id: id,
        event: Event::Accepted("QRY_1".parse()?),
        at: 1,
    };
    drop(ledger);
    let (old, other) = (machine.rescue("old"), machine.rescue("other"));
    Rescue::beside(&old).keep(&line)?;
    let of_another = Line {
        ledger: String::from("another"),
        ..line
    };
    Rescue::beside(&other).keep(&of_another)?;
    let ledger = machine.connect_as("new", &url)?;
    block_on(ledger.claim(id, 1))?;
    let stands = state(&ledger, id)?;
    ensure!(stands == State::Accepted, "{stands}");
    ensure!(
        !old.exists() && other.exists(),
        "a file was passed over, or taken"
    );
    drop(ledger);
    // Whoever recovers has it applied, also where nothing is left in flight.
    let third = Machine::new()?.connect(&url)?;
    let late = buy(&third, 2)?;
    Rescue::beside(&machine.rescue("new")).keep(&Line {
        ledger: block_on(third.name())?,
        local_id: late,
        event: Event::Completed,
        ..of_another
    })?;
    drop(third);
    let ledger = machine.connect_as("new", &url)?;
    block_on(ledger.recover(1))?;
    let stands = state(&ledger, late)?;
    ensure!(stands == State::Completed, "{stands}");
    drop(ledger);
    put_back(cluster, database, &file)?;
    refused(&machine.connect_as("third", &url)?, 3)?;
    Ok(())
}

/// The standby has all that was bought; only one that had to keep it is known to.
fn fail_over(cluster: &Cluster, is_synchronous: bool) -> anyhow::Result<()> {
    let database = if is_synchronous {
        "kept_twice"
    } else {
        "kept_once"
    };
    make(cluster, database)?;
    let standby = Copied::standby(cluster)?;
    if is_synchronous {
        cluster.sql(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        )?;
        cluster.sql("postgres", "SELECT pg_reload_conf()")?;
        cluster.until("SELECT sync_state = 'sync' FROM pg_stat_replication", "t")?;
    }
    let machine = Machine::new()?;
    let bought = buy(&machine.connect(&cluster.url(STUDIO, database))?, 1);
    standby.take_over(cluster)?;
    cluster.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")?;
    cluster.sql("postgres", "SELECT pg_reload_conf()")?;
    let bought = bought?;
    let ledger = machine.connect(&standby.url(STUDIO, database))?;
    let stands = state(&ledger, bought)?;
    ensure!(stands == State::Accepted, "{stands}");
    if is_synchronous {
        buy(&ledger, 2)?;
    } else {
        let words = refused(&ledger, 2)?;
        ensure!(words.contains("another server answers"), "{words}");
        block_on(ledger.accept_restored("a test"))?;
        buy(&ledger, 2)?;
    }
    Ok(())
}
