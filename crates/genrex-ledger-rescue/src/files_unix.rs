//! Files and folders that are their owner's alone, and which file a path names.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

const NO_FOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// Which file it is: no two that exist have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// Which file was found.
#[must_use]
pub fn identity(found: &Metadata) -> Identity {
    Identity {
        device: found.dev(),
        inode: found.ino(),
    }
}

/// By how many names the file can be reached.
#[must_use]
pub fn names(found: &Metadata) -> u64 {
    found.nlink()
}

/// What others may do: the last six bits of the mode.
#[must_use]
pub fn rights_of_others(found: &Metadata) -> u32 {
    found.mode() & 0o077
}

/// Makes a folder, and those that it is in, 0700, so that the loss of power takes none of them away.
///
/// # Errors
///
/// What the system says.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    make_folders(folder, &mut sync_folder)
}

/// From the outermost on, each made lasting by `sync` of the folder that it is in.
fn make_folders(folder: &Path, sync: &mut impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let outer = match folder.parent() {
        Some(outer) if outer.as_os_str().is_empty() => Path::new("."),
        Some(outer) => outer,
        // The root is there.
        None => return Ok(()),
    };
    if !outer.exists() {
        make_folders(outer, sync)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        // Another process was first, and may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        result => result?,
    }
    sync(outer)
}

/// Makes a file that is not there, 0600. It does not follow a link.
///
/// # Errors
///
/// What the system says.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file that is there, to write to it too. It does not follow a link.
///
/// # Errors
///
/// What the system says.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

/// Opens a file that is there, to read it and to write at its end. It does not follow a link.
///
/// # Errors
///
/// What the system says.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

/// Opens a file that is there. It does not follow a link.
///
/// # Errors
///
/// What the system says.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

/// Gives a file another name, if nothing has that name.
///
/// # Errors
///
/// What the system says; [`io::ErrorKind::Unsupported`] where it cannot.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?;
        Ok(())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Makes what was made, renamed or removed in a folder last.
///
/// # Errors
///
/// What the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A power cut must not take away the folder that a synced ledger is in.
    #[test]
    fn each_folder_that_is_made_is_synced_into_the_one_it_is_in() {
        let place = tempfile::tempdir().unwrap();
        let [outer, middle, inner] = ["a", "a/b", "a/b/c"].map(|name| place.path().join(name));
        let mut synced: Vec<(PathBuf, bool)> = Vec::new();
        let mut sync = |folder: &Path| {
            let made = [&outer, &middle, &inner]
                .into_iter()
                .find(|made| made.parent() == Some(folder));
            synced.push((folder.to_owned(), made.is_some_and(|made| made.is_dir())));
            Ok(())
        };
        make_folders(&inner, &mut sync).unwrap();
        let expected = [place.path(), &outer, &middle].map(|folder| (folder.to_owned(), true));
        assert_eq!(synced, expected);
    }
}
