use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genrex_async::core::{GivenUp, PurchaseOptions, PurchaseSoFar, recover_offline};
use genrex_async::{Error, ErrorKind, Existing, GenerateRequest, Job, Prompt, Submission, Track};
use genrex_cli::template::Values;
use genrex_file::PartFile;
use genrex_ledger::{Once, Run};
use serde_json::json;

use crate::args::{Delivery, Generate, Global};
use crate::clock;
use crate::command_error::{Code, CommandError};
use crate::commands::advice::advice;
use crate::commands::deliver::{CommandContext, Paid};
use crate::commands::price::when_price_is_known;
use crate::connect::{CallOptions, Connection, quoted};
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::name::{self, longest_id};
use crate::output::Output;
use crate::progress::Display;
use crate::random_name::random_name;
use crate::typed;

/// `genrex generate`: buy, wait, download.
pub(crate) async fn run(
    generate: Generate,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let request = GenerateRequest::new(prompt(&generate.text)?, generate.duration);
    let delivery = &generate.delivery;
    delivery.check(output)?;
    if !generate.no_wait && !generate.no_download {
        check_target(delivery, request.text())?;
    }
    if delivery.no_ledger {
        Connection::refuse_limits_without_ledger(global)?;
    }
    if generate.no_balance_check {
        Connection::refuse_limits_without_looks(global)?;
    }
    let calls = CallOptions {
        balance_check: !generate.no_balance_check,
        ..CallOptions::from(delivery)
    };
    let connection = Connection::open(global, calls).await?;
    ledger::recover(&connection.client, output).await?;
    let mut context = CommandContext {
        display: Display::new(*output),
        interrupts: Interrupts::watch()?,
        connection,
        output: *output,
    };
    let job = buy(&mut context, &request, options(&generate), delivery).await?;
    if generate.no_wait {
        return print_job(&job, &context.connection, output);
    }
    context
        .wait_and_download(&job, delivery, Paid::Now, generate.no_download)
        .await
}

fn options(generate: &Generate) -> PurchaseOptions {
    let mut options = PurchaseOptions::default();
    if !generate.delivery.no_ledger {
        if !generate.new {
            options.once = Once::Prompt;
        }
        let bound = |credits| Run::new(random_name(), credits);
        options.run = generate.max_credits.map(bound);
    }
    options
}

/// Buys, and does not give up while the paid request is on its way: its answer holds the id.
async fn buy(
    context: &mut CommandContext,
    request: &GenerateRequest,
    options: PurchaseOptions,
    delivery: &Delivery,
) -> Result<Job, CommandError> {
    let display = context.display.clone();
    let so_far = Arc::new(Mutex::new(PurchaseSoFar::default()));
    let hearing = Arc::clone(&so_far);
    let client = context.connection.client.on_progress(move |progress| {
        locked(&hearing).hear(progress);
        display.show(progress);
    });
    let stop = context.connection.stop.clone();
    let output = context.output;
    let bought = client.purchase(request, &options);
    let submission = stop.guard(bought, &mut context.interrupts, &output).await;
    context.display.clear();
    let job = match submission {
        None => {
            let so_far = locked(&so_far).clone();
            return Err(given_up(&so_far, context, delivery).await);
        }
        Some(Submission::Accepted(job)) => job,
        Some(
            Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error),
        ) => return Err(not_bought(error, &context.connection).await),
    };
    if let Some(why) = job.ledger_failure() {
        // The last resort: the id is told, whatever else fails.
        let message = format!(
            "accepted {}, and the ledger could not keep it: {why}",
            job.id()
        );
        return Err(CommandError::new(Code::Other, "ledger", message)
            .resumable(job.id(), context.connection.resume(&[job.id().as_str()])));
    }
    if stop.is_asked() {
        return Err(context.interrupted(job.id(), delivery));
    }
    Ok(job)
}

fn locked(so_far: &Mutex<PurchaseSoFar>) -> MutexGuard<'_, PurchaseSoFar> {
    so_far.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What stands of a purchase that a second interrupt has ended: the ledger knows, where one keeps it.
async fn given_up(
    so_far: &PurchaseSoFar,
    context: &CommandContext,
    delivery: &Delivery,
) -> CommandError {
    let kept = match (context.connection.client.ledger(), so_far.job()) {
        (Some(ledger), Some(job)) => {
            // What cannot be ended now is ended by the next command.
            let _ = recover_offline(&**ledger, clock::now()).await;
            ledger.entry(job).await.ok().flatten()
        }
        (Some(_) | None, _) => None,
    };
    match so_far.given_up(kept.as_ref()) {
        GivenUp::NotBought => nothing_bought(),
        GivenUp::Accepted(id) => context.interrupted(&id, delivery),
        GivenUp::MayBeCharged(job) => {
            let message = "the submit was given up on its way, and may have been charged";
            let failure = CommandError::new(Code::Ambiguous, "ambiguous", message);
            failure.hint(match (kept.as_ref().and_then(|kept| advice(kept, typed::flags())), job) {
                (Some(advice), _) => advice,
                (None, Some(job)) => {
                    format!(
                        "submitting again buys again. What is known of it: genrex jobs show {job}"
                    )
                }
                (None, None) => String::from(
                    "compare `genrex balance` with what it was; submitting again buys again",
                ),
            })
        }
    }
}

fn nothing_bought() -> CommandError {
    let message = "interrupted; nothing was bought";
    CommandError::new(Code::Interrupted, "interrupted", message)
}

/// Why a purchase did not come to a job.
async fn not_bought(error: Error, connection: &Connection) -> CommandError {
    match error.kind() {
        ErrorKind::Cancelled => return nothing_bought(),
        ErrorKind::PriceUnknown => {
            let hint = when_price_is_known(&error);
            return CommandError::from(error).hint(hint);
        }
        ErrorKind::AlreadyBought => {}
        _ => return CommandError::from(error),
    }
    let job = error.local_id();
    let failure = CommandError::from(error);
    let (Some(job), Some(ledger)) = (job, connection.client.ledger()) else {
        return failure;
    };
    match ledger.entry(job).await {
        Ok(Some(entry)) => match &entry.query_id {
            Some(id) => failure.resumable(id, connection.resume(&[id.as_str()])),
            None => {
                let known = advice(&entry, typed::flags()).unwrap_or_default();
                failure.hint(format!("job {job}: {known}. --new buys it again"))
            }
        },
        Ok(None) | Err(_) => failure,
    }
}

/// The prompt that was typed, or piped for `-`.
fn prompt(text: &str) -> Result<Prompt, CommandError> {
    /// What 250 characters can take, and a line end.
    const LARGEST: u64 = 4 * 250 + 2;
    if text != "-" {
        return checked(text);
    }
    let mut piped = String::new();
    io::stdin()
        .lock()
        .take(LARGEST)
        .read_to_string(&mut piped)
        .map_err(|error| {
            CommandError::usage("the prompt on standard input is not text").with_source(&error)
        })?;
    let line = piped.strip_suffix('\n').unwrap_or(&piped);
    let line = line.strip_suffix('\r').unwrap_or(line);
    checked(line)
}

/// The service would make something of blanks too, and charge for it.
fn checked(text: &str) -> Result<Prompt, CommandError> {
    if text.trim().is_empty() {
        return Err(
            CommandError::usage("the prompt is empty or blank; nothing was sent").hint(
                "write what to make, in 1 to 250 characters; examples: genrex generate --help",
            ),
        );
    }
    Ok(Prompt::new(text).map_err(Error::from)?)
}

/// What cannot be stored is found out before anything is paid for: a name that is taken, a folder that is
/// missing or cannot be written to.
fn check_target(delivery: &Delivery, prompt: &Prompt) -> Result<(), CommandError> {
    if delivery.to_stdout() {
        return Ok(());
    }
    let path = delivery.output.as_deref().unwrap_or(Path::new("."));
    let is_folder = name::is_folder(path);
    let path = &known_path(path, prompt);
    if !is_folder && !delivery.force && path.symlink_metadata().is_ok() {
        let message = format!("{} is there already; nothing was sent", path.display());
        return Err(CommandError::usage(message).hint("--force replaces it"));
    }
    let parent = || {
        path.parent()
            .filter(|folder| !folder.as_os_str().is_empty())
    };
    let folder = if is_folder {
        path
    } else {
        parent().unwrap_or(Path::new("."))
    };
    if !folder.is_dir() {
        let message = format!("there is no folder {}; nothing was sent", folder.display());
        let make = format!("mkdir -p {}", quoted(&folder.display().to_string()));
        return Err(CommandError::usage(message).hint(make));
    }
    // Made and removed again, under as long a name as it can come to.
    let output = delivery.output.as_deref();
    let last = Track::MOST_ASSETS - 1;
    let longest = name::target(output, Some(prompt.as_str()), &longest_id(), last);
    match PartFile::create(&longest, Existing::Replace) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!(
                "{} cannot be written to; nothing was sent",
                folder.display()
            );
            Err(CommandError::usage(message)
                .with_source(&error)
                .hint("choose another place with --output"))
        }
    }
}

/// A path as far as it is known before the job has an id: without one, no file can have its name.
fn known_path(path: &Path, prompt: &Prompt) -> PathBuf {
    match name::template(path) {
        Ok(Some(template)) => path.with_file_name(template.name(&Values {
            id: "*",
            prompt: prompt.as_str(),
            line: 1,
            number: 1,
        })),
        Ok(None) | Err(_) => path.to_owned(),
    }
}

fn print_job(job: &Job, connection: &Connection, output: &Output) -> Result<(), CommandError> {
    let resume = connection.resume(&[job.id().as_str()]);
    let printed = if output.is_json() {
        output.document(&json!({"queryId": job.id(), "status": "Processing", "resume": resume}))
    } else {
        output.line(job.id())
    };
    // The id goes to standard error as a last resort.
    printed.map_err(|failure| failure.resumable(job.id(), resume.clone()))?;
    if let Some(resume) = resume {
        output.note(format_args!("go on with: {resume}"));
    }
    Ok(())
}
