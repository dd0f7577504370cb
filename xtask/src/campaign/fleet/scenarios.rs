//! What the attacks meet by chance, once each and on purpose.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Account, Entry, ErrorKind, Event, Filter, Intent, Ledger as _, LocalId, State,
};
use genrex_ledger_postgres::{Options, PostgresLedger};

use super::cluster::{Cluster, OWNER, STUDIO};
use super::proxy::Proxy;
use super::psql::Session;
use super::suite::{address, connect, make};

const DATABASE: &str = "scenarios";

/// A scenario's name, and what it does.
type Scenario = (&'static str, fn(&Cluster) -> anyhow::Result<()>);

pub(crate) fn run(cluster: &Cluster) -> anyhow::Result<()> {
    make(cluster, DATABASE)?;
    let scenarios: [Scenario; 8] = [
        ("another's job is not sent", anothers_job),
        ("another's job is not ended", anothers_end),
        ("a lease that ended is an end", ended_lease),
        ("a late outcome is taken", late_outcome),
        ("what was bought is one process's to fetch", carried),
        ("the answer to a commit is lost", lost_answers),
        ("the database is away", away),
        ("whoever writes, the states hold", guarded),
    ];
    let mut failed = Vec::new();
    for (name, scenario) in scenarios {
        if let Err(why) = scenario(cluster) {
            failed.push(format!("{name}: {why:#}"));
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    println!("scenarios: {} come to what they have to", scenarios.len());
    Ok(())
}

fn intent(key: u128) -> Intent {
    let account = Account::new("https://api.genrex.com", "scenarios");
    Intent::new(key, account, format!("prompt {key}"), 10, b"{}")
}

fn open(cluster: &Cluster) -> anyhow::Result<PostgresLedger> {
    block_on(connect(&cluster.url(STUDIO, DATABASE)))
}

fn record(
    ledger: &PostgresLedger,
    id: LocalId,
    event: &Event,
) -> Result<Entry, genrex_ledger::Error> {
    block_on(ledger.record(id, event, 1))
}

fn accepted(name: &str) -> anyhow::Result<Event> {
    Ok(Event::Accepted(name.parse()?))
}

fn is_not_owned(came: &Result<Entry, genrex_ledger::Error>) -> bool {
    came.as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::NotOwned)
}

fn end_lease(cluster: &Cluster, id: LocalId) -> anyhow::Result<()> {
    let sql = format!("UPDATE genrex.job SET lease_until = '-infinity' WHERE id = {id}");
    cluster.sql(DATABASE, &sql).map(drop)
}

/// By its number, or by the key that its intent had: it is told, and only its owner may send it.
fn anothers_job(cluster: &Cluster) -> anyhow::Result<()> {
    let (owner, other) = (open(cluster)?, open(cluster)?);
    let job = block_on(owner.intend(&intent(1), 1))?;
    let same = block_on(other.intend(&intent(1), 1))?;
    ensure!(same == job, "{same:?}");
    let came = record(&other, job.id, &Event::Sent);
    ensure!(is_not_owned(&came), "{came:?}");
    record(&owner, job.id, &Event::Sent)?;
    let came = record(&other, job.id, &Event::Sent);
    ensure!(is_not_owned(&came), "again: {came:?}");
    // Its own process may ask again: the answer may have been lost.
    record(&owner, job.id, &Event::Sent)?;
    record(&owner, job.id, &accepted("QRY_1")?)?;
    Ok(())
}

/// A process that shares a key, and cannot find out whether the job is its own, leaves it to whoever sent it.
fn anothers_end(cluster: &Cluster) -> anyhow::Result<()> {
    let owner = open(cluster)?;
    let to = address(&cluster.url(STUDIO, DATABASE))?;
    let options = Options::new().timeout(Duration::from_secs(1));
    let other = block_on(PostgresLedger::connect_with(&to, &options))?;
    let job = block_on(owner.intend(&intent(13), 1))?;
    block_on(other.intend(&intent(13), 1))?;
    record(&owner, job.id, &Event::Sent)?;
    let mut holder = Session::start(&cluster.psql(), &cluster.url(OWNER, DATABASE))?;
    let held = holder.ask("BEGIN; SELECT 1 FROM genrex.credits FOR UPDATE")?;
    ensure!(held == "1", "{held}");
    let came = record(&other, job.id, &Event::Sent);
    let is_busy = came
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Busy);
    ensure!(is_busy, "{came:?}");
    drop(holder);
    // What it has queued is done before this.
    block_on(other.entry(job.id))?;
    record(&owner, job.id, &accepted("QRY_13")?)?;
    Ok(())
}

fn ended_lease(cluster: &Cluster) -> anyhow::Result<()> {
    let (owner, other) = (open(cluster)?, open(cluster)?);
    let job = block_on(owner.intend(&intent(2), 1))?;
    end_lease(cluster, job.id)?;
    let came = record(&owner, job.id, &Event::Sent);
    ensure!(is_not_owned(&came), "{came:?}");
    let found = block_on(other.recover(1))?;
    let states: Vec<_> = found.iter().map(|entry| (entry.id, entry.state)).collect();
    ensure!(states == [(job.id, State::NotSent)], "{states:?}");
    ensure!(block_on(owner.recover(1))?.is_empty(), "found twice");
    // It is asked again after a pause, in which the lease may have ended.
    let paused = block_on(owner.intend(&intent(12), 1))?;
    record(&owner, paused.id, &Event::Sent)?;
    end_lease(cluster, paused.id)?;
    let came = record(&owner, paused.id, &Event::Sent);
    ensure!(is_not_owned(&came), "sent, and asked again: {came:?}");
    block_on(other.recover(1))?;
    Ok(())
}

fn late_outcome(cluster: &Cluster) -> anyhow::Result<()> {
    let (owner, other) = (open(cluster)?, open(cluster)?);
    let job = block_on(owner.intend(&intent(3), 1))?;
    record(&owner, job.id, &Event::Sent)?;
    end_lease(cluster, job.id)?;
    let found = block_on(other.recover(1))?;
    ensure!(
        found.iter().map(|entry| entry.state).collect::<Vec<_>>() == [State::Ambiguous],
        "{found:?}"
    );
    let late = record(&owner, job.id, &accepted("QRY_3")?)?;
    ensure!(late.state == State::Accepted, "{late:?}");
    Ok(())
}

/// Its buyer's, while that one is heard of or until it gives it up, and then whose who claims it first.
fn carried(cluster: &Cluster) -> anyhow::Result<()> {
    let (second, third) = (open(cluster)?, open(cluster)?);
    // It says that it lives four times in a lease, and is not to do so meanwhile.
    let seldom = Options::new().lease(Duration::from_secs(24 * 60 * 60));
    let to = address(&cluster.url(STUDIO, DATABASE))?;
    let owner = block_on(PostgresLedger::connect_with(&to, &seldom))?;
    let job = block_on(owner.intend(&intent(11), 1))?.id;
    let asked = || -> anyhow::Result<[bool; 3]> {
        let asks = |ledger: &PostgresLedger| block_on(ledger.claim(job, 1));
        Ok([asks(&second)?, asks(&owner)?, asks(&third)?])
    };
    ensure!(asked()? == [false; 3], "claimed in flight");
    record(&owner, job, &Event::Sent)?;
    record(&owner, job, &accepted("QRY_11")?)?;
    ensure!(asked()? == [false, true, false], "not its buyer's alone");
    let unheard = format!(
        "UPDATE genrex.machine SET seen_at = '-infinity' \
             WHERE epoch = (SELECT epoch FROM genrex.job WHERE id = {job})"
    );
    cluster.sql(DATABASE, &unheard)?;
    ensure!(asked()? == [true, false, false], "not taken over once");
    second.release(job, 1);
    // What is asked next comes after it.
    block_on(second.entry(job))?;
    ensure!(block_on(third.claim(job, 1))?, "not given up");
    drop(third);
    ensure!(block_on(second.claim(job, 1))?, "its process has ended");
    // What is here is nobody's: who misses the file fetches it again.
    let here = Event::Downloaded {
        path: String::from("a.wav"),
        bytes: 1,
        sha256: String::from("0"),
    };
    record(&second, job, &here)?;
    ensure!(block_on(owner.claim(job, 1))?, "not to be fetched again");
    Ok(())
}

/// Each call is asked through a proxy that lets a `COMMIT` through and its answer not.
fn lost_answers(cluster: &Cluster) -> anyhow::Result<()> {
    let proxy = Proxy::start(cluster.port)?;
    let url = cluster.url(STUDIO, DATABASE);
    let through = url.replace(
        &format!(":{}/", cluster.port),
        &format!(":{}/", proxy.port()),
    );
    let ledger = block_on(connect(&through))?;
    proxy.lose_next();
    let job = block_on(ledger.intend(&intent(4), 1))?;
    for event in [Event::Sent, accepted("QRY_4")?, Event::Completed] {
        proxy.lose_next();
        record(&ledger, job.id, &event)?;
    }
    ensure!(proxy.lost() == 4, "{} answers were lost", proxy.lost());
    let states: Vec<_> = block_on(ledger.history(job.id))?
        .iter()
        .map(|past| past.state)
        .collect();
    let once = [
        State::Intended,
        State::Sent,
        State::Accepted,
        State::Completed,
    ];
    ensure!(states == once, "{states:?}");
    // What another left is found by who asked, even if the answer was lost.
    let left = block_on(open(cluster)?.intend(&intent(5), 1))?;
    proxy.lose_next();
    let found = block_on(ledger.recover(1))?;
    let found: Vec<_> = found.iter().map(|entry| entry.id).collect();
    ensure!(found == [left.id], "{found:?}");
    ensure!(proxy.lost() == 5, "{} answers were lost", proxy.lost());
    Ok(())
}

/// Nothing begins, nothing may leave, and an id that is in hand is kept on this machine until it is back.
fn away(cluster: &Cluster) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let rescue = folder.path().join("fleet.rescue");
    let options = Options::new()
        .timeout(Duration::from_secs(1))
        .rescue(&rescue);
    let to = address(&cluster.url(STUDIO, DATABASE))?;
    let ledger = block_on(PostgresLedger::connect_with(&to, &options))?;
    let sent = block_on(ledger.intend(&intent(6), 1))?.id;
    let waiting = block_on(ledger.intend(&intent(7), 1))?.id;
    record(&ledger, sent, &Event::Sent)?;
    let mut said = Ok(());
    cluster.away(|| {
        said = (|| {
            let error = record(&ledger, sent, &accepted("QRY_6")?)
                .err()
                .context("it was kept")?;
            ensure!(error.to_string().contains("fleet.rescue"), "{error}");
            let begun = block_on(ledger.intend(&intent(8), 1));
            ensure!(begun.is_err(), "a job began: {begun:?}");
            let left = record(&ledger, waiting, &Event::Sent);
            ensure!(left.is_err(), "a job may leave: {left:?}");
            let kept = std::fs::read_to_string(&rescue)?;
            ensure!(kept.contains("QRY_6"), "{kept}");
            Ok(())
        })();
    })?;
    said?;
    drop(ledger);
    let ledger = block_on(PostgresLedger::connect_with(&to, &options))?;
    block_on(ledger.intend(&intent(9), 1))?;
    let stands = |id| -> anyhow::Result<State> {
        let entry = block_on(ledger.entry(id))?;
        Ok(entry.context("it is gone")?.state)
    };
    ensure!(stands(sent)? == State::Accepted, "{}", stands(sent)?);
    ensure!(stands(waiting)? == State::NotSent, "{}", stands(waiting)?);
    ensure!(!rescue.exists(), "the file is still there");
    let text = Some("prompt 8");
    let entries = block_on(ledger.entries(&Filter::default()))?;
    let begun = entries.iter().find(|entry| Some(&*entry.text) == text);
    ensure!(begun.is_none(), "{begun:?}");
    Ok(())
}

fn guarded(cluster: &Cluster) -> anyhow::Result<()> {
    let ledger = open(cluster)?;
    let job = block_on(ledger.intend(&intent(10), 1))?.id;
    for sql in [
        format!("UPDATE genrex.job SET state = 'accepted', lease_until = NULL WHERE id = {job}"),
        format!("UPDATE genrex.job SET state = 'refused', lease_until = NULL WHERE id = {job}"),
        format!("UPDATE genrex.job SET state = 'notSent' WHERE id = {job}"),
        format!("UPDATE genrex.job SET epoch = epoch - 1 WHERE id = {job}"),
        format!("DELETE FROM genrex.job WHERE id = {job}"),
        String::from("TRUNCATE genrex.history"),
        String::from("UPDATE genrex.history SET state = 'sent'"),
    ] {
        let came = cluster.sql(DATABASE, &sql);
        ensure!(came.is_err(), "{sql} was done");
    }
    Ok(())
}
