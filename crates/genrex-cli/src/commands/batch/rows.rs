use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use genrex_async::Seconds;
use genrex_cli::rows::{BadRow, Defaults, Rows};

use crate::command_error::CommandError;

pub(crate) use genrex_cli::rows::Row;

/// The most bytes of a file of rows: a million rows, each as long as it can be in UTF-8.
const LARGEST: u64 = 1 << 30;

/// A batch as it was when it was given: kept in a file without a name, so that it can be read more than
/// once, and what is written to the file meanwhile does not matter.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    spooled: File,
    defaults: Defaults,
}

/// What reading the whole of a batch has shown.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) rows: u64,
    /// The longest piece and the line that it is on.
    longest: Option<(Seconds, u64)>,
}

impl Source {
    pub(crate) fn open(path: &Path, defaults: Defaults) -> Result<Self, CommandError> {
        let spooled = if path == Path::new("-") {
            spool(io::stdin().lock(), LARGEST)
        } else {
            File::open(path).and_then(|file| spool(file, LARGEST))
        };
        let unreadable = |error: io::Error| {
            CommandError::usage(format!(
                "{} cannot be read; nothing was sent",
                path.display()
            ))
            .with_source(&error)
            .hint("name a file of rows, or give - for standard input: genrex help batch-file")
        };
        Ok(Self {
            path: path.to_owned(),
            spooled: spooled.map_err(unreadable)?,
            defaults,
        })
    }

    /// Reads every row and refuses the batch if one is bad, or if there is none: each bad one is named with its
    /// line, and nothing is paid for.
    pub(crate) fn check(&self) -> Result<Checked, CommandError> {
        const SHOWN: usize = 20;
        let mut bad = Vec::new();
        let mut count = 0_u64;
        let mut longest = None;
        let mut rows = 0;
        let mut outputs = Outputs::default();
        for row in self.rows()? {
            rows += 1;
            let fault = match row {
                Ok(row) => {
                    longest = longest.max(Some((row.duration, row.line)));
                    outputs.fault_of(&row)
                }
                Err(failure) => Some(failure.message),
            };
            count += u64::from(fault.is_some());
            bad.extend(fault);
            bad.truncate(SHOWN);
        }
        if rows == 0 {
            let message = format!("{} holds no rows; nothing was sent", self.path.display());
            return Err(CommandError::usage(message).hint(
                "write text,duration and under it a row for each piece: genrex help batch-file",
            ));
        }
        if count == 0 {
            return Ok(Checked { rows, longest });
        }
        let mut failure = CommandError::usage(format!("{count} rows are bad; nothing was sent"));
        failure.causes = bad;
        Err(failure.hint(
            "mend them and run the same command again; genrex help batch-file shows the forms",
        ))
    }

    /// The rows, one at a time.
    pub(crate) fn rows(
        &self,
    ) -> Result<impl Iterator<Item = Result<Row, CommandError>> + use<>, CommandError> {
        let unreadable = |error: io::Error| {
            CommandError::usage(format!("{} cannot be read", self.path.display()))
                .with_source(&error)
        };
        let refused = |bad: BadRow| CommandError::usage(bad.to_string());
        let formless = |bad: BadRow| {
            let path = self.path.display();
            let message = format!("{path} cannot be read as rows; nothing was sent");
            let mut failure = CommandError::usage(message);
            failure.causes.push(bad.to_string());
            failure.hint("genrex help batch-file shows the forms that are read")
        };
        let mut file = self.spooled.try_clone().map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let rows = Rows::read(file, self.defaults.clone()).map_err(formless)?;
        Ok(rows.map(move |row| row.map_err(refused)))
    }
}

impl Checked {
    /// Refuses what the account does not allow, before anything is sent.
    pub(crate) fn refuse_longer_than(&self, most: Option<u64>) -> Result<(), CommandError> {
        match (self.longest, most) {
            (Some((longest, line)), Some(most)) if u64::from(longest.get()) > most => {
                let message = format!(
                    "line {line}: the account allows {most} s at most, and not {longest}; nothing was sent"
                );
                Err(CommandError::usage(message).hint("shorten it and run the same command again"))
            }
            _ => Ok(()),
        }
    }
}

/// Where the rows so far go, as far as it is known.
#[derive(Default)]
struct Outputs {
    files: HashSet<PathBuf>,
    /// Those that they are in.
    folders: HashSet<PathBuf>,
}

impl Outputs {
    /// What is wrong with where a row goes, beside the others.
    fn fault_of(&mut self, row: &Row) -> Option<String> {
        let output = row.output(None)?;
        let (line, shown) = (row.line, output.display());
        if self.files.contains(&output) {
            return Some(format!(
                "line {line}: {shown} is the output of two rows; {{n}} or {{id}} in the name tells them apart"
            ));
        }
        let folders = || output.ancestors().skip(1);
        let is_folder = self.folders.contains(&output);
        if is_folder || folders().any(|folder| self.files.contains(folder)) {
            return Some(format!(
                "line {line}: {shown} is a file of one row in a folder that is a file of another; rename one"
            ));
        }
        self.folders.extend(folders().map(Path::to_owned));
        self.files.insert(output);
        None
    }
}

/// Copies all that there is, up to a bound.
fn spool(from: impl Read, most: u64) -> io::Result<File> {
    let mut spooled = tempfile::tempfile()?;
    let copied = io::copy(&mut from.take(most + 1), &mut spooled)?;
    if copied > most {
        return Err(io::Error::other(format!("it is larger than {most} bytes")));
    }
    Ok(spooled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spooled_has_a_bound() {
        assert_eq!(spool(&b"four"[..], 4).unwrap().metadata().unwrap().len(), 4);
        spool(&b"fives"[..], 4).unwrap_err();
        spool(io::repeat(b'x'), 1 << 16).unwrap_err();
    }
}
