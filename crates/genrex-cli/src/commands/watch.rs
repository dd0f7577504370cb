use genrex_async::core::Transport as _;
use genrex_async::{Balance, ErrorKind};
use serde_json::json;

use crate::args;
use crate::clock;
use crate::command_error::{Code, CommandError, in_a_line};
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::output::Output;

/// `genrex balance --watch`: a record of each reading, until there are enough, or too few credits are left.
pub(super) async fn run(
    args: &args::Balance,
    connection: &Connection,
    output: &Output,
) -> Result<(), CommandError> {
    let mut interrupts = Interrupts::watch()?;
    let watched = watch(args, connection, output);
    let ended = connection
        .stop
        .guard(watched, &mut interrupts, output)
        .await;
    ended.unwrap_or_else(|| Err(interrupted()))
}

async fn watch(
    args: &args::Balance,
    connection: &Connection,
    output: &Output,
) -> Result<(), CommandError> {
    let mut settings = *connection.client.settings();
    // Long outages are told as often as readings would be.
    settings.deadline = Some(args.interval.clamp(LEAST, CallOptions::QUESTION.timeout));
    let client = connection.client.with_settings(settings);
    let mut last = None;
    let mut readings = 0;
    loop {
        match client.balance().await {
            Ok(balance) => {
                record(&balance, last.as_ref(), output)?;
                refuse_below(args.below, &balance)?;
                last = Some(balance);
                readings += 1;
            }
            Err(error) => match error.kind() {
                ErrorKind::Cancelled => return Err(interrupted()),
                ErrorKind::Credentials | ErrorKind::Configuration | ErrorKind::Certificate => {
                    return Err(error.into());
                }
                _ => missed(&in_a_line(&error), output)?,
            },
        }
        if args.count.is_some_and(|count| readings >= count) {
            return Ok(());
        }
        let slept = client.transport().sleep(args.interval).await;
        slept.map_err(|_| interrupted())?;
    }
}

/// The least time that an answer is waited for.
const LEAST: std::time::Duration = std::time::Duration::from_secs(2);

fn record(balance: &Balance, last: Option<&Balance>, output: &Output) -> Result<(), CommandError> {
    let left = balance.credits_left();
    let change = last.map(|last| balance.change_since(last));
    let now = clock::now();
    if output.is_json() {
        return output.document(&json!({
            "time": clock::iso8601(now),
            "creditsLeft": left,
            "creditsUsed": balance.credits_used,
            "totalCreditQuota": balance.total_credit_quota,
            "change": change,
        }));
    }
    let change = match change {
        Some(0) | None => String::new(),
        Some(change) => format!(" ({change:+})"),
    };
    output.line(format_args!(
        "{} {left} credits left{change}",
        clock::local(now)
    ))
}

fn refuse_below(below: Option<u64>, balance: &Balance) -> Result<(), CommandError> {
    let left = balance.credits_left();
    match below {
        Some(below) if left < below => {
            let message = format!("{left} credits are left, fewer than {below}");
            Err(
                CommandError::new(Code::OutOfCredit, "belowThreshold", message)
                    .hint("genrex jobs list shows what was bought from here"),
            )
        }
        _ => Ok(()),
    }
}

fn missed(why: &str, output: &Output) -> Result<(), CommandError> {
    output.warning(format_args!(
        "the balance could not be read, still watching: {why}"
    ));
    output.aside(&json!({"missed": {"time": clock::iso8601(clock::now()), "message": why}}))
}

fn interrupted() -> CommandError {
    CommandError::new(
        Code::Interrupted,
        "interrupted",
        "interrupted; nothing was bought",
    )
}
