//! This process, as the owner of the jobs that it has in flight.
//!
//! It holds a lock on a file of its own beside the ledger. The kernel lets go of the lock when the process
//! ends, however it ends, so a job whose owner's file can be locked has lost its process.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::PathBuf;

use genrex_ledger_rescue::files::{self, is_named};

use crate::storage_error::StorageError;

/// Whose a job is that was released: it is always gone.
pub(crate) const NOBODY: &str = "";

/// The folder where each owner holds its lock.
#[derive(Debug, Clone)]
pub(crate) struct Owners {
    folder: PathBuf,
}

/// One of them: it is alive for as long as this is.
#[derive(Debug)]
pub(crate) struct Owner {
    name: String,
    owners: Owners,
    /// Locked while this lives.
    _file: File,
}

impl Owners {
    pub(crate) const fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Begins a new one.
    pub(crate) fn begin(&self) -> Result<Owner, StorageError> {
        let broken = |error| {
            let folder = self.folder.display();
            StorageError::new(format!(
                "cannot be used: its folder {folder} cannot be used"
            ))
            .with_source(error)
        };
        self.make_folder().map_err(broken)?;
        loop {
            if let Some(owner) = self.try_begin().map_err(broken)? {
                return Ok(owner);
            }
        }
    }

    /// Whether an owner's process has ended. What cannot be told counts as living: a job must not be taken from
    /// a process that may still be sending it.
    pub(crate) fn is_gone(&self, name: &str) -> bool {
        if name == NOBODY {
            return true;
        }
        if name.contains(['/', '\\']) || self.check_folder().is_err() {
            return false;
        }
        match files::open(&self.folder.join(name)) {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            // Shared, so that two who look at once do not take each other for the owner.
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }

    /// Whether any owner is alive.
    pub(crate) fn is_any_alive(&self) -> bool {
        self.names().iter().any(|name| !self.is_gone(name))
    }

    /// Takes away the files of those that are gone.
    pub(crate) fn sweep(&self) {
        for name in self.names() {
            if self.is_gone(&name) {
                self.forget(&name);
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .collect()
    }

    /// A file that stays is in the way of nothing.
    fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.folder.join(name));
    }

    /// `None` if the file was swept before it was locked.
    fn try_begin(&self) -> io::Result<Option<Owner>> {
        let random = RandomState::new().build_hasher().finish();
        let name = format!("{}-{random:016x}", std::process::id());
        let path = self.folder.join(&name);
        let file = files::create(&path)?;
        file.lock()?;
        Ok(is_named(&file, &path)?.then(|| Owner {
            name,
            owners: self.clone(),
            _file: file,
        }))
    }

    fn make_folder(&self) -> io::Result<()> {
        match self.check_folder() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match files::make_folder(&self.folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    _ => self.check_folder(),
                }
            }
            result => result,
        }
    }

    fn check_folder(&self) -> io::Result<()> {
        let found = self.folder.symlink_metadata()?;
        if !found.is_dir() {
            let why = "it is a link or a file, and no folder";
            return Err(io::Error::new(io::ErrorKind::NotADirectory, why));
        }
        if files::rights_of_others(&found) & 0o022 != 0 {
            let why = "others may write to it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(())
    }
}

impl Owner {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.owners.forget(&self.name);
    }
}
