//! The suite that every storage must pass, on PostgreSQL, with the rights that the documentation lists and no more.

use std::collections::VecDeque;

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::{block_on, conformance, relocation};
use genrex_ledger_postgres::{Address, Options, PostgresLedger, migrate};

use super::cluster::{Cluster, OWNER, PASSWORD, STUDIO};

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    refuses_what_is_not_migrated(cluster)?;
    let opened = conform(cluster, "suite", cluster.port)?;
    println!("suite: PostgreSQL keeps what a ledger promises, on {opened} ledgers");
    Ok(())
}

/// Runs the suite over connections to a port; says how many ledgers it was given.
pub(crate) fn conform(cluster: &Cluster, prefix: &str, port: u16) -> anyhow::Result<usize> {
    let mut ledgers = Ledgers::new(cluster, prefix);
    let found = block_on(conformance(async |name: &str| {
        let database = ledgers.of(name).expect("a database");
        let url = cluster.url(STUDIO, &database);
        let url = url.replace(&format!(":{}/", cluster.port), &format!(":{port}/"));
        connect(&url).await.expect("a connection")
    }));
    found?;
    ensure!(ledgers.made > 40, "the suite is not credible");
    Ok(ledgers.made)
}

/// The same of ledgers that are moved; who moves one owns it. Says how many ledgers it was given.
pub(crate) fn relocate(cluster: &Cluster) -> anyhow::Result<usize> {
    let mut ledgers = Ledgers::new(cluster, "relocated");
    let found = block_on(relocation(async |name: &str| {
        let database = ledgers.of(name).expect("a database");
        connect(&cluster.url(OWNER, &database))
            .await
            .expect("a connection")
    }));
    found?;
    ensure!(ledgers.made > 8, "the suite is not credible");
    Ok(ledgers.made)
}

/// The suite's ledgers. It comes back to none that it has left for as many others, so that a database serves for
/// another then: making one takes longer than all that is done in it.
struct Ledgers<'a> {
    cluster: &'a Cluster,
    prefix: &'a str,
    /// The name of the ledger that each holds; that which was asked for last is the last.
    databases: VecDeque<(String, String)>,
    made: usize,
}

impl<'a> Ledgers<'a> {
    const fn new(cluster: &'a Cluster, prefix: &'a str) -> Self {
        Self {
            cluster,
            prefix,
            databases: VecDeque::new(),
            made: 0,
        }
    }

    fn of(&mut self, name: &str) -> anyhow::Result<String> {
        const MOST: usize = 8;
        if let Some(at) = self.databases.iter().position(|(of, _)| of == name) {
            let known = self.databases.remove(at).context("not there")?;
            self.databases.push_back(known.clone());
            return Ok(known.1);
        }
        self.made += 1;
        let database = if self.databases.len() < MOST {
            let database = format!("{}_{}", self.prefix, self.databases.len());
            make(self.cluster, &database)?;
            database
        } else {
            let (_, database) = self.databases.pop_front().context("none")?;
            self.cluster.sql(&database, "DROP SCHEMA genrex CASCADE")?;
            fill(self.cluster, &database)?;
            database
        };
        self.databases
            .push_back((name.to_owned(), database.clone()));
        Ok(database)
    }
}

/// Connects with the one password that all have.
pub(crate) async fn connect(url: &str) -> anyhow::Result<PostgresLedger> {
    Ok(PostgresLedger::connect_with(&address(url)?, &Options::new()).await?)
}

pub(crate) fn address(url: &str) -> anyhow::Result<Address> {
    let escaped: String = PASSWORD
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    Ok(Address::new(&url.replacen(
        '@',
        &format!(":{escaped}@"),
        1,
    ))?)
}

/// Makes a database with the tables of a ledger, and gives the rights that docs/fleet.md lists.
pub(crate) fn make(cluster: &Cluster, database: &str) -> anyhow::Result<()> {
    cluster.sql("postgres", &format!("CREATE DATABASE {database}"))?;
    fill(cluster, database)
}

pub(crate) fn fill(cluster: &Cluster, database: &str) -> anyhow::Result<()> {
    let to = address(&cluster.url(OWNER, database))?;
    let made = block_on(migrate(&to))?;
    ensure!(made.from == 0 && made.to > 0, "{made:?}");
    let again = block_on(migrate(&to))?;
    ensure!((again.from, again.to) == (made.to, made.to), "{again:?}");
    cluster.sql(database, &rights()?)?;
    Ok(())
}

/// The statements of docs/fleet.md.
fn rights() -> anyhow::Result<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fleet.md"))?;
    let after = page.split_once("```sql\n").context("no rights")?.1;
    let block = after.split_once("```").context("no end")?.0;
    ensure!(block.contains("GRANT"), "the rights are not credible");
    Ok(block.to_owned())
}

/// A database without tables, one of an older genrex, and one that a newer has changed, are refused in words.
fn refuses_what_is_not_migrated(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.sql("postgres", "CREATE DATABASE bare")?;
    let refused = |role: &str| -> anyhow::Result<String> {
        let to = address(&cluster.url(role, "bare"))?;
        let connected = block_on(PostgresLedger::connect_with(&to, &Options::new()));
        let error = connected.err().context("it was not refused")?;
        Ok(format!("{:?}: {error}", error.kind()))
    };
    let said = refused(STUDIO)?;
    ensure!(
        said.starts_with("NotMigrated") && said.contains("genrex ledger migrate"),
        "{said}"
    );
    block_on(migrate(&address(&cluster.url(OWNER, "bare"))?))?;
    let said = refused(STUDIO)?;
    ensure!(
        said.starts_with("Denied") && said.contains("docs/fleet.md"),
        "{said}"
    );
    let second = "DELETE FROM genrex.schema_version WHERE version > 2; \
         ALTER TABLE genrex.hold DROP COLUMN steps; ALTER TABLE genrex.restored DROP COLUMN steps";
    cluster.sql("bare", second)?;
    let said = refused(OWNER)?;
    ensure!(
        said.starts_with("NotMigrated") && said.contains("genrex ledger migrate"),
        "{said}"
    );
    let made = block_on(migrate(&address(&cluster.url(OWNER, "bare"))?))?;
    ensure!((made.from, made.to) == (2, 4), "{made:?}");
    let newer = "INSERT INTO genrex.schema_version (version) VALUES (99)";
    cluster.sql("bare", newer)?;
    let said = refused(OWNER)?;
    ensure!(said.starts_with("Newer"), "{said}");
    let again = block_on(migrate(&address(&cluster.url(OWNER, "bare"))?));
    let kind = again.err().map(|error| error.kind());
    ensure!(
        kind == Some(genrex_ledger::ErrorKind::Newer),
        "a newer one was migrated: {kind:?}"
    );
    println!(
        "schema: a database without tables, without rights, or of an older or a newer version is refused in words"
    );
    Ok(())
}
