//! Files and folders that are their owner's alone, and which file a path names.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Which file it is: no two that exist have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

pub(crate) fn identity(found: &Metadata) -> Identity {
    Identity {
        device: found.dev(),
        inode: found.ino(),
    }
}

/// By how many names the file can be reached.
pub(crate) fn names(found: &Metadata) -> u64 {
    found.nlink()
}

/// What others may do: the last six bits of the mode.
pub(crate) fn rights_of_others(found: &Metadata) -> u32 {
    found.mode() & 0o077
}

/// Makes a folder, and those that it is in, 0700.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a file that is not there, 0600. It does not follow a link.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file that is there, to write to it too. It does not follow a link.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

/// Opens a file that is there. It does not follow a link.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

/// Makes what was made, renamed or removed in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
