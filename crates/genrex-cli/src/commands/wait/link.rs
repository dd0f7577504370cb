use genrex_async::Resolution;
use genrex_async::core::{may_be, without_id};
use genrex_ledger::{Filter, State};

use crate::command_error::CommandError;
use crate::commands::named::Named;
use crate::commands::settled_by::who_says_so;
use crate::confirm;
use crate::connect::Connection;
use crate::output::Output;
use crate::typed;

/// An id that the ledger does not know may be the one that an ambiguous submit is missing: a person is asked, or told
/// how to link the two.
pub(super) async fn offer(
    job: &Named,
    connection: &Connection,
    output: &Output,
) -> Result<(), CommandError> {
    let client = &connection.client;
    let (Some(ledger), None) = (client.ledger(), &job.entry) else {
        return Ok(());
    };
    // Whose account it is need not be asked if nothing is ambiguous at all.
    let any = Filter::default().states([State::Ambiguous]);
    if ledger.entries(&any).await?.is_empty() {
        return Ok(());
    }
    let id = &job.id;
    let account = client.account().await?;
    let ambiguous = ledger.entries(&without_id(account)).await?;
    let told = client.retrieve(id).await;
    let told = told.map_err(|error| CommandError::from(error).resumable(id, None))?;
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
            "if this is job {job}, whose submit has no id yet: genrex jobs resolve {job} --query-id {id}{}",
            typed::flags()
        ));
    }
    Ok(())
}
