use std::path::{Path, PathBuf};
use std::time::Duration;

use genrex_async::core::proto::Escaped;
use genrex_async::{
    Audio, Client, Downloaded, Error, ErrorKind, Existing, Job, QueryId, Track, Waveform,
};
use genrex_ledger::Event;
use serde::Serialize;

use crate::args::Delivery;
use crate::books::Books;
use crate::connect::{Connection, quoted};
use crate::failure::{Code, Failure};
use crate::interrupt::Interrupts;
use crate::name;
use crate::output::Output;
use crate::progress::Display;

/// Brings an accepted job home: waits for it, downloads it, shows it.
pub(crate) struct Delivering<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) delivery: &'a Delivery,
    pub(crate) display: &'a Display,
    pub(crate) interrupts: &'a mut Interrupts,
    /// Whether this very run paid for the job.
    pub(crate) paid: bool,
    pub(crate) output: &'a Output,
    pub(crate) books: &'a Books,
}

/// What `--json` says of a job that is done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    query_id: &'a QueryId,
    status: &'a str,
    assets: Vec<Delivered<'a>>,
    elapsed_ms: u128,
    polls: u32,
}

#[derive(Serialize)]
struct Delivered<'a> {
    url: &'a str,
    path: Option<PathBuf>,
    bytes: Option<u64>,
    sha256: Option<String>,
    seconds: Option<f64>,
    waveform: Option<&'a Waveform>,
}

impl Delivering<'_> {
    /// Whatever stops it, the failure says how the job is taken up again.
    pub(crate) async fn wait_and_download(
        &mut self,
        job: &Job,
        only_links: bool,
    ) -> Result<(), Failure> {
        let display = self.display.clone();
        let client = self
            .connection
            .client
            .on_progress(move |progress| display.show(progress));
        let output = self.output;
        let delivery = self.delivery;
        // A ledger that cannot be read must not keep a paid job from coming home.
        let entry = self.books.entry_of(job).unwrap_or_else(|failure| {
            output.warning(failure.message);
            None
        });
        let books = self.books;
        let work = async {
            let track = client.wait(job).await?;
            note(books.record_late(entry, &Event::Completed), output);
            let mut delivered = Vec::new();
            // Standard output takes one piece.
            let wanted = if delivery.to_stdout() { 1 } else { usize::MAX };
            for audio in track.assets().iter().take(wanted) {
                let path = match only_links {
                    true => None,
                    false => {
                        let placed = download(&client, audio, &track, delivery).await?;
                        note(books.record_late(entry, &arrived(&placed)), output);
                        Some(placed)
                    }
                };
                delivered.push(path);
            }
            Ok::<_, Error>((track, delivered))
        };
        let outcome = tokio::select! {
            outcome = work => outcome,
            () = self.interrupts.next() => {
                self.display.clear();
                return Err(self.interrupted(job.id()));
            }
        };
        self.display.clear();
        if let Err(error) = &outcome
            && error.kind() == ErrorKind::GenerationFailed
        {
            note(books.record_late(entry, &Event::Failed), output);
        }
        let (track, delivered) = outcome.map_err(|error| self.failed(error, job.id()))?;
        show(&track, delivered, output)
            .map_err(|failure| failure.resumable(job.id(), self.resume(job.id())))
    }

    /// A submit was interrupted while nothing of it was on its way.
    pub(crate) fn between_tries(&self) -> Failure {
        self.display.clear();
        match self.display.job() {
            Some(id) => self.interrupted(&id),
            None => {
                let message = "interrupted; nothing was charged";
                Failure::new(Code::Interrupted, "interrupted", message)
            }
        }
    }

    pub(crate) fn interrupted(&self, id: &QueryId) -> Failure {
        Failure::new(
            Code::Interrupted,
            "interrupted",
            "interrupted; the job goes on at the service",
        )
        .resumable(id, self.resume(id))
    }

    fn failed(&self, error: Error, id: &QueryId) -> Failure {
        let is_over = matches!(
            error.kind(),
            ErrorKind::GenerationFailed | ErrorKind::NotFound
        );
        let resume = (!is_over).then(|| self.resume(id)).flatten();
        let failure = Failure::from(error).resumable(id, resume);
        if self.paid {
            failure.after_payment()
        } else {
            failure
        }
    }

    fn resume(&self, id: &QueryId) -> Option<String> {
        let command = self.connection.resume(id)?;
        Some(match &self.delivery.output {
            Some(path) => format!("{command} --output {}", quoted(&path.display().to_string())),
            None => command,
        })
    }
}

/// Where an asset was put, and what it is; no path for standard output.
type Placed = (Option<PathBuf>, Downloaded);

async fn download(
    client: &Client,
    audio: &Audio,
    track: &Track,
    delivery: &Delivery,
) -> Result<Placed, Error> {
    if delivery.to_stdout() {
        let done = client.download_to(audio, tokio::io::stdout()).await?;
        return Ok((None, done));
    }
    let content = track.generation().content.as_ref();
    let text = content.and_then(|content| content.text.as_deref());
    let path = name::target(delivery.output.as_deref(), text, track.id(), audio.index());
    let existing = if delivery.force {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let done = client.download_over(audio, &path, existing).await?;
    Ok((Some(path), done))
}

/// That a job is ready or here is free to find out again, so a ledger that fails then is only said.
fn note(kept: Result<(), Failure>, output: &Output) {
    if let Err(failure) = kept {
        output.warning(format_args!(
            "{}; the job itself is not harmed",
            failure.message
        ));
    }
}

/// What the ledger is told of a download.
pub(crate) fn arrived((path, done): &Placed) -> Event {
    let path = path
        .as_deref()
        .map_or_else(|| PathBuf::from("-"), Path::to_owned);
    let absolute = std::path::absolute(&path).unwrap_or(path);
    Event::Downloaded {
        path: absolute.display().to_string(),
        bytes: done.bytes,
        sha256: done.sha256.to_string(),
    }
}

fn show(track: &Track, placed: Vec<Option<Placed>>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        let assets = track.assets().iter().zip(placed).map(|(audio, placed)| {
            let (path, done) = placed.unzip();
            Delivered {
                url: audio.url(),
                path: path.flatten(),
                bytes: done.as_ref().map(|done| done.bytes),
                sha256: done.as_ref().map(|done| done.sha256.to_string()),
                seconds: done
                    .and_then(|done| done.duration)
                    .map(|sounds| sounds.as_secs_f64()),
                waveform: audio.waveform(),
            }
        });
        let document = Document {
            query_id: track.id(),
            status: track.generation().status.as_str(),
            assets: assets.collect(),
            elapsed_ms: track.elapsed().as_millis(),
            polls: track.polls(),
        };
        return output.document(&document);
    }
    for (audio, placed) in track.assets().iter().zip(placed) {
        if let Some(waveform) = audio.waveform() {
            output.note(waveform.blocks(width()));
        }
        match placed {
            Some((path, done)) => {
                output.note(summary(&done, track.elapsed()));
                if let Some(path) = path {
                    output.line(path.display())?;
                }
            }
            None => output.line(Escaped(audio.url()))?,
        }
    }
    Ok(())
}

fn summary(done: &Downloaded, waited: Duration) -> String {
    let sounds = done.duration.map_or(String::new(), |sounds| {
        format!("{:.0} s of music, ", sounds.as_secs_f64())
    });
    let kilobytes = done.bytes / 1000;
    format!(
        "{sounds}{kilobytes} kB, ready after {:.1} s",
        waited.as_secs_f64()
    )
}

/// How wide a drawing may be.
fn width() -> usize {
    const WIDEST: usize = 72;
    let terminal = terminal_size::terminal_size_of(std::io::stderr());
    terminal.map_or(WIDEST, |(width, _)| usize::from(width.0).min(WIDEST))
}
