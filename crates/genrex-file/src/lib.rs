//! Where a download lands: written beside its name, synced, then renamed.
//!
//! A file appears under its final name whole or not at all, whatever is interrupted: the bytes go to a
//! file of their own beside it, `NAME.RANDOM.part`, which is synced before it takes the name, and the
//! folder after. Nothing is overwritten unless that is asked for, not even by a race, and no symbolic
//! link is followed. A part that is not committed is removed.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("song.wav");
//! use genrex_file::{Existing, PartFile};
//!
//! let mut part = PartFile::create(&path, Existing::Keep)?;
//! part.write(b"RIFF")?;
//! assert!(!path.exists());
//! part.commit()?;
//! assert_eq!(std::fs::read(&path)?, b"RIFF");
//! # std::io::Result::Ok(())
//! ```
//!
//! Invariant: this crate knows nothing of GenreX, and both clients share it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// What happens to a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and the download refused.
    Keep,
    /// It is replaced, when the download is whole.
    Replace,
}

/// A file on its way to its name.
#[derive(Debug)]
pub struct PartFile {
    target: PathBuf,
    part: PathBuf,
    file: File,
    existing: Existing,
    committed: bool,
}

impl PartFile {
    /// Begins a file that is to be named `target`, in a folder that exists.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken and that file is to be kept, and whatever
    /// the file system refuses. Each names the path.
    pub fn create(target: &Path, existing: Existing) -> io::Result<Self> {
        if existing == Existing::Keep && target.symlink_metadata().is_ok() {
            return Err(named(target, &taken()));
        }
        let part = part_of(target)?;
        let file = OpenOptions::new()
            .write(true)
            // Never an existing file and never through a link.
            .create_new(true)
            .open(&part)
            .map_err(|error| named(&part, &error))?;
        Ok(Self {
            target: target.to_owned(),
            part,
            file,
            existing,
            committed: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// What the file system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| named(&self.part, &error))
    }

    /// Forgets what was written.
    ///
    /// # Errors
    ///
    /// What the file system refuses.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|error| named(&self.part, &error))
    }

    /// Syncs the file, gives it its name, and syncs the folder.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if another took the name meanwhile and is to be kept, and what
    /// the file system refuses.
    pub fn commit(&mut self) -> io::Result<()> {
        self.file
            .sync_all()
            .and_then(|()| self.take_name())
            .and_then(|()| sync_folder(&self.target))
            .map_err(|error| named(&self.target, &error))
    }

    fn take_name(&mut self) -> io::Result<()> {
        match self.existing {
            Existing::Replace => fs::rename(&self.part, &self.target)?,
            // A link, unlike a rename, never takes a name that another has.
            Existing::Keep => match fs::hard_link(&self.part, &self.target) {
                Ok(()) => {
                    self.committed = true;
                    // The file stands; a part that stays beside it does no harm.
                    let _ = fs::remove_file(&self.part);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(taken()),
                // Some file systems have no links: the name is taken with an empty file first.
                Err(_) => {
                    OpenOptions::new()
                        .write(true)
                        .create_new(true)
                        .open(&self.target)?;
                    fs::rename(&self.part, &self.target)?;
                }
            },
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed is a stray `.part`, never a file under the final name.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Where a file is, as text to be kept and read again elsewhere: absolute where the current folder is known,
/// and with what is not Unicode replaced.
#[must_use]
pub fn location(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute
        .as_deref()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// `NAME.RANDOM.part` beside `target`: its own for each download, so that two of them to one name do not
/// write into one file.
fn part_of(target: &Path) -> io::Result<PathBuf> {
    let Some(name) = target.file_name() else {
        return Err(named(target, &io::Error::other("it names no file")));
    };
    let random = RandomState::new().build_hasher().finish() & 0xffff_ffff;
    let mut part = OsString::from(name);
    part.push(format!(".{random:08x}.part"));
    Ok(target.with_file_name(part))
}

/// Makes a name in a folder last; only Unix lets a folder be opened, and only its readers.
fn sync_folder(target: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) => folder.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

fn taken() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "a file of this name is there already",
    )
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The examples of the package's first page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wav");
        let mut part = PartFile::create(&target, Existing::Keep).unwrap();
        part.write(b"half").unwrap();
        assert_eq!(entries(folder.path()).len(), 1);
        drop(part);
        assert!(entries(folder.path()).is_empty());
    }

    #[test]
    fn what_was_forgotten_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wav");
        let mut part = PartFile::create(&target, Existing::Keep).unwrap();
        part.write(b"a first version").unwrap();
        part.restart().unwrap();
        part.write(b"second").unwrap();
        part.commit().unwrap();
        drop(part);
        assert_eq!(fs::read(&target).unwrap(), b"second");
        assert_eq!(entries(folder.path()), ["a.wav"]);
    }

    #[test]
    fn a_name_that_is_taken_is_kept_even_in_a_race() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.wav");
        let mut part = PartFile::create(&target, Existing::Keep).unwrap();
        part.write(b"mine").unwrap();
        fs::write(&target, b"theirs").unwrap();
        let error = part.commit().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("a.wav"), "{error}");
        drop(part);
        let early = PartFile::create(&target, Existing::Keep).unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert_eq!(entries(folder.path()), ["a.wav"]);

        let mut part = PartFile::create(&target, Existing::Replace).unwrap();
        part.write(b"mine").unwrap();
        part.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"mine");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_never_followed() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("precious");
        fs::write(&elsewhere, b"precious").unwrap();
        let target = folder.path().join("a.wav");
        std::os::unix::fs::symlink(&elsewhere, &target).unwrap();
        PartFile::create(&target, Existing::Keep).unwrap_err();
        let mut part = PartFile::create(&target, Existing::Replace).unwrap();
        part.write(b"new").unwrap();
        part.commit().unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn an_impossible_place_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            PartFile::create(&folder.path().join("no/such/a.wav"), Existing::Keep).unwrap_err();
        assert!(error.to_string().contains("a.wav"), "{error}");
        PartFile::create(Path::new("/"), Existing::Replace).unwrap_err();
    }
}
