use std::path::{Path, PathBuf};

use genrex_async::QueryId;
use genrex_ledger::{Entry, State};

use crate::args::Delivery;
use crate::command_error::CommandError;
use crate::commands::deliver::{Delivered, Document};
use crate::commands::named::Named;
use crate::files;
use crate::name;
use crate::output::Output;

/// A job whose audio is here, whole: the very bytes that the ledger knows.
#[derive(Debug)]
pub(crate) struct Here {
    id: QueryId,
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl Here {
    /// Whether a job is here, where it is wanted; it is looked at, byte for byte.
    pub(crate) fn find(job: &Named, delivery: &Delivery) -> Option<Self> {
        let entry = job.entry.as_ref()?;
        if entry.state != State::Downloaded || delivery.force || delivery.to_stdout() {
            return None;
        }
        let (path, bytes) = (PathBuf::from(entry.path.as_ref()?), entry.bytes?);
        let sha256 = entry.sha256.clone()?;
        let digest: [u8; 32] = hex::decode(&sha256).ok()?.try_into().ok()?;
        let is_here = is_wanted_at(&path, entry, job, delivery.output.as_deref())
            && files::holds(&path, bytes, &digest);
        is_here.then(|| Self {
            id: job.id.clone(),
            path,
            bytes,
            sha256,
        })
    }

    /// What `--json` says of it.
    pub(crate) fn document(&self) -> Document<'_> {
        let delivered = Delivered {
            path: Some(self.path.clone()),
            bytes: Some(self.bytes),
            sha256: Some(self.sha256.clone()),
            ..Delivered::default()
        };
        Document {
            query_id: &self.id,
            status: "Completed",
            assets: vec![delivered],
            elapsed_ms: 0,
            polls: 0,
        }
    }

    pub(crate) fn show(&self, output: &Output) -> Result<(), CommandError> {
        if output.is_json() {
            return output.document(&self.document());
        }
        let path = files::from_here(&self.path);
        output.note(format_args!("here: {path}"));
        output.line(path)
    }
}

/// Whether the file is where `--output` says that the audio is to go.
fn is_wanted_at(path: &Path, entry: &Entry, job: &Named, output: Option<&Path>) -> bool {
    let Some(output) = output else { return true };
    let wanted = name::target(Some(output), Some(&entry.text), &job.id, 0);
    match (wanted.canonicalize(), path.canonicalize()) {
        (Ok(wanted), Ok(path)) => wanted == path,
        _ => false,
    }
}
