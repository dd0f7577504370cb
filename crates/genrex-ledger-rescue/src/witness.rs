//! What this machine saw a database keep: one JSON line for each step of a job, in a file that is synced. A database
//! that was restored from an earlier state does not have the last of them.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use genrex_ledger::{LocalId, State};
use serde::{Deserialize, Serialize};

use crate::files::{self, is_named};
use crate::folder::{files_named, folder_of};

/// What its file's name ends in.
const ENDING: &str = ".seen";

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
        path.push(ENDING);
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
        // One that was cut by a loss of power must not swallow this line.
        let mut line = vec![b'\n'];
        serde_json::to_writer(&mut line, seen)?;
        line.push(b'\n');
        loop {
            let mut file = self.open()?;
            // Where another writes it anew, this one is not the last. Nobody waits: a process may stand still in a write.
            if file.metadata()?.len() > LONGEST && file.try_lock().is_ok() {
                return self.begin_anew(seen, &mut file);
            }
            file.write_all(&line)?;
            file.sync_data()?;
            if is_named(&file, &self.path)? {
                return Ok(());
            }
        }
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

    /// The last step of a ledger that any file in this folder knows of: the ledger may have been reached by another
    /// address then, after which its file is named. A file that cannot be read says nothing.
    #[must_use]
    pub fn last_of(&self, ledger: &str) -> Option<Seen> {
        let files = files_named(folder_of(&self.path), |name| name.ends_with(ENDING));
        let steps = files
            .into_iter()
            .filter_map(|path| Self { path }.last().ok().flatten());
        let own = steps.filter(|seen| seen.ledger == ledger);
        own.max_by_key(|seen| seen.at)
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

    /// The file; it is made if it is not there. What is written goes to its end, also where several write.
    fn open(&self) -> io::Result<File> {
        loop {
            match files::open_to_append(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => return result,
            }
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
        }
    }
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
    fn a_ledger_is_known_by_whichever_address_it_had() {
        let (folder, old) = witness();
        let new = Witness::beside(&folder.path().join("made/other"));
        assert_eq!(new.last_of("l"), None);
        for event in [2, 4] {
            old.keep(&seen(0, event)).unwrap();
        }
        assert_eq!(new.last_of("l"), Some(seen(0, 4)));
        assert_eq!(new.last_of("another"), None);
        // Moved to another database, its steps have other numbers.
        let later = Seen {
            at: 6,
            ..seen(0, 3)
        };
        new.keep(&later).unwrap();
        for witness in [&new, &old] {
            assert_eq!(witness.last_of("l"), Some(later.clone()));
        }
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
