use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// Where the ledger is unless it is said: `genrex/ledger.db` in a folder for data.
#[must_use]
pub fn default_path(data_folder: &Path) -> PathBuf {
    data_folder.join("genrex").join("ledger.db")
}

/// Makes the folder (0700) and the file (0600) if they are not there, and refuses what is unsafe: a
/// symbolic link, a file that others may read.
pub(crate) fn prepare(path: &Path) -> Result<(), Error> {
    let folder = folder_of(path);
    if !folder.exists() {
        make_folder(&folder).map_err(|error| unusable(&folder, "cannot be made").because(error))?;
    }
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_file(path).map_err(|error| unusable(path, "cannot be made").because(error))
        }
        Err(error) => Err(unusable(path, "cannot be looked at").because(error)),
        Ok(found) if found.is_symlink() => {
            Err(unusable(path, "is a symbolic link, which is not followed"))
        }
        Ok(found) => check_rights(path, &found),
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}

pub(crate) fn unusable(path: &Path, why: &str) -> Error {
    Error::new(
        ErrorKind::Storage,
        format!("the ledger {} {why}", path.display()),
    )
}

#[cfg(unix)]
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(unix)]
fn make_file(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.sync_all()?;
    fs::File::open(folder_of(path))?.sync_all()
}

#[cfg(unix)]
fn check_rights(path: &Path, found: &fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    if found.permissions().mode() & 0o077 != 0 {
        let why = format!("can be read by others; chmod 600 {}", path.display());
        return Err(unusable(path, &why));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn make_file(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map(drop)
}

#[cfg(not(unix))]
fn check_rights(_: &Path, _: &fs::Metadata) -> Result<(), Error> {
    Ok(())
}
