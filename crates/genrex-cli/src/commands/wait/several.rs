use std::collections::VecDeque;

use genrex_async::QueryId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::here::Here;
use crate::args::Delivery;
use crate::command_error::{Code, CommandError};
use crate::commands::deliver::{CommandContext, Fetched, Paid, Trouble, fetch};
use crate::commands::named::Named;

/// So many are waited for at once; the others follow.
const AT_ONCE: usize = 8;

/// Waits for several jobs. Each is shown when it is here, and each that fails is said; the first failure ends the
/// command, when all others are over.
pub(super) async fn wait(
    context: &mut CommandContext,
    jobs: &[Named],
    here: &[Here],
    delivery: &Delivery,
) -> Result<(), CommandError> {
    let output = context.output;
    let mut documents = Vec::new();
    for found in here {
        match output.is_json() {
            true => documents.push(json!(found.document())),
            false => found.show(&output)?,
        }
    }
    let mut left: Vec<QueryId> = jobs.iter().map(|job| job.id.clone()).collect();
    let mut queue: VecDeque<QueryId> = left.clone().into();
    let mut running = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(id) = queue.pop_front()
        {
            running.spawn(one(context, id, delivery.clone()));
        }
        let done = tokio::select! {
            done = running.join_next() => done,
            () = context.interrupts.next() => {
                running.shutdown().await;
                context.display.clear();
                return Err(interrupted(context, &left));
            }
        };
        let (id, outcome) = match done {
            None => break,
            Some(Ok(done)) => done,
            Some(Err(panicked)) => {
                let message = "a job could not be waited for";
                return Err(CommandError::other(message).with_source(&panicked));
            }
        };
        context.display.clear();
        left.retain(|other| *other != id);
        match outcome {
            Ok(done) if output.is_json() => documents.push(json!(done.document())),
            Ok(done) => done.show(&output)?,
            Err(trouble) => {
                let resume = context.connection.resume(&[id.as_str()]);
                failures.push(trouble.tell(&id, resume, Paid::Before));
            }
        }
    }
    if output.is_json() {
        output.document(&Value::from(documents))?;
    }
    output.all_failed(failures)
}

/// Waits for one of them, as its own task.
fn one(
    context: &CommandContext,
    id: QueryId,
    delivery: Delivery,
) -> impl Future<Output = (QueryId, Result<Fetched, Trouble>)> + use<> {
    let display = context.display.clone();
    let client = context.connection.client.one_job();
    let client = client.on_progress(move |progress| display.show(progress));
    let job = client.job(id.clone());
    async move { (id, fetch(&client, &job, &delivery, false).await) }
}

fn interrupted(context: &CommandContext, left: &[QueryId]) -> CommandError {
    let message = "interrupted; the jobs go on at the service";
    let mut failure = CommandError::new(Code::Interrupted, "interrupted", message);
    let ids: Vec<_> = left.iter().map(QueryId::as_str).collect();
    failure.resume = context.connection.resume(&ids);
    failure
}
