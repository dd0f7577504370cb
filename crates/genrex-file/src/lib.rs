//! Where a download lands: written beside its name, synced, then renamed.
//!
//! A file appears under its final name whole or not at all, whatever is interrupted: the bytes go to a
//! file of their own beside it, `NAME.RANDOM.part`, which is synced before it takes the name, and the
//! folder after. Nothing is overwritten unless that is asked for, not even by a race, and no symbolic
//! link is followed. A part that is not committed is removed. [`make_folder`] makes the folder that it lies in.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("song.wav");
//! use genrex_file::{Existing, PartFile};
//!
//! let mut part = PartFile::create(&path, Existing::Keep)?;
//! part.write(b"RIFF")?;
//! assert!(!path.exists());
//! part.commit()?;
//! assert_eq!(std::fs::read(&path)?, b"RIFF");
//! # std::io::Result::Ok(())
//! ```
//!
//! Invariant: this crate knows nothing of GenreX, and both clients share it.

mod folder;
mod name;
mod part;

use std::io;
use std::path::Path;

pub use folder::make_folder;
pub use part::{Existing, PartFile};

/// Where a file is, as text to be kept and read again elsewhere: absolute where the current folder is known,
/// and with what is not Unicode replaced.
#[must_use]
pub fn location(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    absolute
        .as_deref()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The examples of the package's first page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
