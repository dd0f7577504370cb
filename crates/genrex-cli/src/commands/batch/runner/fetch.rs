//! A row that is bought: waited for, and put where it belongs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use genrex_async::core::give_up;
use genrex_async::{Client, Error, ErrorKind, Existing, Job, Track};
use genrex_ledger::Entry;

use super::Runner;
use super::found::Found;
use crate::clock;
use crate::command_error::{CommandError, in_a_line};
use crate::commands::batch::rows::Row;
use crate::progress::RowDisplay;

impl Runner {
    /// Waits for a job that is paid for, and downloads it. Its troubles are its own: others go on.
    pub(super) async fn fetch(
        &self,
        row: &Row,
        line: Arc<RowDisplay>,
        job: &Job,
        newest: Option<&Entry>,
    ) -> Result<(), CommandError> {
        let client = self.client.on_progress(move |progress| line.show(progress));
        let fetched = async {
            let track = client.wait(job).await?;
            self.download(&client, row, &track, newest).await
        };
        let failure = fetched.await.err();
        drop(client);
        if failure.as_ref().map(Error::kind) == Some(ErrorKind::Storage) {
            self.is_not_stored.store(true, Ordering::Relaxed);
        }
        let why = failure.as_ref().map(in_a_line);
        match (&why, job.local_id()) {
            // Another process may have more luck with it.
            (Some(_), Some(id)) => give_up(&*self.kept.ledger, id, clock::now()),
            (Some(_), None) => {}
            (None, _) => {
                self.part.downloaded.fetch_add(1, Ordering::Relaxed);
                self.find(row, Found::Here);
            }
        }
        if why.is_none() && newest.is_none() {
            self.display.made();
        }
        self.say_newest(row, why.as_deref()).await
    }

    async fn download(
        &self,
        client: &Client,
        row: &Row,
        track: &Track,
        newest: Option<&Entry>,
    ) -> Result<(), Error> {
        let output = row.output(Some(track.id().as_str()));
        let path = match &output {
            Some(output) => self.out.at(output),
            None => self.out.named_after(row.text.as_str(), track.id()),
        };
        let replaces = self.replaces || (output.is_none() && was_put(&path, newest));
        let existing = match replaces {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        let done = self.out.download(client, track.audio(), (&path, existing));
        if done.await?.is_none() {
            let message = format!(
                "{} is there already, and is another file; --force replaces it",
                path.display()
            );
            return Err(Error::new(ErrorKind::Storage, message));
        }
        Ok(())
    }
}

/// Whether the ledger says that a job's file was put under this name: then the name is the job's own, also where its
/// folder was moved.
fn was_put(path: &Path, newest: Option<&Entry>) -> bool {
    let put = newest.and_then(|entry| entry.path.as_deref());
    put.is_some_and(|put| Path::new(put).file_name() == path.file_name())
}
