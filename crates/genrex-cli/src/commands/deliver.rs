use std::path::{Path, PathBuf};
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
use crate::files;
use crate::interrupt::Interrupts;
use crate::name;
use crate::output::{self, Output};
use crate::progress::Display;
use crate::typed;

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
pub(crate) struct Document<'a> {
    pub(crate) query_id: &'a QueryId,
    pub(crate) status: &'a str,
    pub(crate) assets: Vec<Delivered<'a>>,
    pub(crate) elapsed_ms: u128,
    pub(crate) polls: u32,
}

/// Its paths are absolute.
#[derive(Default, Serialize)]
pub(crate) struct Delivered<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) bytes: Option<u64>,
    pub(crate) sha256: Option<String>,
    pub(crate) seconds: Option<f64>,
    pub(crate) waveform: Option<&'a Waveform>,
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
        let work = fetch(&client, job, delivery, only_links);
        let stop = self.connection.stop.clone();
        let output = self.output;
        let outcome = stop.guard(work, &mut self.interrupts, &output).await;
        self.display.clear();
        let resume = self.resume(job.id(), delivery);
        match outcome {
            Some(Ok(done)) => {
                let shown = done.show(&output);
                shown.map_err(|failure| failure.resumable(job.id(), resume))?;
                if delivery.play {
                    play_all(&done.paths(), &output);
                }
                Ok(())
            }
            Some(Err(trouble)) if !trouble.is_cancelled() => {
                Err(trouble.tell(job.id(), resume, paid))
            }
            Some(Err(_)) | None => Err(self.interrupted(job.id(), delivery)),
        }
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
        let command = self.connection.resume(&[id.as_str()])?;
        Some(match &delivery.output {
            Some(path) => format!("{command} --output {}", quoted(&path.display().to_string())),
            None => command,
        })
    }
}

/// A job that is done, and where its audio was put: for each asset, unless only its link was wanted.
pub(crate) struct Fetched {
    track: Track,
    placed: Vec<Option<Placed>>,
}

/// Where an asset was put, and what it is; no path for standard output.
type Placed = (Option<PathBuf>, Downloaded);

/// Why a job is not here.
pub(crate) enum Trouble {
    Failed(Error),
    /// A file of this name is there already, and is another one.
    Taken(PathBuf),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Trouble {
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Failed(error) if error.kind() == ErrorKind::Cancelled)
    }

    /// Says it, and how the job is taken up again: not by the command that failed, if that fails again.
    pub(crate) fn tell(self, id: &QueryId, resume: Option<String>, paid: Paid) -> CommandError {
        let failure = match self {
            Self::Taken(path) => {
                let message = format!(
                    "{} is there already, and is another file; it was left as it is",
                    path.display()
                );
                let hint = format!(
                    "to put the audio elsewhere: genrex wait {id}{} --output PATH; to replace the file: --force",
                    typed::flags()
                );
                let failure = CommandError::new(Code::Other, "storage", message).hint(hint);
                return failure.resumable(id, None);
            }
            Self::Failed(error) if output::is_broken_pipe(&error) => output::broken_pipe(&error),
            Self::Failed(error) => {
                let is_over = matches!(
                    error.kind(),
                    ErrorKind::GenerationFailed | ErrorKind::NotFound
                );
                CommandError::from(error).resumable(id, resume.filter(|_| !is_over))
            }
        };
        match paid {
            Paid::Now => failure.after_payment(),
            Paid::Before => failure,
        }
    }
}

/// Waits for a job and downloads it.
pub(crate) async fn fetch(
    client: &Client,
    job: &Job,
    delivery: &Delivery,
    only_links: bool,
) -> Result<Fetched, Trouble> {
    let track = client.wait(job).await?;
    let mut placed = Vec::new();
    // Standard output takes one piece.
    let wanted = if delivery.to_stdout() { 1 } else { usize::MAX };
    for audio in track.assets().iter().take(wanted) {
        placed.push(match only_links {
            true => None,
            false => Some(download(client, audio, &track, delivery).await?),
        });
    }
    Ok(Fetched { track, placed })
}

async fn download(
    client: &Client,
    audio: &Audio,
    track: &Track,
    delivery: &Delivery,
) -> Result<Placed, Trouble> {
    if delivery.to_stdout() {
        let done = client.download_to(audio, output::audio()).await?;
        return Ok((None, done));
    }
    let content = track.generation().content.as_ref();
    let text = content.and_then(|content| content.text.as_deref());
    let path = name::target(delivery.output.as_deref(), text, track.id(), audio.index());
    let done = if delivery.force {
        let replaced = client.download_over(audio, &path, Existing::Replace);
        Some(replaced.await?)
    } else {
        download_beside(client, audio, &path).await?
    };
    match done {
        Some(done) => Ok((Some(path), done)),
        None => Err(Trouble::Taken(path)),
    }
}

/// Downloads to a path where a file may be already: the very same is taken for it, and kept as what was downloaded;
/// another is left alone, and then there is no result.
pub(crate) async fn download_beside(
    client: &Client,
    audio: &Audio,
    path: &Path,
) -> Result<Option<Downloaded>, Error> {
    let existing = if path.symlink_metadata().is_ok() {
        let done = client.download_to(audio, tokio::io::sink()).await?;
        if !files::holds(path, done.bytes, &done.sha256.0) {
            return Ok(None);
        }
        Existing::Replace
    } else {
        Existing::Keep
    };
    client.download_over(audio, path, existing).await.map(Some)
}

impl Fetched {
    /// Where its audio is.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let placed = self.placed.iter().flatten();
        placed.filter_map(|(path, _)| path.clone()).collect()
    }

    /// What `--json` says of it.
    pub(crate) fn document(&self) -> Document<'_> {
        let Self { track, placed } = self;
        let assets = track.assets().iter().zip(placed).map(|(audio, placed)| {
            let done = placed.as_ref().map(|(_, done)| done);
            let path = placed.as_ref().and_then(|(path, _)| path.as_deref());
            Delivered {
                url: Some(audio.url()),
                path: path.map(files::absolute),
                bytes: done.map(|done| done.bytes),
                sha256: done.map(|done| done.sha256.to_string()),
                seconds: done
                    .and_then(|done| done.duration)
                    .map(|sounds| sounds.as_secs_f64()),
                waveform: audio.waveform(),
            }
        });
        Document {
            query_id: track.id(),
            status: track.generation().status.as_str(),
            assets: assets.collect(),
            elapsed_ms: track.elapsed().as_millis(),
            polls: track.polls(),
        }
    }

    /// Shows it: as its document, or its paths for people.
    pub(crate) fn show(&self, output: &Output) -> Result<(), CommandError> {
        if output.is_json() {
            return output.document(&self.document());
        }
        let Self { track, placed } = self;
        if track.left_out() > 0 {
            let (taken, left_out) = (track.assets().len(), track.left_out());
            output.note(format!(
                "the answer has {left_out} links beyond the first {taken}, which are left out"
            ));
        }
        for (audio, placed) in track.assets().iter().zip(placed) {
            if let Some(waveform) = audio.waveform() {
                output.note(waveform.blocks(output::width()));
            }
            match placed {
                Some((path, done)) => {
                    output.note(summary(done, track.elapsed()));
                    if let Some(path) = path {
                        output.line(path.display())?;
                    }
                }
                None => output.line(audio.url())?,
            }
        }
        Ok(())
    }
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
