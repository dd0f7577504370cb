use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use genrex_async::core::proto::Escaped;
use genrex_ledger::Entry;

use crate::commands::batch::marker::{folder_of, words};
use crate::commands::batch::rows::Row;
use crate::commands::out_dir::OutDir;
use crate::connect::quoted;
use crate::files;

/// Rows that are not bought, since another batch has bought them: the folder may be the wrong one.
#[derive(Debug, Default)]
pub(crate) struct OtherBatch(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    count: u64,
    first: Option<(Row, Entry)>,
}

impl OtherBatch {
    /// Notes a row and the job that shows it; returns what is to be said of it.
    pub(crate) fn has(&self, row: &Row, job: Entry) -> String {
        let why = format!(
            "another batch has bought it: job {}, in {}; it was not sent",
            job.id,
            shown_place(row, &job)
        );
        let mut rows = self.locked();
        rows.count += 1;
        rows.first.get_or_insert_with(|| (row.clone(), job));
        why
    }

    /// What there is to say of all of them, and what leads out. `ending` says what was not sent.
    pub(crate) fn refusal(&self, out: &OutDir, ending: &str) -> Option<(String, String)> {
        let rows = self.locked();
        let (row, job) = rows.first.as_ref()?;
        let begins = match rows.count {
            1 => format!("line {} was bought by another batch", row.line),
            count => format!(
                "{count} rows were bought by another batch, the first of them line {}",
                row.line
            ),
        };
        let id = job.id;
        let message = format!("{begins}: job {id}, in {}; {ending}", shown_place(row, job));
        let go_on = match place_of(row, job).filter(|place| *place != words(out.path())) {
            Some(place) => {
                let place = Escaped(&files::from_here(place)).to_string();
                format!("--out-dir {} goes on with it", quoted(&place))
            }
            None => format!("genrex jobs show {id} says how to go on with it"),
        };
        let hint = format!("{go_on}; --new buys them again for {}", out.shown());
        Some((message, hint))
    }

    fn locked(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown_place(row: &Row, job: &Entry) -> String {
    place_of(row, job).map_or_else(
        || String::from("a folder that its jobs do not name"),
        |place| Escaped(&files::from_here(place)).to_string(),
    )
}

/// The folder of the batch that a job is of.
fn place_of(row: &Row, job: &Entry) -> Option<String> {
    let path = job.path.as_deref().map(Path::new);
    let folder = path.and_then(|path| path.ancestors().nth(row.depth()));
    let begun = || job.batch.as_deref().and_then(folder_of).map(str::to_owned);
    folder.map(words).or_else(begun)
}
