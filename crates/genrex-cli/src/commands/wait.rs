use genrex_async::Resolution;
use genrex_async::core::{may_be, without_id};
use genrex_ledger::{Filter, State};

use crate::args::{Global, Wait};
use crate::command_error::CommandError;
use crate::commands::deliver::{CommandContext, Paid};
use crate::commands::settled_by::who_says_so;
use crate::confirm;
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::output::Output;
use crate::progress::Display;

/// `genrex wait`: takes a job up by its id.
pub(crate) async fn run(wait: Wait, global: &Global, output: &Output) -> Result<(), CommandError> {
    let delivery = &wait.delivery;
    delivery.check(output)?;
    let connection = Connection::open(global, CallOptions::from(delivery)).await?;
    ledger::recover(&connection.client, output).await?;
    offer_to_link(&wait, &connection, output).await?;
    let job = connection.client.job(wait.query_id.clone());
    let mut context = CommandContext {
        display: Display::new(*output),
        interrupts: Interrupts::watch()?,
        connection,
        output: *output,
    };
    context
        .wait_and_download(&job, delivery, Paid::Before, false)
        .await
}

/// An id that the ledger does not know may be the one that an ambiguous submit is missing: a person is asked, or told
/// how to link the two.
async fn offer_to_link(
    wait: &Wait,
    connection: &Connection,
    output: &Output,
) -> Result<(), CommandError> {
    let client = &connection.client;
    let Some(ledger) = client.ledger() else {
        return Ok(());
    };
    let id = &wait.query_id;
    let known = ledger.entries(&Filter::named(id.as_str())).await?;
    if !known.is_empty() {
        return Ok(());
    }
    // Whose account it is need not be asked if nothing is ambiguous at all.
    let any = Filter::default().states([State::Ambiguous]);
    if ledger.entries(&any).await?.is_empty() {
        return Ok(());
    }
    let account = client.account().await?;
    let ambiguous = ledger.entries(&without_id(account)).await?;
    let told = client.retrieve(id).await?;
    for entry in ambiguous.iter().filter(|entry| may_be(entry, &told)) {
        let job = entry.id;
        let question = format!("is {id} job {job}, whose submit has no id yet? Link them?");
        if confirm::asked(*output, question).await {
            let resolution = Resolution::Accepted(id.clone());
            let linked = client.resolve_with_reason(job, resolution, who_says_so(None));
            linked.await?;
            output.note(format_args!("{id} is job {job}"));
            return Ok(());
        }
        output.note(format_args!(
            "if this is job {job}, whose submit has no id yet: genrex jobs resolve {job} --query-id {id}"
        ));
    }
    Ok(())
}
