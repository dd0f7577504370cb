//! Outcomes that the database could not take: one JSON line each in a file beside it, applied by whoever
//! writes to the ledger next.
//!
//! Where a disk is full there would be no room for that file either. So it is made beforehand, under another
//! name and filled with empty lines, and is written in place.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use genrex_ledger::{Event, LocalId};
use serde::{Deserialize, Serialize};

use crate::files::{self, is_named};
use crate::folder::{files_named, folder_of};

/// What its name ends in.
const ENDING: &str = ".rescue";

/// What is added to the name of a rescue file that is put aside, before a number.
const ASIDE: &str = ".unreadable-";

/// The files beside a ledger that hold outcomes which it could not apply: they are damaged, or of another ledger
/// that was at its place. One may be the only place where the id of a job that was paid for is written, so that a
/// person has to look into it; moved away, it is no longer listed.
#[must_use]
pub fn set_aside(ledger: &Path) -> Vec<PathBuf> {
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    let begins = format!("{name}{ENDING}{ASIDE}");
    files_named(folder_of(ledger), |name| name.starts_with(&begins))
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

    /// The other files of rescued outcomes in its folder: the ledger may have been reached by another address when they
    /// were written, after which a file is named.
    #[must_use]
    pub fn others(&self) -> Vec<Self> {
        let files = files_named(folder_of(&self.path), |name| name.ends_with(ENDING));
        let others = files
            .iter()
            .filter(|path| path.file_name() != self.path.file_name());
        others.map(|path| Self::beside(path)).collect()
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
            let _ = files::make_folder(folder);
        }
        let fill = |mut file: File| file.write_all(&SPACE).and_then(|()| file.sync_all());
        if files::create(&self.reserve).and_then(fill).is_err() {
            let _ = fs::remove_file(&self.reserve);
        }
    }

    /// Keeps a line, and returns where. When it returns, the line survives the loss of power.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn keep(&self, line: &Line) -> io::Result<PathBuf> {
        match self.keep_here(line) {
            // A process that stands still has it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let own = format!("{}{}{ENDING}", self.begins(), std::process::id());
                Self::beside(&self.path.with_file_name(own)).keep_here(line)
            }
            result => result,
        }
    }

    /// Brings together what processes kept in files of their own while one that stood still had this one. What cannot be
    /// brought stays where it is.
    pub fn gather(&self) {
        let begins = self.begins();
        let is_own = |name: &str| {
            let number = name
                .strip_prefix(&begins)
                .and_then(|name| name.strip_suffix(ENDING));
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        for path in files_named(folder_of(&self.path), is_own) {
            let stray = Self::beside(&path);
            let Ok(Some(pending)) = stray.take() else {
                continue;
            };
            let is_here = |line: &Line| self.keep_here(line).is_ok();
            if !pending.is_any_unreadable
                && pending.lines.iter().all(is_here)
                && pending.remove().is_ok()
            {
                let _ = fs::remove_file(&stray.reserve);
            }
        }
    }

    /// What the names of such files begin with; a number follows.
    fn begins(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{}-", name.strip_suffix(ENDING).unwrap_or(&name))
    }

    fn keep_here(&self, line: &Line) -> io::Result<PathBuf> {
        let mut file = self.lock(true)?.ok_or(io::ErrorKind::NotFound)?;
        let end = written(&mut file)?.len();
        let mut text = Vec::new();
        // What was begun and not ended must not swallow this one.
        if end > 0 {
            text.push(b'\n');
        }
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
        write_at(&mut file, end, &text)?;
        files::sync_folder(folder_of(&self.path))?;
        Ok(self.path.clone())
    }

    /// What is there to be applied. Nothing is locked meanwhile: a database may let whoever applies it wait, and others
    /// have outcomes to keep. What two processes apply is kept once.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn take(&self) -> io::Result<Option<Pending>> {
        let Some(mut file) = self.lock(false)? else {
            return Ok(None);
        };
        let text = written(&mut file)?;
        let (mut lines, mut is_any_unreadable) = (Vec::new(), false);
        for line in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(line) => lines.push(line),
                Err(_) => is_any_unreadable |= !line.is_empty(),
            }
        }
        Ok(Some(Pending {
            rescue: self.clone(),
            text,
            lines,
            is_any_unreadable,
        }))
    }

    /// The file, locked; it is only made if that is asked. It is locked for as long as a write takes: whoever has it for
    /// longer stands still, and nobody waits for that.
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
            lock_soon(&file)?;
            // Whoever held it may have taken it away.
            if is_named(&file, &self.path)? {
                return Ok(Some(file));
            }
        }
    }

    /// Another process may make it, and take it away again, at the same time.
    fn make(&self) -> io::Result<()> {
        let made = match files::rename_new(&self.reserve, &self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
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

/// What a rescue file said when it was read.
#[derive(Debug)]
pub struct Pending {
    rescue: Rescue,
    text: Vec<u8>,
    /// What could be read.
    pub lines: Vec<Line>,
    /// Whether there is more, which could not.
    pub is_any_unreadable: bool,
}

impl Pending {
    /// Takes away what was read, after it was kept. A file that says nothing more becomes what holds space for the next.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove(self) -> io::Result<()> {
        let Some((mut file, is_more)) = self.find()? else {
            return Ok(());
        };
        let Rescue { path, reserve } = &self.rescue;
        write_at(&mut file, 0, &vec![b'\n'; self.text.len()])?;
        if is_more {
            return Ok(());
        }
        fs::rename(path, reserve)?;
        files::sync_folder(folder_of(path))
    }

    /// Puts what was read where a person finds it: it says something that could not be applied.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn put_aside(self) -> io::Result<()> {
        let Some((file, is_more)) = self.find()? else {
            return Ok(());
        };
        let path = &self.rescue.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let free = (1_u32..)
            .map(|number| path.with_file_name(format!("{name}{ASIDE}{number}")))
            .find(|path| path.symlink_metadata().is_err());
        let Some(free) = free else {
            return Ok(());
        };
        if is_more {
            let mut aside = files::create(&free)?;
            aside.write_all(&self.text)?;
            aside.sync_all()?;
            files::sync_folder(folder_of(path))?;
            drop(file);
            return self.remove();
        }
        // The space that was held for more is no text for a person.
        file.set_len(u64::try_from(self.text.len()).unwrap_or(u64::MAX))?;
        fs::rename(path, free)?;
        self.rescue.hold_space();
        files::sync_folder(folder_of(path))
    }

    /// The file, locked, if what was read is still there, and whether it says more by now.
    fn find(&self) -> io::Result<Option<(File, bool)>> {
        let Some(mut file) = self.rescue.lock(false)? else {
            return Ok(None);
        };
        let text = written(&mut file)?;
        let more = text.strip_prefix(&self.text[..]);
        Ok(more.map(|more| (file, !more.is_empty())))
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

/// Locks a file that nobody has for long. It fails with [`io::ErrorKind::WouldBlock`] if one does.
#[expect(
    clippy::disallowed_methods,
    reason = "another process is at work on the file, for a moment"
)]
fn lock_soon(file: &File) -> io::Result<()> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            result => return Ok(result?),
        }
    }
    Ok(file.try_lock()?)
}

/// What a file says, without the empty lines at its end.
fn written(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut text)?;
    let last = text.iter().rposition(|byte| *byte != b'\n');
    text.truncate(last.map_or(0, |last| last + 1));
    Ok(text)
}

fn write_at(file: &mut File, at: usize, text: &[u8]) -> io::Result<()> {
    let at = u64::try_from(at).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(job: i64) -> Line {
        Line {
            ledger: String::from("l"),
            key: None,
            owner: String::from("o"),
            local_id: LocalId(job),
            event: Event::Failed,
            at: 5,
        }
    }

    fn jobs(pending: &Pending) -> Vec<i64> {
        pending.lines.iter().map(|line| line.local_id.0).collect()
    }

    fn rescue() -> (tempfile::TempDir, Rescue) {
        let folder = tempfile::tempdir().unwrap();
        let rescue = Rescue::beside(&folder.path().join("l.rescue"));
        (folder, rescue)
    }

    /// Whoever applies it may wait for a database that says nothing, and others have outcomes to keep meanwhile.
    #[test]
    fn nothing_is_locked_while_what_was_read_is_applied() {
        let (_folder, rescue) = rescue();
        rescue.keep(&line(1)).unwrap();
        let pending = rescue.take().unwrap().unwrap();
        assert_eq!(jobs(&pending), [1]);
        let file = File::open(rescue.path()).unwrap();
        file.try_lock().unwrap();
        file.unlock().unwrap();
        assert!(rescue.is_there());
    }

    #[test]
    fn what_was_kept_meanwhile_is_not_taken_away() {
        for put_aside in [false, true] {
            let (_folder, rescue) = rescue();
            let end = |pending: Pending| match put_aside {
                true => pending.put_aside().unwrap(),
                false => pending.remove().unwrap(),
            };
            rescue.keep(&line(1)).unwrap();
            let pending = rescue.take().unwrap().unwrap();
            rescue.keep(&line(2)).unwrap();
            end(pending);
            let [one, two] = [(); 2].map(|()| rescue.take().unwrap().unwrap());
            assert_eq!(jobs(&one), [2]);
            end(one);
            assert!(!rescue.is_there());
            // Another applied the same, and was later. By then there may be a file of that name again.
            rescue.keep(&line(3)).unwrap();
            end(two);
            assert_eq!(jobs(&rescue.take().unwrap().unwrap()), [3]);
            let aside = set_aside(&rescue.path().with_extension(""));
            assert_eq!(aside.len(), 2 * usize::from(put_aside), "{aside:?}");
        }
    }

    #[test]
    fn what_is_put_aside_is_text() {
        let (_folder, rescue) = rescue();
        rescue.hold_space();
        rescue.keep(&line(1)).unwrap();
        assert!(fs::metadata(rescue.path()).unwrap().len() > 10_000);
        rescue.take().unwrap().unwrap().put_aside().unwrap();
        let aside = set_aside(&rescue.path().with_extension(""));
        let [path] = aside.as_slice() else {
            panic!("{aside:?}")
        };
        let kept = fs::read_to_string(path).unwrap();
        assert!(!kept.contains('\0'), "{kept:?}");
        assert_eq!(kept.lines().filter(|line| !line.is_empty()).count(), 1);
    }

    /// A process may stand still in the middle of a write.
    #[test]
    fn nobody_waits_for_who_has_the_file() {
        let (_folder, rescue) = rescue();
        rescue.keep(&line(1)).unwrap();
        let file = File::open(rescue.path()).unwrap();
        file.lock().unwrap();
        let kept = rescue.keep(&line(2)).unwrap();
        assert_ne!(kept, rescue.path());
        rescue.take().unwrap_err();
        let [other] = &rescue.others()[..] else {
            panic!("{:?}", rescue.others());
        };
        assert_eq!(other.path(), kept);
        assert_eq!(jobs(&other.take().unwrap().unwrap()), [2]);
        file.unlock().unwrap();
        rescue.gather();
        assert_eq!(jobs(&rescue.take().unwrap().unwrap()), [1, 2]);
        let left = files_named(folder_of(rescue.path()), |_| true);
        assert_eq!(left, [rescue.path()]);
    }

    /// Two make it at once, and the first has kept a line in it by the time that the second does.
    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let (_folder, rescue) = rescue();
        rescue.hold_space();
        rescue.make().unwrap();
        rescue.keep(&line(1)).unwrap();
        files::create(&rescue.reserve).unwrap();
        rescue.make().unwrap();
        assert_eq!(jobs(&rescue.take().unwrap().unwrap()), [1]);
    }
}
