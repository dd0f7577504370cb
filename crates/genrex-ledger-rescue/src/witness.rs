//! What this machine saw a database keep: one JSON line for each step of a job, in a file that is synced. A database
//! that was restored from an earlier state does not have the last of them.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use genrex_ledger::{LocalId, State};
use serde::{Deserialize, Serialize};

use crate::files::{self, is_named};

/// In bytes; a file that is longer is written anew, with the last line alone.
const LONGEST: u64 = 256 * 1024;

/// A step of a job that a database has kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The ledger's own name.
    pub ledger: String,
    /// How often somebody has taken the ledger as it was, after it was restored.
    pub generation: i64,
    /// The step's number.
    pub event: i64,
    /// Whose step it was,
    pub job: LocalId,
    /// where the job stood after it,
    pub state: State,
    /// and when, in milliseconds since 1970, by the database's clock.
    pub at: u64,
    /// Which server kept it, as far as that can be known.
    pub server: Option<String>,
    /// Whether another server had to keep it too before it was told.
    pub is_synchronous: bool,
}

/// The file.
#[derive(Debug, Clone)]
pub struct Witness {
    path: PathBuf,
}

impl Witness {
    /// Beside a rescue file; the name ends in `.seen`.
    #[must_use]
    pub fn beside(rescue: &Path) -> Self {
        let mut path = rescue.as_os_str().to_owned();
        path.push(".seen");
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a step. When it returns, the line survives the loss of power.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn keep(&self, seen: &Seen) -> io::Result<()> {
        let mut file = self.lock()?;
        let mut line = serde_json::to_vec(seen)?;
        line.push(b'\n');
        let end = file.seek(SeekFrom::End(0))?;
        if end > LONGEST {
            return self.begin_anew(seen, &mut file);
        }
        if end > 0 && !ends_a_line(&mut file, end)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)?;
        file.sync_data()
    }

    /// The last step of those that were kept of the ledger and generation that were seen last.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn last(&self) -> io::Result<Option<Seen>> {
        match files::open(&self.path) {
            Ok(mut file) => last_of(&mut file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// With the last line alone. The old file stays what it is until the new one is whole.
    fn begin_anew(&self, seen: &Seen, old: &mut File) -> io::Result<()> {
        let last = last_of(old)?;
        let is_later = |last: &Seen| {
            last.ledger == seen.ledger
                && (last.generation, last.event) > (seen.generation, seen.event)
        };
        let last = last.as_ref().filter(|last| is_later(last)).unwrap_or(seen);
        let mut place = self.path.as_os_str().to_owned();
        place.push(".new");
        let place = PathBuf::from(place);
        // One that an ended process left is of no use.
        let _ = fs::remove_file(&place);
        let mut file = files::create(&place)?;
        serde_json::to_writer(&mut file, last)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&place, &self.path)?;
        files::sync_folder(folder_of(&self.path))
    }

    /// The file, locked; it is made if it is not there.
    fn lock(&self) -> io::Result<File> {
        loop {
            let file = match files::open_to_write(&self.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let folder = folder_of(&self.path);
                    if !folder.exists() {
                        files::make_folder(folder)?;
                    }
                    match files::create(&self.path) {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        result => {
                            result?;
                            files::sync_folder(folder)?;
                        }
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            file.lock()?;
            // Whoever held it may have put another in its place.
            if is_named(&file, &self.path)? {
                return Ok(file);
            }
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A line that was begun and not ended must not swallow the next.
fn ends_a_line(file: &mut File, end: u64) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::Start(end - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn last_of(file: &mut File) -> io::Result<Option<Seen>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let lines = text.split(|byte| *byte == b'\n');
    // What was cut by a loss of power is no line.
    let mut seen = lines
        .filter_map(|line| serde_json::from_slice::<Seen>(line).ok())
        .rev();
    let Some(last) = seen.next() else {
        return Ok(None);
    };
    // Two processes write in the order of their turns, and not of the steps.
    let is_alike = |one: &Seen| one.ledger == last.ledger && one.generation == last.generation;
    let greatest = seen.filter(is_alike).max_by_key(|one| one.event);
    Ok(Some(match greatest {
        Some(greatest) if greatest.event > last.event => greatest,
        _ => last,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(generation: i64, event: i64) -> Seen {
        Seen {
            ledger: String::from("l"),
            generation,
            event,
            job: LocalId(1),
            state: State::Sent,
            at: 5,
            server: Some(String::from("s")),
            is_synchronous: false,
        }
    }

    fn witness() -> (tempfile::TempDir, Witness) {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::beside(&folder.path().join("made/rescue"));
        (folder, witness)
    }

    #[test]
    fn the_last_step_is_told_whatever_the_order_of_the_lines() {
        let (_folder, witness) = witness();
        assert_eq!(witness.last().unwrap(), None);
        for event in [3, 5, 4] {
            witness.keep(&seen(0, event)).unwrap();
        }
        assert_eq!(witness.last().unwrap(), Some(seen(0, 5)));
        // After a restored ledger was taken as it was, its numbers begin lower.
        witness.keep(&seen(1, 2)).unwrap();
        assert_eq!(witness.last().unwrap(), Some(seen(1, 2)));
    }

    #[test]
    fn a_line_that_was_cut_neither_counts_nor_swallows_the_next() {
        let (_folder, witness) = witness();
        witness.keep(&seen(0, 1)).unwrap();
        let mut file = File::options().append(true).open(witness.path()).unwrap();
        file.write_all(b"{\"ledger\":\"l\",\"gen").unwrap();
        assert_eq!(witness.last().unwrap(), Some(seen(0, 1)));
        witness.keep(&seen(0, 2)).unwrap();
        assert_eq!(witness.last().unwrap(), Some(seen(0, 2)));
    }

    #[test]
    fn the_file_does_not_grow_for_ever_and_forgets_nothing() {
        let (_folder, witness) = witness();
        let mut long = seen(0, 0);
        long.server = Some("s".repeat(8_000));
        for event in 0..100 {
            long.event = event;
            witness.keep(&long).unwrap();
        }
        // A process whose turn comes late.
        witness.keep(&seen(0, 7)).unwrap();
        assert_eq!(witness.last().unwrap(), Some(long));
        let length = fs::metadata(witness.path()).unwrap().len();
        assert!(length <= LONGEST + 16_384, "{length}");
    }
}
