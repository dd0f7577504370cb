//! Files that are read whole: a bound on each, and of the ones that hold settings, whose they are.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::command_error::{Code, CommandError};
use crate::connect::quoted;

/// The most bytes of a file of settings.
const LARGEST: usize = 64 * 1024;

/// What others may do to a file of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Read it: it says where the program calls, so it is not theirs to write to. A link to it is followed.
    Read,
    /// Nothing.
    None,
}

/// Reads a file that the user alone may change, as its rights say; `None` where there is none.
///
/// What is looked at is what was opened, so that nothing can be put in its place meanwhile. It is opened without
/// waiting: a pipe without a writer would keep the program for ever.
pub(crate) fn read_own(
    folder: &Path,
    name: &str,
    rights: Rights,
) -> Result<Option<Zeroizing<Vec<u8>>>, CommandError> {
    let path = folder.join(name);
    let cannot = |error: &io::Error| {
        let message = format!("{} cannot be read", path.display());
        refused(rights, message).with_source(error)
    };
    let file = match system::open_own(folder, name, rights) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(system::Refusal::Unreadable(error)) => return Err(cannot(&error)),
        Err(system::Refusal::NotOwn(failure)) => return Err(*failure),
    };
    bounded(file, LARGEST)
        .map(Some)
        .map_err(|error| cannot(&error))
}

/// Writes a file of settings whole, in place of the one that is there: nobody sees half of it, and only the user may
/// read it. What is there has to be the user's own, as when it is read; a link is not followed.
pub(crate) fn write_own(
    folder: &Path,
    name: &str,
    rights: Rights,
    bytes: &[u8],
) -> Result<PathBuf, CommandError> {
    let path = folder.join(name);
    if path.is_symlink() {
        let message = format!(
            "{} is a symbolic link, which is not written through",
            path.display()
        );
        return Err(refused(rights, message).hint("put the file itself there"));
    }
    let written = system::make_folder(folder);
    let cannot = |error: io::Error| {
        let message = format!("{} cannot be written", path.display());
        CommandError::other(message).with_source(&error)
    };
    written.map_err(cannot)?;
    read_own(folder, name, rights)?;
    let write = || -> io::Result<()> {
        // It is made for the user alone.
        let mut part = tempfile::NamedTempFile::new_in(folder)?;
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        part.persist(&path)?;
        system::sync_folder(folder)
    };
    write().map_err(cannot)?;
    Ok(path)
}

/// Until what it returns is dropped, no other genrex that asks for the same changes the files of settings in this folder:
/// what is read now can be written back with a change.
pub(crate) fn hold(folder: &Path) -> Result<File, CommandError> {
    let hold = || -> io::Result<File> {
        system::make_folder(folder)?;
        let held = system::open_to_lock(folder)?;
        // Some network file systems have no locks. A setting can be changed there all the same.
        let _ = held.lock();
        Ok(held)
    };
    hold().map_err(|error| {
        let message = format!("{} cannot be written to", folder.display());
        CommandError::other(message).with_source(&error)
    })
}

/// Reads a file whole, if it is one and no longer than so many bytes.
pub(crate) fn read(path: &Path, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    bounded(system::open(path)?, most)
}

/// A path as `--json` and the ledger have it: from the root.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path of the ledger as people are shown it: from the folder that they are in, if it lies there.
pub(crate) fn from_here(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    // `a/../b` lies beside `a`, wherever a link in its place leads.
    let has_parents = path.components().any(|part| part == Component::ParentDir);
    let direct = has_parents.then(|| without_parents(path)).flatten();
    let path = direct.as_deref().unwrap_or(path);
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok());
    match below {
        Some(below) if below.as_os_str().is_empty() => String::from("."),
        below => below.unwrap_or(path).display().to_string(),
    }
}

/// The same path, whose folder is named directly; none if that folder is not there.
fn without_parents(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// Whether a file holds so many bytes with this SHA-256. It is read piece by piece, and not at all if it has another
/// length.
pub(crate) fn holds(path: &Path, length: u64, sha256: &[u8; 32]) -> bool {
    let hash = || -> io::Result<bool> {
        let file = system::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() != length {
            return Ok(false);
        }
        let mut file = io::BufReader::with_capacity(LARGEST, file.take(length));
        let mut hash = Sha256::new();
        loop {
            let bytes = file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(hash.finalize()[..] == sha256[..]);
            }
            hash.update(bytes);
            let read = bytes.len();
            file.consume(read);
        }
    };
    hash().unwrap_or(false)
}

/// The bytes are wiped when they are dropped; so there is room for all of them from the start, and none are left
/// behind where the buffer was before it grew.
fn bounded(file: File, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || io::Error::other(format!("it is larger than {} KiB", most / 1024));
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let bound = u64::try_from(most).unwrap_or(u64::MAX);
    if metadata.len() > bound {
        return Err(too_large());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(too_large());
    }
    Ok(bytes)
}

fn refused(rights: Rights, message: String) -> CommandError {
    match rights {
        Rights::Read => CommandError::new(Code::Usage, "configuration", message),
        Rights::None => CommandError::credentials(message),
    }
}

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, Metadata};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

    use rustix::fs::{CWD, Mode, OFlags, openat};
    use rustix::io::Errno;

    use super::{CommandError, Path, Rights, io, quoted, refused};

    pub(super) enum Refusal {
        Unreadable(io::Error),
        NotOwn(Box<CommandError>),
    }

    impl From<io::Error> for Refusal {
        fn from(error: io::Error) -> Self {
            Self::Unreadable(error)
        }
    }

    /// Opens a file without waiting for anybody.
    pub(super) fn open(path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(openat(CWD, path, flags, Mode::empty())?))
    }

    pub(super) fn open_own(
        folder: &Path,
        name: &str,
        rights: Rights,
    ) -> Result<Option<File>, Refusal> {
        let Some(opened) = found(open(folder))? else {
            return Ok(None);
        };
        check(&opened.metadata()?, folder, Rights::Read)?;
        let mut flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if rights == Rights::None {
            flags |= OFlags::NOFOLLOW;
        }
        let file: Result<OwnedFd, Errno> = openat(&opened, name, flags, Mode::empty());
        let path = folder.join(name);
        if rights == Rights::None && file.as_ref().err() == Some(&Errno::LOOP) {
            let message = format!(
                "{} is a symbolic link, which is not followed",
                path.display()
            );
            let failure = refused(rights, message).hint("put the file itself there");
            return Err(Refusal::NotOwn(Box::new(failure)));
        }
        let Some(file) = found(file.map(File::from).map_err(io::Error::from))? else {
            return Ok(None);
        };
        check(&file.metadata()?, &path, rights)?;
        Ok(Some(file))
    }

    /// A folder that is made is the user's alone.
    pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    pub(super) fn open_to_lock(folder: &Path) -> io::Result<File> {
        open(folder)
    }

    pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn found(file: io::Result<File>) -> io::Result<Option<File>> {
        match file {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whose it is and what others may do to it. Settings may be root's too, who can change them in any case.
    fn check(metadata: &Metadata, path: &Path, rights: Rights) -> Result<(), Refusal> {
        let (named, word) = (path.display(), quoted(&path.display().to_string()));
        let own = rustix::process::geteuid().as_raw();
        let (owner, mode) = (metadata.uid(), metadata.mode());
        let is_own = owner == own || (rights == Rights::Read && owner == 0);
        let (message, hint) = if !is_own {
            (
                format!("{named} belongs to another user, whose number is {owner}"),
                format!("if what it says is yours: chown {own} {word}"),
            )
        } else if rights == Rights::Read && mode & 0o022 != 0 {
            (
                format!("{named} can be changed by others"),
                format!("chmod go-w {word}"),
            )
        } else if rights == Rights::None && mode & 0o077 != 0 {
            (
                format!("{named} can be read or changed by others"),
                format!("chmod 600 {word}"),
            )
        } else {
            return Ok(());
        };
        let failure = refused(rights, message).hint(hint);
        Err(Refusal::NotOwn(Box::new(failure)))
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{self, File};

    use super::{CommandError, Path, Rights, io};

    #[expect(dead_code, reason = "nobody asks here whose a file is")]
    pub(super) enum Refusal {
        Unreadable(io::Error),
        NotOwn(Box<CommandError>),
    }

    pub(super) fn open(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    /// A folder cannot be opened here.
    pub(super) fn open_to_lock(folder: &Path) -> io::Result<File> {
        File::create(folder.join("lock"))
    }

    pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn open_own(folder: &Path, name: &str, _: Rights) -> Result<Option<File>, Refusal> {
        match open(&folder.join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Refusal::Unreadable(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compared_by_length_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audio");
        std::fs::write(&path, "four").unwrap();
        let digest = |text: &str| -> [u8; 32] { Sha256::digest(text).into() };
        assert!(holds(&path, 4, &digest("four")));
        assert!(!holds(&path, 4, &digest("five")));
        assert!(!holds(&path, 5, &digest("four")));
        assert!(!holds(folder.path(), 0, &digest("")));
        assert!(!holds(&folder.path().join("none"), 0, &digest("")));
    }

    #[test]
    fn a_path_is_shown_from_here_without_ways_round() {
        let here = std::env::current_dir().unwrap();
        let shown = |path: &str| from_here(here.join(path));
        assert_eq!(shown("a.wav"), "a.wav");
        assert_eq!(shown("src/../none.wav"), "none.wav");
        assert_eq!(shown("src/../src/none.wav"), "src/none.wav");
        assert_eq!(shown(""), ".");
        assert_eq!(from_here("/elsewhere/none.wav"), "/elsewhere/none.wav");
        assert_eq!(from_here("/no/../such.wav"), "/no/../such.wav");
    }

    /// Read whole, it would not fit into memory.
    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 42).unwrap();
        read(&path, 4096).unwrap_err();
        assert!(!holds(&path, 4, &[0; 32]));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        read(&path, 4096).unwrap_err();
        assert!(!holds(&path, 0, &Sha256::digest("").into()));
        read(Path::new("/dev/zero"), 4096).unwrap_err();
    }

    /// What grows while it is read is cut off, and refused.
    #[test]
    fn a_buffer_never_moves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("full");
        std::fs::write(&path, [b'x'; 4096]).unwrap();
        let bytes = read(&path, 4096).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (4096, 4097));
    }
}
