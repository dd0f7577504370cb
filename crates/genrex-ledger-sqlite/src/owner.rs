use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::place::{make_folder, unusable};

/// This process, as the owner of the jobs that it has in flight.
///
/// It holds a lock on a file of its own beside the ledger. The kernel lets go of the lock when the
/// process ends, however it ends, so a job whose owner's file can be locked has lost its process.
#[derive(Debug)]
pub(crate) struct Owner {
    name: String,
    folder: PathBuf,
    /// Locked while this lives.
    _file: File,
}

impl Owner {
    pub(crate) fn begin(ledger: &Path) -> Result<Self, Error> {
        let folder = folder(ledger);
        make_folder(&folder).map_err(|error| unusable(&folder, "cannot be made").because(error))?;
        let random = RandomState::new().build_hasher().finish();
        let name = format!("{}-{random:016x}", std::process::id());
        let path = folder.join(&name);
        let file = File::create_new(&path)
            .map_err(|error| unusable(&path, "cannot be made").because(error))?;
        file.lock()
            .map_err(|error| unusable(&path, "cannot be locked").because(error))?;
        Ok(Self {
            name,
            folder,
            _file: file,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether another owner's process has ended. What cannot be told counts as living: a job must not
    /// be taken from a process that may still be sending it.
    pub(crate) fn is_gone(&self, other: &str) -> bool {
        if other == self.name || other.contains(['/', '\\']) {
            return false;
        }
        match File::open(self.folder.join(other)) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
        }
    }

    /// Takes away what an ended owner left.
    pub(crate) fn forget(&self, other: &str) {
        if !other.contains(['/', '\\']) {
            // It stays in the way of nothing.
            let _ = fs::remove_file(self.folder.join(other));
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.forget(&self.name.clone());
    }
}

fn folder(ledger: &Path) -> PathBuf {
    let mut name = ledger.file_name().unwrap_or_default().to_owned();
    name.push(".owners");
    ledger.with_file_name(name)
}
