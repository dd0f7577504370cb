use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use crate::named;

/// What is asked of the file system to give a file its name; a test puts one in place that lacks some of it.
pub(crate) struct Calls {
    /// A second name, unless another file has it.
    pub(crate) link: Call,
    /// Another name, whatever has it.
    pub(crate) rename: Call,
}

type Call = fn(&Path, &Path) -> io::Result<()>;

impl Calls {
    pub(crate) const SYSTEM: Self = Self {
        link: |part, target| fs::hard_link(part, target),
        rename: |part, target| fs::rename(part, target),
    };
}

/// Gives a part its name, which never holds anything else than the whole file: it is not taken from another.
///
/// Not every file system has links. Where there are none, the name is reserved by a file beside it, so that of two
/// downloads to one name one is refused. A program that knows nothing of that, and makes a file of the name in the
/// moment before the rename, loses it: std has no rename that replaces nothing.
pub(crate) fn take(part: &Path, target: &Path, calls: &Calls) -> io::Result<()> {
    let is_taken = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    match (calls.link)(part, target) {
        Ok(()) => {
            // The file stands; a part that stays beside it does no harm.
            let _ = fs::remove_file(part);
            return Ok(());
        }
        Err(error) if is_taken(&error) => return Err(taken()),
        Err(_) => {}
    }
    let mut reservation = OsString::from(target);
    reservation.push(".taken");
    let reservation = Path::new(&reservation);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(reservation)
        .map_err(|error| match is_taken(&error) {
            true => reserved(reservation),
            false => named(reservation, &error),
        })?;
    let renamed = match target.symlink_metadata() {
        Ok(_) => Err(taken()),
        Err(_) => (calls.rename)(part, target),
    };
    // One that stays keeps others from the name until somebody removes it, and they are told so.
    let _ = fs::remove_file(reservation);
    renamed
}

pub(crate) fn taken() -> io::Error {
    io::Error::new(
        io::ErrorKind::AlreadyExists,
        "a file of this name is there already",
    )
}

fn reserved(reservation: &Path) -> io::Error {
    let message = format!(
        "another download is about to take this name; if none is, remove {}",
        reservation.display()
    );
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}
