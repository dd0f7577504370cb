//! Files and folders, where the system has no modes: their rights are those of the folder they are made in.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Which file it is, which cannot be told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity;

/// Which file was found.
#[must_use]
pub fn identity(_: &Metadata) -> Identity {
    Identity
}

/// By how many names the file can be reached.
#[must_use]
pub fn names(_: &Metadata) -> u64 {
    1
}

/// What others may do.
#[must_use]
pub fn rights_of_others(_: &Metadata) -> u32 {
    0
}

/// Makes a folder, and those that it is in.
///
/// # Errors
///
/// What the system says.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Makes a file that is not there.
///
/// # Errors
///
/// What the system says.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// Opens a file that is there, to write to it too.
///
/// # Errors
///
/// What the system says.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Opens a file that is there, to read it and to write at its end.
///
/// # Errors
///
/// What the system says.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

/// Opens a file that is there.
///
/// # Errors
///
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Gives a file another name, if nothing has that name: that cannot be had here in one step.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`].
pub fn rename_new(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A folder cannot be synced here.
///
/// # Errors
///
/// What the system says.
pub fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether a path still names this open file.
///
/// # Errors
///
/// What the system says.
pub fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(found) => Ok(identity(&found) == identity(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
