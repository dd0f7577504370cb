//! One purchase that is written down before it is sent, within limits, with every outcome handled.
//!
//! ```text
//! cargo run -p genrex-blocking --example guarded_purchase
//! cargo run -p genrex-blocking --example guarded_purchase -- resolve 7 charged
//! cargo run -p genrex-blocking --example guarded_purchase -- resolve 7 not-charged
//! cargo run -p genrex-blocking --example guarded_purchase -- resolve 7 QRY_1
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use genrex_blocking::core::ledger::{Doubt, Once};
use genrex_blocking::{
    Client, Error, ErrorKind, GenerateRequest, Job, Limits, LocalId, Prompt, PurchaseOptions,
    Reconciliation, Resolution, Seconds, Submission,
};
use genrex_ledger_sqlite::SqliteLedger;

#[path = "support/connect.rs"]
mod connect;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect::connect()?;
    let mut limits = Limits::default();
    limits.day = Some(100);
    limits.total = Some(1_000);
    let client = connection
        .builder
        .ledger(SqliteLedger::open(connection.folder.join("ledger.db"))?)
        .limits(limits)
        .build()?;
    let folder = connection.folder.join("music");
    fs::create_dir_all(&folder)?;

    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [command, id, answer] = arguments.as_slice()
        && command == "resolve"
    {
        resolve(&client, id.parse()?, answer)?;
    }
    recover(&client, &folder)?;
    let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(10)?);
    buy(&client, &request, &folder)?;
    Ok(())
}

/// Finishes what an earlier run left open: what was paid for is downloaded, what is unclear is looked into.
pub(crate) fn recover(client: &Client, folder: &Path) -> Result<(), Error> {
    for entry in client.recover()? {
        println!("purchase {} of an earlier run is {}", entry.id, entry.state);
        match entry.query_id {
            Some(id) => report(fetch(client, &client.job(id), folder)),
            None => reconcile(client, entry.id)?,
        }
    }
    Ok(())
}

pub(crate) fn buy(client: &Client, request: &GenerateRequest, folder: &Path) -> Result<(), Error> {
    // The same prompt is not bought while an earlier purchase of it is open.
    let mut options = PurchaseOptions::default();
    options.once = Once::Prompt;
    match client.purchase(request, &options) {
        Submission::Accepted(job) => {
            if let Some(why) = job.ledger_failure() {
                println!(
                    "write this id down, the ledger could not: {} ({why})",
                    job.id()
                );
            }
            report(fetch(client, &job, folder));
        }
        Submission::NotSent(error) => match error.kind() {
            ErrorKind::OverLimit => println!("not sent, the limit is reached: {error}"),
            ErrorKind::AlreadyBought => println!("not sent, it was bought before: {error}"),
            _ => println!("not sent, not charged: {error}"),
        },
        Submission::Refused(error) => match error.kind() {
            ErrorKind::OutOfCredit => println!("refused, the account is empty: {error}"),
            ErrorKind::RateLimited => println!("refused for now, try again later: {error}"),
            _ => println!("refused, the same would be refused again: {error}"),
        },
        Submission::Ambiguous(error) => {
            println!("it may have been charged, and is not sent again: {error}");
            if let Some(evidence) = error.evidence() {
                println!("what is known: {evidence}");
            }
            if let Some(id) = error.local_id() {
                reconcile(client, id)?;
            }
        }
    }
    Ok(())
}

/// Looks whether the balance shows what became of an ambiguous purchase.
fn reconcile(client: &Client, id: LocalId) -> Result<(), Error> {
    match client.reconcile(id)? {
        Reconciliation::Charged => {
            println!("purchase {id} was charged: ask the service's support for its id");
        }
        Reconciliation::NotCharged => println!("purchase {id} was not charged: buy it again"),
        Reconciliation::Inconclusive(Doubt::NotSettled { .. }) => {
            println!("purchase {id} may still be charged: look again in some minutes");
        }
        Reconciliation::Inconclusive(doubt) => {
            println!("the balance does not tell of purchase {id}: {doubt}");
            println!("ask the service's support, then: resolve {id} charged|not-charged|QRY_ID");
        }
    }
    Ok(())
}

/// Keeps what a person found out about an ambiguous purchase.
pub(crate) fn resolve(client: &Client, id: LocalId, answer: &str) -> Result<(), Error> {
    let resolution = match answer {
        "charged" => Resolution::Charged,
        "not-charged" => Resolution::NotCharged,
        id => Resolution::Accepted(id.parse()?),
    };
    let entry = client.resolve_with_reason(id, resolution, "the user said so")?;
    println!("purchase {id} is {}", entry.state);
    Ok(())
}

/// Waits for a job that is paid for, and downloads it. It is free and can be repeated.
fn fetch(client: &Client, job: &Job, folder: &Path) -> Result<PathBuf, Error> {
    let track = client.wait(job)?;
    let path = folder.join(format!("{}.wav", job.id()));
    client.download(track.audio(), &path)?;
    Ok(path)
}

fn report(fetched: Result<PathBuf, Error>) {
    match fetched {
        Ok(path) => println!("it is here: {}", path.display()),
        Err(error) if error.is_resumable() => println!("not here yet, run this again: {error}"),
        Err(error) => println!("there will be no music: {error}"),
    }
}
