use std::path::{Path, PathBuf};

use genrex_async::QueryId;
use genrex_async::core::found_at;
use genrex_ledger::{Entry, State};

use crate::clock;
use crate::command_error::CommandError;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::rows::Row;
use crate::commands::out_dir::OutDir;

/// Looks for the file of a downloaded job in its batch's folder, if it is not where it was put: the folder may have
/// been moved. If it is there, and is the very same, the ledger keeps where it is. Says too whether it is there in the
/// end.
pub(super) async fn found_here(
    kept: &Kept,
    out: &OutDir,
    row: &Row,
    newest: Option<Entry>,
) -> Result<(Option<Entry>, bool), CommandError> {
    let entry = match newest {
        Some(entry) if entry.state == State::Downloaded => entry,
        newest => return Ok((newest, false)),
    };
    if out.is_here(Some(&entry)).await? {
        return Ok((Some(entry), true));
    }
    for path in places(out, row, &entry) {
        let Some(sha256) = out.hash_of(&path, &entry).await else {
            continue;
        };
        let place = path.display().to_string();
        let now = clock::now();
        if let Some(entry) = found_at(&*kept.ledger, &entry, place, &sha256, now).await? {
            return Ok((Some(entry), true));
        }
    }
    Ok((Some(entry), false))
}

/// Where the file may be: at the row's output, or under the name that it had.
fn places(out: &OutDir, row: &Row, entry: &Entry) -> impl Iterator<Item = PathBuf> {
    let id = entry.query_id.as_ref().map(QueryId::as_str);
    let output = row.output(id).map(|output| out.at(&output));
    let name = entry
        .path
        .as_deref()
        .map(Path::new)
        .and_then(Path::file_name);
    let named = name.map(|name| out.at(Path::new(name)));
    output.into_iter().chain(named)
}
