use std::path::PathBuf;
use std::time::Duration;

use genrex_async::{
    Audio, Client, Downloaded, Error, ErrorKind, Existing, Job, QueryId, Track, Waveform,
};
use serde::Serialize;

use crate::args::Delivery;
use crate::command_error::{Code, CommandError};
use crate::commands::play::play_all;
use crate::commands::usual::usual_time;
use crate::connect::{Connection, quoted};
use crate::interrupt::Interrupts;
use crate::name;
use crate::output::{self, Output};
use crate::progress::Display;

/// What a command that waits for a job does it with.
pub(crate) struct CommandContext {
    pub(crate) connection: Connection,
    pub(crate) display: Display,
    pub(crate) interrupts: Interrupts,
    pub(crate) output: Output,
}

/// Whether this very run paid for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paid {
    Now,
    Before,
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

impl CommandContext {
    /// Waits for a job, downloads it and shows it. Whatever stops it, the failure says how the job is taken up
    /// again.
    pub(crate) async fn wait_and_download(
        &mut self,
        job: &Job,
        delivery: &Delivery,
        paid: Paid,
        only_links: bool,
    ) -> Result<(), CommandError> {
        self.display.expect(match self.output.draws() {
            true => usual_time(&self.connection.client, job.id().as_str()).await,
            false => None,
        });
        let display = self.display.clone();
        let client = self
            .connection
            .client
            .one_job()
            .on_progress(move |progress| display.show(progress));
        let work = async {
            let track = client.wait(job).await?;
            let mut delivered = Vec::new();
            // Standard output takes one piece.
            let wanted = if delivery.to_stdout() { 1 } else { usize::MAX };
            for audio in track.assets().iter().take(wanted) {
                let placed = match only_links {
                    true => None,
                    false => Some(download(&client, audio, &track, delivery).await?),
                };
                delivered.push(placed);
            }
            Ok::<_, Error>((track, delivered))
        };
        let stop = self.connection.stop.clone();
        let output = self.output;
        let outcome = stop.guard(work, &mut self.interrupts, &output).await;
        self.display.clear();
        let resume = self.resume(job.id(), delivery);
        let outcome = match outcome {
            Some(Err(error)) if error.kind() != ErrorKind::Cancelled => Err(error),
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) | None => return Err(self.interrupted(job.id(), delivery)),
        };
        let (track, delivered) =
            outcome.map_err(|error| failed(error, job.id(), resume.clone(), paid))?;
        let placed = delivered.iter().flatten();
        let here: Vec<PathBuf> = placed.filter_map(|(path, _)| path.clone()).collect();
        show(&track, delivered, &output).map_err(|failure| failure.resumable(job.id(), resume))?;
        if delivery.play {
            play_all(&here, &output);
        }
        Ok(())
    }

    pub(crate) fn interrupted(&self, id: &QueryId, delivery: &Delivery) -> CommandError {
        CommandError::new(
            Code::Interrupted,
            "interrupted",
            "interrupted; the job goes on at the service",
        )
        .resumable(id, self.resume(id, delivery))
    }

    fn resume(&self, id: &QueryId, delivery: &Delivery) -> Option<String> {
        let command = self.connection.resume(id)?;
        Some(match &delivery.output {
            Some(path) => format!("{command} --output {}", quoted(&path.display().to_string())),
            None => command,
        })
    }
}

fn failed(error: Error, id: &QueryId, resume: Option<String>, paid: Paid) -> CommandError {
    let is_over = matches!(
        error.kind(),
        ErrorKind::GenerationFailed | ErrorKind::NotFound
    );
    let failure = CommandError::from(error).resumable(id, resume.filter(|_| !is_over));
    match paid {
        Paid::Now => failure.after_payment(),
        Paid::Before => failure,
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
        let done = client.download_to(audio, output::audio()).await?;
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

fn show(track: &Track, placed: Vec<Option<Placed>>, output: &Output) -> Result<(), CommandError> {
    if track.left_out() > 0 {
        let (taken, left_out) = (track.assets().len(), track.left_out());
        output.note(format!(
            "the answer has {left_out} links beyond the first {taken}, which are left out"
        ));
    }
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
            output.note(waveform.blocks(output::width()));
        }
        match placed {
            Some((path, done)) => {
                output.note(summary(&done, track.elapsed()));
                if let Some(path) = path {
                    output.line(path.display())?;
                }
            }
            None => output.line(audio.url())?,
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
