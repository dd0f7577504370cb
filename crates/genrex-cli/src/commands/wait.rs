//! `genrex wait`: takes jobs up, by their ids or by their numbers in the ledger.

mod here;
mod link;
mod several;

use self::here::Here;
use crate::account_flags::AccountFlags;
use crate::args::{Delivery, Global, Wait};
use crate::command_error::CommandError;
use crate::commands::deliver::{CommandContext, Paid};
use crate::commands::named::{self, Named};
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::name;
use crate::output::Output;
use crate::progress::Display;

pub(crate) async fn run(wait: Wait, global: &Global, output: &Output) -> Result<(), CommandError> {
    let delivery = &wait.delivery;
    delivery.check(output)?;
    if wait.which.is_list() {
        check_for_several(delivery)?;
    }
    let jobs = jobs(&wait, global, output).await?;
    // What is here needs no network.
    let (mut here, mut away) = (Vec::new(), Vec::new());
    for job in jobs {
        match Here::find(&job, delivery) {
            Some(found) => here.push(found),
            None => away.push(job),
        }
    }
    if away.is_empty() {
        return show_here(&here, wait.which.is_list(), output);
    }
    let connection = Connection::open(global, CallOptions::from(delivery)).await?;
    ledger::recover(&connection.client, output).await?;
    for job in &away {
        link::offer(job, &connection, output).await?;
    }
    let mut context = CommandContext {
        display: Display::new(*output),
        interrupts: Interrupts::watch()?,
        connection,
        output: *output,
    };
    if wait.which.is_list() {
        return several::wait(&mut context, &away, &here, delivery).await;
    }
    for job in away {
        let job = context.connection.client.job(job.id);
        let waited = context.wait_and_download(&job, delivery, Paid::Before, false);
        waited.await?;
    }
    Ok(())
}

/// The ledger is only read here, and waits for nobody.
async fn jobs(wait: &Wait, global: &Global, output: &Output) -> Result<Vec<Named>, CommandError> {
    if global.sandbox || wait.delivery.no_ledger {
        if wait.which.open {
            let message = "the open jobs are in the ledger, which is not read here";
            return Err(CommandError::usage(message).hint("name each job by its id, QRY_…"));
        }
        return named::named(&wait.which.jobs, None, None, "wait").await;
    }
    let ledger = ledger::open_to_read().await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    if wait.which.open {
        return named::open(&**ledger, &accounts, "wait", output).await;
    }
    named::named(&wait.which.jobs, Some(&**ledger), Some(&accounts), "wait").await
}

/// Several jobs do not fit into one file.
fn check_for_several(delivery: &Delivery) -> Result<(), CommandError> {
    let is_one_file = |path: &std::path::Path| delivery.to_stdout() || !name::is_folder(path);
    if !delivery.output.as_deref().is_some_and(is_one_file) {
        return Ok(());
    }
    let message = "several jobs do not fit into one file; nothing was asked";
    Err(CommandError::usage(message).hint("give --output a folder that is there, or leave it away"))
}

fn show_here(here: &[Here], is_list: bool, output: &Output) -> Result<(), CommandError> {
    if here.is_empty() {
        output.note("no job is open");
    }
    if output.is_json() && is_list {
        let all: Vec<_> = here.iter().map(Here::document).collect();
        return output.document(&all);
    }
    here.iter().try_for_each(|found| found.show(output))
}
