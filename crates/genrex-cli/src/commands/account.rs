use serde_json::json;

use crate::args::{self, Global};
use crate::command_error::CommandError;
use crate::commands::watch;
use crate::connect::{CallOptions, Connection};
use crate::output::Output;
use crate::progress::Display;

/// `genrex balance`.
pub(crate) async fn balance(
    args: &args::Balance,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let connection = Connection::open(global, CallOptions::QUESTION).await?;
    if args.watch {
        return watch::run(args, &connection, output).await;
    }
    let display = Display::new(*output);
    let watcher = display.clone();
    let client = connection
        .client
        .on_progress(move |progress| watcher.show(progress));
    let answer = client.balance().await;
    display.clear();
    let balance = answer?;
    if output.is_json() {
        let mut document = json!(balance);
        document["creditsLeft"] = balance.credits_left().into();
        return output.document(&document);
    }
    output.line(format_args!("{} credits left", balance.credits_left()))?;
    output.line(format_args!(
        "{} of {} used",
        balance.credits_used, balance.total_credit_quota
    ))?;
    match balance.max_duration_seconds {
        Some(seconds) => output.line(format_args!("{seconds} s at most in one piece")),
        None => Ok(()),
    }
}
