use std::path::{Path, PathBuf};

use genrex_ledger::Entry;

use crate::command_error::CommandError;
use crate::commands::batch::{begun_in, is_in_folder_of};
use crate::commands::out_dir::{OutDir, place_of};

/// Where a job's audio goes.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) out: OutDir,
    pub(super) path: PathBuf,
}

impl Placed {
    /// Where its row wants it, or where `others` are put.
    pub(super) fn of(entry: &Entry, others: Option<&OutDir>) -> Result<Self, CommandError> {
        let id = entry.id;
        let Some(query_id) = &entry.query_id else {
            return Err(CommandError::other(format!(
                "job {id} has no id at the service"
            )));
        };
        let Some(planned) = &entry.output else {
            let Some(others) = others else {
                let message = format!("job {id}: nobody has said where its audio is to go");
                return Err(CommandError::usage(message).hint(format!(
                    "give --out-dir a place for all of these, or take it alone: genrex wait {id}"
                )));
            };
            let path = others.named_after(&entry.text, query_id);
            let out = others.clone();
            return Ok(Self { out, path });
        };
        let unreadable = |why| CommandError::usage(format!("job {id}: {why}"));
        let path = place_of(planned, &entry.text, query_id).map_err(unreadable)?;
        let out = OutDir::around(&path)?;
        let placed = Self { out, path };
        let checked = placed.check(entry);
        checked.map_err(|why| {
            CommandError::usage(format!("job {id}: {why}"))
                .hint("mount it here under this name, or run this where it is")
        })?;
        Ok(placed)
    }

    /// Refuses a folder that is not the one of the job's batch: what is put there is seen by nobody else. One at the same
    /// path may be where a share is mounted at other times.
    pub(super) fn check(&self, entry: &Entry) -> Result<(), String> {
        let Some(batch) = entry.batch.as_deref().filter(|_| entry.output.is_some()) else {
            return Ok(());
        };
        let is_an_object = self.out.store().is_some();
        if is_an_object || is_in_folder_of(batch, &self.path) {
            return Ok(());
        }
        // A program of its own names its batches as it likes, and marks no folder.
        let Some(folder) = begun_in(batch) else {
            return Ok(());
        };
        Err(match Path::new(folder).is_dir() {
            true => format!(
                "{folder} on this machine is not the folder of its batch: no .genrex-batch there names that"
            ),
            false => format!("the folder {folder} of its batch is not on this machine"),
        })
    }
}
