use std::io::{self, Read as _};

use genrex_async::{GenerateRequest, Job, Prompt, Submission};
use serde_json::json;

use crate::args::{Generate, Global};
use crate::commands::deliver::Delivering;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::progress::Display;

/// `genrex generate`: submit, wait, download.
pub(crate) async fn run(
    generate: Generate,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let prompt = prompt(&generate.text)?;
    refuse_taken_name(&generate)?;
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
                    display.clear();
                    return Err(interrupted_before());
                }
                if interrupted {
                    display.clear();
                    return Err(abandoned());
                }
                interrupted = true;
                delivering.output.warning(
                    "the submit is on its way and may be charged: waiting for its answer, so that the job is not lost. \
                     Ctrl-C again gives it up",
                );
            }
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
        let resume = delivering.connection.resume(job.id());
        return Err(Failure::new(
            Code::Interrupted,
            "interrupted",
            "interrupted; the job was accepted",
        )
        .resumable(job.id(), resume));
    }
    Ok(job)
}

fn interrupted_before() -> Failure {
    Failure::new(
        Code::Interrupted,
        "interrupted",
        "interrupted; nothing was charged",
    )
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

/// A name that is taken is found out before anything is paid for.
fn refuse_taken_name(generate: &Generate) -> Result<(), Failure> {
    let delivery = &generate.delivery;
    let Some(path) = delivery.output.as_deref().filter(|path| !path.is_dir()) else {
        return Ok(());
    };
    if !delivery.force && path.as_os_str() != "-" && path.symlink_metadata().is_ok() {
        let message = format!("{} is there already; nothing was sent", path.display());
        return Err(Failure::usage(message).hint("--force replaces it"));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() && path.as_os_str() != "-" => {
            let message = format!("there is no folder {}; nothing was sent", folder.display());
            Err(Failure::usage(message).hint(format!("mkdir -p '{}'", folder.display())))
        }
        _ => Ok(()),
    }
}

fn print_job(job: &Job, connection: &Connection, output: &Output) -> Result<(), Failure> {
    let resume = connection.resume(job.id());
    if output.is_json() {
        return output
            .document(&json!({"queryId": job.id(), "status": "Processing", "resume": resume}));
    }
    output.line(job.id())?;
    if let Some(resume) = resume {
        output.note(format_args!("go on with: {resume}"));
    }
    Ok(())
}
