use genrex_ledger::{Filter, State};

use crate::args::{Global, Wait};
use crate::commands::deliver::{Errand, Paid};
use crate::commands::generate::manner;
use crate::connect::Connection;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::output::Output;
use crate::progress::Display;

/// `genrex wait`: takes a job up by its id.
pub(crate) async fn run(wait: Wait, global: &Global, output: &Output) -> Result<(), Failure> {
    let delivery = &wait.delivery;
    delivery.check(output)?;
    let connection = Connection::open(global, manner(delivery)).await?;
    ledger::recover(&connection.client, output).await?;
    offer_to_link(&wait, &connection, output).await?;
    let job = connection.client.job(wait.query_id.clone());
    let mut errand = Errand {
        display: Display::new(*output),
        interrupts: Interrupts::watch()?,
        connection,
        output: *output,
    };
    errand
        .wait_and_download(&job, delivery, Paid::Before, false)
        .await
}

/// An id that the ledger does not know may be the one that an ambiguous submit is missing.
async fn offer_to_link(
    wait: &Wait,
    connection: &Connection,
    output: &Output,
) -> Result<(), Failure> {
    let Some(ledger) = connection.client.ledger() else {
        return Ok(());
    };
    let known = ledger
        .entries(&Filter::named(wait.query_id.as_str()))
        .await?;
    if !known.is_empty() {
        return Ok(());
    }
    let ambiguous = Filter::default().states([State::Ambiguous]);
    let ambiguous = ledger.entries(&ambiguous).await?;
    for entry in ambiguous.iter().filter(|entry| entry.query_id.is_none()) {
        output.note(format_args!(
            "if this is job {}, whose submit has no id yet: genrex jobs resolve {} --query-id {}",
            entry.id, entry.id, wait.query_id
        ));
    }
    Ok(())
}
