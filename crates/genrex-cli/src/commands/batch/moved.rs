use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use genrex_async::QueryId;
use genrex_async::core::found_at;
use genrex_ledger::{Entry, State};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::command_error::CommandError;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::rows::Row;

/// Looks for the file of a downloaded job in its batch's folder, if it is not where it was put: the folder may have
/// been moved. If it is there, and is the very same, the ledger keeps where it is.
pub(super) async fn found_here(
    kept: &Kept,
    folder: &Path,
    row: &Row,
    newest: Option<Entry>,
) -> Result<Option<Entry>, CommandError> {
    let Some(entry) = newest else {
        return Ok(None);
    };
    let is_missing = entry
        .path
        .as_deref()
        .is_some_and(|path| !Path::new(path).exists());
    if entry.state != State::Downloaded || !is_missing {
        return Ok(Some(entry));
    }
    for path in places(folder, row, &entry) {
        let Some(sha256) = hash_of(&path, &entry) else {
            continue;
        };
        let place = path.display().to_string();
        let now = clock::now();
        if let Some(entry) = found_at(&*kept.ledger, &entry, place, &sha256, now).await? {
            return Ok(Some(entry));
        }
    }
    Ok(Some(entry))
}

/// Where the file may be: at the row's output, or under the name that it had.
fn places(folder: &Path, row: &Row, entry: &Entry) -> impl Iterator<Item = PathBuf> {
    let id = entry.query_id.as_ref().map(QueryId::as_str);
    let output = row.output(id).map(|output| folder.join(output));
    let name = entry
        .path
        .as_deref()
        .map(Path::new)
        .and_then(Path::file_name);
    let named = name.map(|name| folder.join(name));
    output.into_iter().chain(named)
}

/// The hash of a file that is as long as what was downloaded.
fn hash_of(path: &Path, entry: &Entry) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || Some(found.len()) != entry.bytes {
        return None;
    }
    let mut hash = Sha256::new();
    let mut file = File::open(path).ok()?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            length => hash.update(chunk.get(..length)?),
        }
    }
}
