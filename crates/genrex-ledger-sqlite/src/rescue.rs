//! Outcomes that the database could not take: one JSON line each in a file beside it, applied by whoever
//! writes to the ledger next.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use genrex_ledger::{Event, LocalId};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::owner::is_named;

/// The rescue file of a ledger, whether it is there or not.
#[derive(Debug, Clone)]
pub(crate) struct Rescue {
    path: PathBuf,
    /// Space that is held for it: where a disk is full, it is for the rescue file too.
    reserve: PathBuf,
}

/// What happened to a job, and to which one: a number alone would name another job in another ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// The ledger's own name.
    pub(crate) ledger: String,
    /// The key of the job's intent, where it could be read.
    pub(crate) key: Option<String>,
    /// Who says it.
    pub(crate) owner: String,
    pub(crate) local_id: LocalId,
    pub(crate) event: Event,
    /// In milliseconds since 1970.
    pub(crate) at: u64,
}

impl Rescue {
    pub(crate) const fn at(path: PathBuf, reserve: PathBuf) -> Self {
        Self { path, reserve }
    }

    /// Holds space for some hundred lines. Without it lines are kept for as long as the disk has room.
    pub(crate) fn hold_space(&self) {
        const BLOCKS: u64 = 8 * 1024;
        if self.reserve.symlink_metadata().is_ok() {
            return;
        }
        let random = RandomState::new();
        // Some file systems hold no space for what is all alike.
        let blocks = (0..BLOCKS).flat_map(|block| random.hash_one(block).to_ne_bytes());
        let content: Vec<u8> = blocks.collect();
        let write = |mut file: File| file.write_all(&content).and_then(|()| file.sync_all());
        if files::create(&self.reserve).and_then(write).is_err() {
            self.free_space();
        }
    }

    /// Whether there was any.
    fn free_space(&self) -> bool {
        fs::remove_file(&self.reserve).is_ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything to apply.
    pub(crate) fn is_there(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Keeps a line. When it returns, the line survives the loss of power.
    pub(crate) fn keep(&self, line: &Line) -> io::Result<()> {
        match self.try_keep(line) {
            Err(_) if self.free_space() => self.try_keep(line),
            result => result,
        }
    }

    fn try_keep(&self, line: &Line) -> io::Result<()> {
        let (mut file, _) = self.lock()?;
        let mut text = Vec::new();
        // What was begun and not ended must not swallow this one.
        if !ends_whole(&mut file)? {
            text.push(b'\n');
        }
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        let before = file.metadata()?.len();
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a line is of no use; that it stays is no harm.
            let _ = file.set_len(before);
        }
        written?;
        files::sync_folder(&folder_of(&self.path))
    }

    /// What is there to be applied; no other process reads or adds to it while it is held.
    pub(crate) fn take(&self) -> io::Result<Option<Pending>> {
        if !self.is_there() {
            return Ok(None);
        }
        let (mut file, is_new) = self.lock()?;
        if is_new {
            // Another applied it while this one waited.
            fs::remove_file(&self.path)?;
            return Ok(None);
        }
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut text)?;
        let mut pending = Pending {
            rescue: self.clone(),
            _file: file,
            lines: Vec::new(),
            is_any_unreadable: false,
        };
        for text in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(text) {
                Ok(line) => pending.lines.push(line),
                Err(_) => pending.is_any_unreadable |= !text.trim_ascii().is_empty(),
            }
        }
        Ok(Some(pending))
    }

    /// The file, locked, and whether it is empty.
    fn lock(&self) -> io::Result<(File, bool)> {
        loop {
            let file = files::append(&self.path)?;
            let found = file.metadata()?;
            if !found.is_file() || files::names(&found) > 1 {
                let why = format!("{} is no file of its own", self.path.display());
                return Err(io::Error::other(why));
            }
            file.lock()?;
            // Whoever held it may have taken it away.
            if is_named(&file, &self.path)? {
                let is_empty = file.metadata()?.len() == 0;
                return Ok((file, is_empty));
            }
        }
    }
}

/// The lines of a rescue file that is held.
#[derive(Debug)]
pub(crate) struct Pending {
    rescue: Rescue,
    /// Locked while this lives.
    _file: File,
    pub(crate) lines: Vec<Line>,
    pub(crate) is_any_unreadable: bool,
}

impl Pending {
    /// Takes the file away, after what it says was kept.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.rescue.path)?;
        self.rescue.hold_space();
        files::sync_folder(&folder_of(&self.rescue.path))
    }

    /// Puts the file where a person finds it: it says something that could not be applied.
    pub(crate) fn put_aside(self) -> io::Result<()> {
        let path = &self.rescue.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let free = (1_u32..)
            .map(|number| path.with_file_name(format!("{name}.unreadable-{number}")))
            .find(|path| path.symlink_metadata().is_err());
        if let Some(free) = free {
            fs::rename(path, free)?;
        }
        files::sync_folder(&folder_of(path))
    }
}

fn ends_whole(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).to_owned()
}
