use std::io::{self, Read as _};
use std::path::Path;

use genrex_async::{Existing, GenerateRequest, Job, Prompt, Submission};
use genrex_file::PartFile;
use serde_json::json;

use crate::args::{Delivery, Generate, Global};
use crate::commands::deliver::Delivering;
use crate::connect::{Connection, quoted};
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupts;
use crate::name;
use crate::output::Output;
use crate::progress::Display;

/// `genrex generate`: submit, wait, download.
pub(crate) async fn run(
    generate: Generate,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let prompt = prompt(&generate.text)?;
    generate.delivery.check(output)?;
    if !generate.no_wait && !generate.no_download {
        check_target(&generate.delivery)?;
    }
    let request = GenerateRequest::new(prompt, generate.duration);
    let delivery = &generate.delivery;
    let connection = Connection::open(global, delivery.timeout, delivery.poll_interval).await?;
    let display = Display::new(*output);
    let mut interrupts = Interrupts::watch()?;
    let mut delivering = Delivering {
        connection: &connection,
        delivery,
        display: &display,
        interrupts: &mut interrupts,
        paid: true,
        output,
    };
    let job = submit(&mut delivering, &request).await?;
    if generate.no_wait {
        display.clear();
        return print_job(&job, &connection, output);
    }
    delivering
        .wait_and_download(&job, generate.no_download)
        .await
}

/// Submits, and does not give up while the paid request is on its way: its answer holds the id.
async fn submit(
    delivering: &mut Delivering<'_>,
    request: &GenerateRequest,
) -> Result<Job, Failure> {
    let display = delivering.display.clone();
    let watcher = display.clone();
    let client = delivering
        .connection
        .client
        .on_progress(move |progress| watcher.show(progress));
    let mut submission = std::pin::pin!(client.submit(request));
    let mut interrupted = false;
    let submission = loop {
        tokio::select! {
            submission = &mut submission => break submission,
            () = delivering.interrupts.next() => {
                if !display.is_submitting() {
                    return Err(delivering.between_tries());
                }
                if interrupted {
                    display.clear();
                    return Err(abandoned());
                }
                interrupted = true;
                delivering.output.warning(
                    "the submit is on its way and may be charged: waiting for its answer, so that the job is not \
                     lost. Ctrl-C again gives it up",
                );
            }
            // Whoever asked to stop does not want it tried again.
            () = display.paused(), if interrupted => return Err(delivering.between_tries()),
        }
    };
    let job = match submission {
        Submission::Accepted(job) => job,
        Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error) => {
            display.clear();
            return Err(error.into());
        }
    };
    if interrupted {
        display.clear();
        return Err(delivering.interrupted(job.id()));
    }
    Ok(job)
}

fn abandoned() -> Failure {
    let message = "the submit was given up on its way, and may have been charged";
    Failure::new(Code::Ambiguous, "ambiguous", message)
        .hint("compare `genrex balance` with what it was; submitting again buys again")
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
