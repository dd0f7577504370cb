//! Files and folders, where the system has no modes: their rights are those of the folder they are made in.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Which file it is, which cannot be told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity;

pub(crate) fn identity(_: &Metadata) -> Identity {
    Identity
}

/// By how many names the file can be reached.
pub(crate) fn names(_: &Metadata) -> u64 {
    1
}

/// What others may do.
pub(crate) fn rights_of_others(_: &Metadata) -> u32 {
    0
}

/// Makes a folder, and those that it is in.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Makes a file that is not there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

/// Opens a file that is there, to write to it too.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Opens a file that is there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A folder cannot be synced here.
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
