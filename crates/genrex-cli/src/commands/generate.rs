use std::io::{self, Read as _};
use std::path::Path;

use genrex_async::{Client, Existing, GenerateRequest, Job, Progress, Prompt, Submission};
use genrex_file::PartFile;
use genrex_ledger::{Entry, Event, Filter, Intent, LocalId, State, Verdict};
use serde_json::json;

use crate::args::{Delivery, Generate, Global};
use crate::books::Books;
use crate::commands::deliver::Delivering;
use crate::commands::purchase::{Bounds, Purchase};
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
    generate.delivery.check(output.is_json())?;
    if !generate.no_wait && !generate.no_download {
        check_target(&generate.delivery)?;
    }
    let request = GenerateRequest::new(prompt, generate.duration);
    let delivery = &generate.delivery;
    let connection = Connection::open(global, delivery.timeout, delivery.poll_interval).await?;
    if delivery.no_ledger {
        connection.refuse_limits_without_ledger()?;
    }
    let books = connection.books(!delivery.no_ledger, output)?;
    let payload = request.to_json();
    if !generate.new {
        offer_to_resume(&books, &payload, &connection)?;
    }
    let display = Display::new(*output);
    let mut interrupts = Interrupts::watch()?;
    let mut delivering = Delivering {
        connection: &connection,
        delivery,
        display: &display,
        interrupts: &mut interrupts,
        paid: true,
        output,
        books: &books,
    };
    let text = request.text().as_str();
    let mut intent = Intent::new(
        books.account.clone(),
        text,
        request.duration().get(),
        &payload,
    );
    if !generate.new {
        intent = intent.unless_open();
    }
    let bounds = Bounds {
        limits: books.limits,
        left_for_run: generate.max_credits,
    };
    let duration = request.duration().get();
    let client = &connection.client;
    let mut purchase = Purchase::prepare(client, &books, intent, duration, bounds, false).await?;
    let job = submit(&mut delivering, &request, &purchase).await?;
    teach(&mut purchase, client, &books, output).await;
    if generate.no_wait {
        display.clear();
        return print_job(&job, &connection, output);
    }
    let delivered = delivering
        .wait_and_download(&job, generate.no_download)
        .await;
    teach(&mut purchase, client, &books, output).await;
    delivered
}

/// What cannot be learned of the price now is learned from a later job: this one is paid for, and must come
/// home.
async fn teach(purchase: &mut Purchase, client: &Client, books: &Books, output: &Output) {
    if let Err(failure) = purchase.learn(client, books).await {
        output.detail(failure.message);
    }
}

/// The very same that was asked for before and is not here yet is not bought again unasked.
fn offer_to_resume(books: &Books, payload: &[u8], connection: &Connection) -> Result<(), Failure> {
    let body_sha256 = Intent::new(books.account.clone(), "", 1, payload)
        .body_sha256()
        .to_owned();
    let filter = Filter {
        states: vec![
            State::Intended,
            State::Sent,
            State::Ambiguous,
            State::Accepted,
            State::Completed,
        ],
        body_sha256: Some(body_sha256),
        ..Filter::default()
    };
    let is_known_free = |entry: &Entry| {
        entry.verdict == Some(Verdict::NotCharged) && entry.state == State::Ambiguous
    };
    let open = books
        .entries(filter)?
        .into_iter()
        .find(|entry| !is_known_free(entry));
    let Some(entry) = open else {
        return Ok(());
    };
    let refuse = |message: String| Failure::new(Code::Usage, "alreadyOpen", message);
    Err(match (&entry.query_id, entry.state) {
        (Some(id), _) => refuse(format!(
            "the same was bought before and is not here yet: job {}, {id}; nothing was sent",
            entry.id
        ))
        .hint("--new buys it again")
        .resumable(id, connection.resume(id)),
        (None, State::Ambiguous) => refuse(format!(
            "the same was sent before and may have been charged: job {}; nothing was sent",
            entry.id
        ))
        .hint(format!(
            "genrex jobs show {} says what is known; --new buys it again",
            entry.id
        )),
        (None, _) => refuse(format!(
            "the same is being sent by another genrex: job {}; nothing was sent",
            entry.id
        ))
        .hint("--new buys it again"),
    })
}

/// Submits, and does not give up while the paid request is on its way: its answer holds the id.
async fn submit(
    delivering: &mut Delivering<'_>,
    request: &GenerateRequest,
    purchase: &Purchase,
) -> Result<Job, Failure> {
    let (books, entry) = (delivering.books.clone(), purchase.entry);
    let display = delivering.display.clone();
    let (watcher, sending) = (display.clone(), books.clone());
    let client = delivering.connection.client.on_progress(move |progress| {
        if matches!(progress, Progress::Submitting { .. }) {
            // The intent is synced already: that is what a crash is found by.
            let _ = sending.record_late(entry, &Event::Sent);
        }
        watcher.show(progress);
    });
    let mut submission = std::pin::pin!(client.submit(request));
    let mut interrupted = false;
    let submission = loop {
        tokio::select! {
            submission = &mut submission => break submission,
            () = delivering.interrupts.next() => {
                if !display.is_submitting() {
                    return Err(stopped(delivering, entry));
                }
                if interrupted {
                    display.clear();
                    let event = Event::Ambiguous(String::from("Cancelled: given up on its way by its user"));
                    books.record(entry, &event)?;
                    return Err(abandoned());
                }
                interrupted = true;
                delivering.output.warning(
                    "the submit is on its way and may be charged: waiting for its answer, so that the job is not \
                     lost. Ctrl-C again gives it up",
                );
            }
            // Whoever asked to stop does not want it tried again.
            () = display.paused(), if interrupted => {
                // It may be on its way again by now.
                if !display.is_submitting() {
                    return Err(stopped(delivering, entry));
                }
            }
        }
    };
    // Kept before anything is said.
    if let Err(failure) = books.concluded(entry, &submission) {
        display.clear();
        return Err(match submission {
            Submission::Accepted(job) => {
                let resume = delivering.connection.resume(job.id());
                failure.resumable(job.id(), resume)
            }
            _ => failure,
        });
    }
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

/// Interrupted while nothing was on its way: what is known is kept.
fn stopped(delivering: &Delivering<'_>, entry: Option<LocalId>) -> Failure {
    let event = match delivering.display.job() {
        Some(id) => Event::Accepted(id),
        None => Event::NotSent(String::from("Cancelled: interrupted between two tries")),
    };
    match delivering.books.record(entry, &event) {
        Ok(()) => delivering.between_tries(),
        Err(failure) => failure,
    }
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
