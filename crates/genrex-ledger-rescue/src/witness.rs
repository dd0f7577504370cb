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

/// In bytes; a file that is longer is written anew, with the last lines alone.
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

impl Seen {
    /// Adds it to others, as the last: of those of one ledger, server and generation the greatest stays. Two processes
    /// write in the order of their turns, and not of the steps.
    pub fn add_to(self, others: &mut Vec<Self>) {
        let is_alike = |other: &Self| {
            (&other.ledger, &other.server, other.generation)
                == (&self.ledger, &self.server, self.generation)
        };
        let known = others.iter().position(is_alike);
        let last = match known.map(|at| others.remove(at)) {
            Some(known) if known.event > self.event => known,
            _ => self,
        };
        others.push(last);
    }
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

    /// The last step of those that were kept where the last line is from: the same ledger, server and generation.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn last(&self) -> io::Result<Option<Seen>> {
        Ok(self.read()?.pop())
    }

    /// The last step that any file in this folder knows of, of each server and generation of a ledger: it may have been
    /// reached by another address then, after which its file is named. Another's file that cannot be read says nothing.
    ///
    /// # Errors
    ///
    /// What the system says of this one.
    pub fn all_of(&self, ledger: &str) -> io::Result<Vec<Seen>> {
        let mut all = self.read()?;
        for path in files_named(folder_of(&self.path), |name| name.ends_with(ENDING)) {
            if path != self.path {
                let others = Self { path }.read().unwrap_or_default();
                others.into_iter().for_each(|seen| seen.add_to(&mut all));
            }
        }
        all.retain(|seen| seen.ledger == ledger);
        Ok(all)
    }

    fn read(&self) -> io::Result<Vec<Seen>> {
        match files::open(&self.path) {
            Ok(mut file) => read_from(&mut file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// With the last lines alone. The old file stays what it is until the new one is whole.
    fn begin_anew(&self, seen: &Seen, old: &mut File) -> io::Result<()> {
        let mut all = read_from(old)?;
        seen.clone().add_to(&mut all);
        let mut place = self.path.as_os_str().to_owned();
        place.push(".new");
        let place = PathBuf::from(place);
        // One that an ended process left is of no use.
        let _ = fs::remove_file(&place);
        let mut file = files::create(&place)?;
        for seen in &all {
            serde_json::to_writer(&mut file, seen)?;
            file.write_all(b"\n")?;
        }
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

/// The greatest step of each ledger, server and generation. That of the last line is the last.
fn read_from(file: &mut File) -> io::Result<Vec<Seen>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let lines = text.split(|byte| *byte == b'\n');
    let mut all = Vec::new();
    // What was cut by a loss of power is no line.
    for seen in lines.filter_map(|line| serde_json::from_slice::<Seen>(line).ok()) {
        seen.add_to(&mut all);
    }
    Ok(all)
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
        assert_eq!(new.all_of("l").unwrap(), []);
        for event in [2, 4] {
            old.keep(&seen(0, event)).unwrap();
        }
        assert_eq!(new.all_of("l").unwrap(), [seen(0, 4)]);
        assert_eq!(new.all_of("another").unwrap(), []);
        // Of another server all is kept too, whichever came later.
        let later = Seen {
            server: Some(String::from("t")),
            ..seen(0, 3)
        };
        new.keep(&later).unwrap();
        assert_eq!(new.all_of("l").unwrap(), [later.clone(), seen(0, 4)]);
        assert_eq!(old.all_of("l").unwrap(), [seen(0, 4), later]);
    }

    /// Two processes of a machine, of which one still writes to the server before.
    #[test]
    fn no_server_and_no_generation_hides_what_was_seen_of_another() {
        let (_folder, witness) = witness();
        let of = |server: &str, generation, event| Seen {
            server: Some(server.to_owned()),
            ..seen(generation, event)
        };
        for kept in [
            of("new", 1, 102),
            of("old", 0, 105),
            of("new", 1, 108),
            of("old", 0, 104),
        ] {
            witness.keep(&kept).unwrap();
        }
        let all = [of("new", 1, 108), of("old", 0, 105)];
        assert_eq!(witness.all_of("l").unwrap(), all);
        // Also once the file was written anew.
        let long = of(&"s".repeat(200_000), 2, 1);
        for _ in 0..3 {
            witness.keep(&long).unwrap();
        }
        let [new, old] = all;
        assert_eq!(witness.all_of("l").unwrap(), [new, old, long]);
    }

    #[test]
    fn a_file_of_its_own_that_cannot_be_read_is_told() {
        let (folder, witness) = witness();
        fs::create_dir_all(witness.path()).unwrap();
        witness.all_of("l").unwrap_err();
        let other = Witness::beside(&folder.path().join("made/other"));
        assert_eq!(other.all_of("l").unwrap(), []);
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
        let late = Seen {
            event: 7,
            ..long.clone()
        };
        witness.keep(&late).unwrap();
        assert_eq!(witness.last().unwrap(), Some(long));
        let length = fs::metadata(witness.path()).unwrap().len();
        assert!(length <= LONGEST + 16_384, "{length}");
    }
}
