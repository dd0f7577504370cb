//! Outcomes that the database could not take: one JSON line each in a file beside it, applied by whoever
//! writes to the ledger next.
//!
//! Where a disk is full there would be no room for that file either. So it is made beforehand, under another
//! name and filled with empty lines, and is written in place.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use genrex_ledger::{Event, LocalId};
use serde::{Deserialize, Serialize};

use crate::files::{self, is_named};

/// What is added to the name of a rescue file that is put aside, before a number.
const ASIDE: &str = ".unreadable-";

/// The files beside a ledger that hold outcomes which it could not apply: they are damaged, or of another ledger
/// that was at its place. One may be the only place where the id of a job that was paid for is written, so that a
/// person has to look into it; moved away, it is no longer listed.
#[must_use]
pub fn set_aside(ledger: &Path) -> Vec<PathBuf> {
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    let begins = format!("{name}.rescue{ASIDE}");
    let folder = match ledger.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let files = fs::read_dir(folder).into_iter().flatten();
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    let mut found: Vec<PathBuf> = files
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&begins)
        })
        .collect();
    found.sort();
    found
}

/// The rescue file of a ledger, whether it is there or not.
#[derive(Debug, Clone)]
pub struct Rescue {
    path: PathBuf,
    /// The file while it is empty.
    reserve: PathBuf,
}

/// What happened to a job, and to which one: a number alone would name another job in another ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The ledger's own name.
    pub ledger: String,
    /// The key of the job's intent, where it could be read.
    pub key: Option<String>,
    /// Who says it.
    pub owner: String,
    /// Which job.
    pub local_id: LocalId,
    /// What happened.
    pub event: Event,
    /// In milliseconds since 1970.
    pub at: u64,
}

impl Rescue {
    /// At this path, and a file at the other that holds space for it.
    #[must_use]
    pub const fn at(path: PathBuf, reserve: PathBuf) -> Self {
        Self { path, reserve }
    }

    /// At this path, and a file beside it, whose name ends in `.reserve`, that holds space for it.
    #[must_use]
    pub fn beside(path: &Path) -> Self {
        let mut reserve = path.as_os_str().to_owned();
        reserve.push(".reserve");
        Self::at(path.to_owned(), reserve.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything to apply.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Makes the folder that it is in, and the file beforehand. Where that fails, lines are kept for as long as the disk has room.
    pub fn hold_space(&self) {
        /// Some hundred lines.
        static SPACE: [u8; 64 * 1024] = [b'\n'; 64 * 1024];
        if self.is_there() || self.reserve.symlink_metadata().is_ok() {
            return;
        }
        let folder = folder_of(&self.path);
        if !folder.exists() {
            let _ = files::make_folder(&folder);
        }
        let fill = |mut file: File| file.write_all(&SPACE).and_then(|()| file.sync_all());
        if files::create(&self.reserve).and_then(fill).is_err() {
            let _ = fs::remove_file(&self.reserve);
        }
    }

    /// Keeps a line. When it returns, the line survives the loss of power.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn keep(&self, line: &Line) -> io::Result<()> {
        let mut file = self.lock(true)?.ok_or(io::ErrorKind::NotFound)?;
        let end = end_of(&read(&mut file)?);
        let mut text = Vec::new();
        // What was begun and not ended must not swallow this one.
        if end > 0 {
            text.push(b'\n');
        }
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        write_at(&mut file, end, &text)?;
        files::sync_folder(&folder_of(&self.path))
    }

    /// What is there to be applied; no other process reads or adds to it while it is held.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn take(&self) -> io::Result<Option<Pending>> {
        let Some(mut file) = self.lock(false)? else {
            return Ok(None);
        };
        let text = read(&mut file)?;
        let mut pending = Pending {
            rescue: self.clone(),
            file,
            text_len: end_of(&text),
            lines: Vec::new(),
            is_any_unreadable: false,
        };
        for text in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(text) {
                Ok(line) => pending.lines.push(line),
                Err(_) => pending.is_any_unreadable |= !text.is_empty(),
            }
        }
        Ok(Some(pending))
    }

    /// The file, locked; it is only made if that is asked.
    fn lock(&self, is_to_be_made: bool) -> io::Result<Option<File>> {
        loop {
            let file = match files::open_to_write(&self.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !is_to_be_made {
                        return Ok(None);
                    }
                    self.make()?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let found = file.metadata()?;
            if !found.is_file() || files::names(&found) > 1 {
                let why = format!("{} is no file of its own", self.path.display());
                return Err(io::Error::other(why));
            }
            file.lock()?;
            // Whoever held it may have taken it away.
            if is_named(&file, &self.path)? {
                return Ok(Some(file));
            }
        }
    }

    /// Another process may make it, and take it away again, at the same time.
    fn make(&self) -> io::Result<()> {
        let made = match fs::rename(&self.reserve, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create(&self.path).map(drop)
            }
            result => result,
        };
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }
}

/// The lines of a rescue file that is held.
#[derive(Debug)]
pub struct Pending {
    rescue: Rescue,
    /// Locked while this lives.
    file: File,
    text_len: usize,
    /// What could be read.
    pub lines: Vec<Line>,
    /// Whether there is more, which could not.
    pub is_any_unreadable: bool,
}

impl Pending {
    /// Takes the file away, after what it says was kept: it becomes what holds space for the next.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(mut self) -> io::Result<()> {
        let Rescue { path, reserve } = &self.rescue;
        write_at(&mut self.file, 0, &vec![b'\n'; self.text_len])?;
        fs::rename(path, reserve)?;
        files::sync_folder(&folder_of(path))
    }

    /// Puts the file where a person finds it: it says something that could not be applied.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn put_aside(self) -> io::Result<()> {
        let path = &self.rescue.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let free = (1_u32..)
            .map(|number| path.with_file_name(format!("{name}{ASIDE}{number}")))
            .find(|path| path.symlink_metadata().is_err());
        if let Some(free) = free {
            fs::rename(path, free)?;
        }
        self.rescue.hold_space();
        files::sync_folder(&folder_of(path))
    }
}

/// Whether an event says what nobody could find out again, or not for free. That a request is about to leave
/// is not: if that cannot be kept, nothing leaves. A verdict is not: it is found anew.
#[must_use]
pub fn is_to_be_rescued(event: &Event) -> bool {
    match event {
        Event::Unconfirmed(_) => true,
        Event::Reconciled(_) | Event::Resolved(..) => false,
        event => event.is_outcome(),
    }
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// Where the text ends, and the empty lines begin.
fn end_of(text: &[u8]) -> usize {
    let last = text.iter().rposition(|byte| *byte != b'\n');
    last.map_or(0, |last| last + 1)
}

fn write_at(file: &mut File, at: usize, text: &[u8]) -> io::Result<()> {
    let at = u64::try_from(at).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(text)?;
    file.sync_all()
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).to_owned()
}
