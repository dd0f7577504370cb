use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::folder::sync_name;
use crate::name::{self, Calls, taken};
use crate::named;

/// What happens to a file that has the name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// How many bytes a part's name has more than the file's.
    pub const ADDED: usize = ".01234567.part".len();

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
        self.commit_by(&Calls::SYSTEM)
    }

    fn commit_by(&mut self, calls: &Calls) -> io::Result<()> {
        self.file
            .sync_all()
            .and_then(|()| self.take_name(calls))
            .and_then(|()| sync_name(&self.target))
            .map_err(|error| named(&self.target, &error))
    }

    fn take_name(&mut self, calls: &Calls) -> io::Result<()> {
        match self.existing {
            Existing::Replace => (calls.rename)(&self.part, &self.target)?,
            Existing::Keep => name::take(&self.part, &self.target, calls)?,
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

#[cfg(test)]
mod tests;
