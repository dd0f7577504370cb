use std::io::{self, Read as _};
use std::path::Path;

use genrex_async::core::PurchaseOptions;
use genrex_async::{Existing, GenerateRequest, Job, Prompt, Submission};
use genrex_file::PartFile;
use genrex_ledger::{Once, Run};
use serde_json::json;

use crate::args::{Delivery, Generate, Global};
use crate::commands::deliver::{Errand, Paid};
use crate::connect::{Connection, Manner, quoted};
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::name;
use crate::output::Output;
use crate::progress::Display;

/// `genrex generate`: buy, wait, download.
pub(crate) async fn run(
    generate: Generate,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let request = GenerateRequest::new(prompt(&generate.text)?, generate.duration);
    let delivery = &generate.delivery;
    delivery.check(output.is_json())?;
    if !generate.no_wait && !generate.no_download {
        check_target(delivery)?;
    }
    if delivery.no_ledger {
        Connection::refuse_limits_without_ledger(global)?;
    }
    let connection = Connection::open(global, manner(delivery)).await?;
    ledger::recover(&connection.client, output).await?;
    let mut errand = Errand {
        display: Display::new(*output),
        interrupts: Interrupts::watch()?,
        connection,
        output: *output,
    };
    let job = buy(&mut errand, &request, options(&generate), delivery).await?;
    if generate.no_wait {
        return print_job(&job, &errand.connection, output);
    }
    errand
        .wait_and_download(&job, delivery, Paid::Now, generate.no_download)
        .await
}

/// How a command that delivers goes about its calls.
pub(crate) const fn manner(delivery: &Delivery) -> Manner {
    Manner {
        timeout: delivery.timeout,
        poll_interval: delivery.poll_interval,
        keeps: !delivery.no_ledger,
    }
}

fn options(generate: &Generate) -> PurchaseOptions {
    let mut options = PurchaseOptions::default();
    if !generate.delivery.no_ledger {
        if !generate.new {
            options.once = Once::Prompt;
        }
        let bound = |credits| Run::new(run_name(), credits);
        options.run = generate.max_credits.map(bound);
    }
    options
}

/// A name that no other run has.
pub(crate) fn run_name() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// Buys, and does not give up while the paid request is on its way: its answer holds the id.
async fn buy(
    errand: &mut Errand,
    request: &GenerateRequest,
    options: PurchaseOptions,
    delivery: &Delivery,
) -> Result<Job, Failure> {
    let display = errand.display.clone();
    let client = errand
        .connection
        .client
        .on_progress(move |progress| display.show(progress));
    let stop = errand.connection.stop.clone();
    let output = errand.output;
    let bought = client.purchase(request, &options);
    let submission = stop.guard(bought, &mut errand.interrupts, &output).await;
    errand.display.clear();
    let job = match submission {
        None => return Err(abandoned(&errand.connection)),
        Some(Submission::Accepted(job)) => job,
        Some(
            Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error),
        ) => return Err(Failure::of_purchase(error, &errand.connection).await),
    };
    if let Some(why) = job.ledger_failure() {
        // The last resort: the id is told, whatever else fails.
        let message = format!(
            "accepted {}, and the ledger could not keep it: {why}",
            job.id()
        );
        return Err(Failure::new(Code::Other, "ledger", message)
            .resumable(job.id(), errand.connection.resume(job.id())));
    }
    if stop.is_asked() {
        return Err(errand.interrupted(job.id(), delivery));
    }
    Ok(job)
}

fn abandoned(connection: &Connection) -> Failure {
    if !connection.stop.was_paid_on_its_way() {
        let message = "interrupted; nothing was bought";
        return Failure::new(Code::Interrupted, "interrupted", message);
    }
    let message = "the submit was given up on its way, and may have been charged";
    Failure::new(Code::Ambiguous, "ambiguous", message)
        .hint("genrex jobs recover shows it, and what to do next; submitting again buys again")
}

/// The prompt that was typed, or piped for `-`.
fn prompt(text: &str) -> Result<Prompt, Failure> {
    /// What 250 characters can take, and a line end.
    const LARGEST: u64 = 4 * 250 + 2;
    if text != "-" {
        return Ok(Prompt::new(text).map_err(genrex_async::Error::from)?);
    }
    let mut piped = String::new();
    io::stdin()
        .lock()
        .take(LARGEST)
        .read_to_string(&mut piped)
        .map_err(|error| {
            Failure::usage("the prompt on standard input is not text").because(&error)
        })?;
    let line = piped.strip_suffix('\n').unwrap_or(&piped);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Prompt::new(line).map_err(genrex_async::Error::from)?)
}

/// What cannot be stored is found out before anything is paid for: a name that is taken, a folder that is
/// missing or cannot be written to.
fn check_target(delivery: &Delivery) -> Result<(), Failure> {
    if delivery.to_stdout() {
        return Ok(());
    }
    let path = delivery.output.as_deref().unwrap_or(Path::new("."));
    let is_folder = name::is_folder(path);
    if !is_folder && !delivery.force && path.symlink_metadata().is_ok() {
        let message = format!("{} is there already; nothing was sent", path.display());
        return Err(Failure::usage(message).hint("--force replaces it"));
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
        return Err(Failure::usage(message).hint(make));
    }
    // Made and removed again.
    match PartFile::create(&folder.join("genrex"), Existing::Replace) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!(
                "{} cannot be written to; nothing was sent",
                folder.display()
            );
            Err(Failure::usage(message)
                .because(&error)
                .hint("choose another place with --output"))
        }
    }
}

fn print_job(job: &Job, connection: &Connection, output: &Output) -> Result<(), Failure> {
    let resume = connection.resume(job.id());
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
