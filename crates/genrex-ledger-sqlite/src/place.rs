//! Where the ledger's files are, what is asked of them at the start, and whether they are still those that
//! were opened.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use genrex_ledger::ErrorKind;
use genrex_ledger_rescue::files::{self, Identity};

use crate::filesystem;
use crate::owner::Owners;
use crate::storage_error::StorageError;

/// Where the ledger is unless it is said: `genrex/ledger.db` in a folder for data.
#[must_use]
pub fn default_path(data_folder: &Path) -> PathBuf {
    data_folder.join("genrex").join("ledger.db")
}

/// The names of the ledger's files: the database, and what stands beside it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Without a link in it, so that it stays the same when the process moves to another folder.
    database: PathBuf,
}

impl Place {
    /// Makes the folder (0700) and the file (0600) if they are not there, and refuses what is unsafe.
    pub(crate) fn prepare(path: &Path) -> Result<Self, StorageError> {
        let folder = folder_of(path);
        if path.file_name().is_some() && !folder.exists() {
            files::make_folder(&folder).map_err(|error| {
                let why = format!(
                    "cannot be kept: its folder {} cannot be made",
                    folder.display()
                );
                StorageError::of_file(why, error)
            })?;
        }
        let place = Self::find(path)?;
        place.check_folder()?;
        match place.database.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                place.refuse_what_is_left()?;
                place.make()?;
            }
            Err(error) => return Err(StorageError::of_file("cannot be looked at", error)),
            Ok(found) => check_file(&found, &place.database)?,
        }
        Ok(place)
    }

    /// The place of a ledger that is there to be read.
    pub(crate) fn find(path: &Path) -> Result<Self, StorageError> {
        let Some(name) = path.file_name() else {
            return Err(StorageError::new("is not the name of a file"));
        };
        let folder = folder_of(path).canonicalize().map_err(|error| {
            StorageError::of_file("cannot be found: its folder is not there", error)
        })?;
        Ok(Self {
            database: folder.join(name),
        })
    }

    pub(crate) fn database(&self) -> &Path {
        &self.database
    }

    pub(crate) fn folder(&self) -> PathBuf {
        folder_of(&self.database)
    }

    /// Where each process that has it open holds a lock.
    pub(crate) fn owners(&self) -> PathBuf {
        self.beside(".owners")
    }

    /// Where an outcome goes that the database cannot take.
    pub(crate) fn rescue(&self) -> PathBuf {
        self.beside(".rescue")
    }

    /// That file while it is empty.
    pub(crate) fn reserve(&self) -> PathBuf {
        self.beside(".reserve")
    }

    /// SQLite's log, from which the database is written, and the index of it.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        [self.beside("-wal"), self.beside("-shm")]
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(self.database.file_name().unwrap_or_default());
        name.push(suffix);
        self.database.with_file_name(name)
    }

    /// Refuses where the database is not there and files of it are: a new one would know nothing of what was
    /// bought.
    pub(crate) fn refuse_what_is_left(&self) -> Result<(), StorageError> {
        let left = self.left();
        // Who makes a ledger makes the database first: what came with it just now is no remainder.
        if left.is_empty() || self.database.symlink_metadata().is_ok() {
            return Ok(());
        }
        let left = left.iter().map(|path| path.display().to_string());
        let why = format!(
            "is not there, and files that belong to it are: {}. It was removed, renamed or moved, and a new one would \
             know nothing of what was bought: put it back, or move these files away to begin anew",
            left.collect::<Vec<_>>().join(", ")
        );
        Err(StorageError::of_kind(ErrorKind::Missing, why))
    }

    /// The files beside the database that are there, and the folder of owners if one is alive.
    fn left(&self) -> Vec<PathBuf> {
        let files = ["-wal", "-shm", "-journal", ".rescue", ".reserve"];
        let files = files.into_iter().map(|suffix| self.beside(suffix));
        let mut left: Vec<PathBuf> = files
            .filter(|path| path.symlink_metadata().is_ok())
            .collect();
        if Owners::of(self.owners()).is_any_alive() {
            left.push(self.owners());
        }
        left
    }

    fn make(&self) -> Result<(), StorageError> {
        let make = || {
            match files::create(&self.database) {
                // Another process was first.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
                result => result?.sync_all()?,
            }
            files::sync_folder(&self.folder())
        };
        make().map_err(|error| StorageError::of_file("cannot be made", error))
    }

    fn check_folder(&self) -> Result<(), StorageError> {
        let folder = self.folder();
        let looked_at =
            |error| StorageError::new("cannot be used: its folder is not there").with_source(error);
        let found = folder.metadata().map_err(looked_at)?;
        if files::rights_of_others(&found) & 0o022 != 0 {
            return Err(StorageError::new(format!(
                "is in a folder where others may put files, or take them away; chmod go-w {}",
                folder.display()
            )));
        }
        match filesystem::network(&folder) {
            Ok(None) => Ok(()),
            Ok(Some(kind)) => Err(StorageError::new(format!(
                "is on a network file system ({kind}), where locks and syncs cannot be relied on; keep it on a \
                 disk of this machine"
            ))),
            Err(error) => Err(
                StorageError::new("cannot be used: its file system cannot be told")
                    .with_source(error),
            ),
        }
    }
}

/// The files that were opened.
#[derive(Debug)]
pub(crate) struct Opened {
    files: Vec<(PathBuf, Identity)>,
}

impl Opened {
    /// The files that are there now, of which `database` is known to be the one that was opened.
    pub(crate) fn now(place: &Place, database: Identity) -> Self {
        let mut files = vec![(place.database.clone(), database)];
        for log in place.logs() {
            if let Ok(found) = log.symlink_metadata() {
                files.push((log, files::identity(&found)));
            }
        }
        Self { files }
    }

    /// Refuses if a path names another file by now, or none: what were written would not be found again.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        self.files
            .iter()
            .try_for_each(|(path, opened)| is_still(path, *opened))
    }
}

/// Which file the path names, if it may be a ledger.
pub(crate) fn named(path: &Path) -> Result<Identity, StorageError> {
    let found = path
        .symlink_metadata()
        .map_err(|error| StorageError::of_file("cannot be looked at", error))?;
    check_kind(&found)?;
    Ok(files::identity(&found))
}

fn is_still(path: &Path, opened: Identity) -> Result<(), StorageError> {
    const AGAIN: &str =
        "nothing was written; end what uses it, put the right file there, and start again";
    let name = path.display();
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = format!("was open when {name} was removed or renamed: {AGAIN}");
            return Err(StorageError::new(why));
        }
        Err(error) => {
            return Err(
                StorageError::new(format!("cannot be looked at as {name}")).with_source(error)
            );
        }
    };
    if files::identity(&found) != opened {
        let why = format!("was open when {name} was replaced: {AGAIN}");
        return Err(StorageError::new(why));
    }
    check_names(&found, path)
}

fn check_file(found: &Metadata, path: &Path) -> Result<(), StorageError> {
    check_kind(found)?;
    if files::rights_of_others(found) != 0 {
        let why = format!(
            "can be read or written by others; chmod 600 {}",
            path.display()
        );
        return Err(StorageError::new(why));
    }
    check_names(found, path)
}

fn check_kind(found: &Metadata) -> Result<(), StorageError> {
    if found.is_symlink() {
        return Err(StorageError::new(
            "is a symbolic link, which is not followed",
        ));
    }
    if !found.is_file() {
        return Err(StorageError::new("is not a file"));
    }
    Ok(())
}

/// Under another name SQLite would keep another log of it.
fn check_names(found: &Metadata, path: &Path) -> Result<(), StorageError> {
    match files::names(found) {
        1 => Ok(()),
        names => Err(StorageError::new(format!(
            "cannot be kept: {} has {names} names (hard links); remove the others",
            path.display()
        ))),
    }
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}
