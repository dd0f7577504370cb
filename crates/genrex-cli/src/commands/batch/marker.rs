use std::io;
use std::path::Path;

use genrex_async::Existing;
use genrex_file::PartFile;
use object_store::Attributes;
use serde::{Deserialize, Serialize};

use crate::command_error::CommandError;
use crate::commands::out_dir::OutDir;
use crate::files;
use crate::random_name::random_name;
use crate::store::{Store, StoreError};

/// The file in a batch's folder that says which batch it is: it goes with the folder when that is moved.
const NAME: &str = ".genrex-batch";

/// In bytes.
const LARGEST: usize = 16 * 1024;

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) batch: String,
    /// The ledger that keeps it; an older genrex did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<KeptIn>,
}

/// A ledger, by its own name and by where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptIn {
    pub(crate) name: String,
    pub(crate) path: String,
}

impl Marker {
    /// The marker of a folder, if it has one.
    pub(crate) async fn read(out: &OutDir) -> Result<Option<Self>, CommandError> {
        let path = out.at(Path::new(NAME));
        let unreadable = |cause: &(dyn std::error::Error + 'static)| {
            let message = format!(
                "{} cannot be read; nothing was sent",
                files::from_here(&path)
            );
            CommandError::usage(message)
                .with_source(cause)
                .hint("it says which batch the folder holds: restore it, or use another folder")
        };
        let json = match out.store() {
            Some(store) => {
                let read = store.read(&path, LARGEST).await;
                read.map_err(StoreError::before_anything)?
            }
            None => match files::read(&path, LARGEST) {
                Ok(json) => Some(json.to_vec()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(unreadable(&error)),
            },
        };
        let read = json.map(|json| serde_json::from_slice(&json));
        read.transpose().map_err(|error| unreadable(&error))
    }

    /// Puts it into a folder in place of the one that was found there; returns the one that is there then: another
    /// process may have been faster.
    pub(crate) async fn write(
        self,
        out: &OutDir,
        found: Option<&Self>,
    ) -> Result<Self, CommandError> {
        let is_known = found == Some(&self);
        match out.store() {
            // What it does with the condition is found out each time, before anything is bought.
            Some(store) => write_object(store, out, (&self, found)).await?,
            None if is_known => return Ok(self),
            None => {
                let existing = match found {
                    Some(_) => Existing::Replace,
                    None => Existing::Keep,
                };
                if write_file(&out.at(Path::new(NAME)), &self.json()?, existing)? {
                    return Ok(self);
                }
            }
        }
        let there = Self::read(out).await?;
        there.ok_or_else(|| CommandError::usage("the batch's marker went away; run it again"))
    }

    fn json(&self) -> Result<Vec<u8>, CommandError> {
        serde_json::to_vec(self)
            .map_err(|error| CommandError::other("the batch cannot be named").with_source(&error))
    }
}

/// Whether it was not there before.
fn write_file(path: &Path, json: &[u8], existing: Existing) -> Result<bool, CommandError> {
    let made = PartFile::create(path, existing)
        .and_then(|mut part| part.write(json).and_then(|()| part.commit()));
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            let message = format!(
                "{} cannot be written; nothing was sent",
                files::from_here(path)
            );
            Err(CommandError::usage(message).with_source(&error).hint(
                "make room on its disk, give yourself the right to write to the folder, or choose another --out-dir",
            ))
        }
    }
}

async fn write_object(
    store: &Store,
    out: &OutDir,
    (marker, found): (&Marker, Option<&Marker>),
) -> Result<(), CommandError> {
    let path = out.at(Path::new(NAME));
    let made = store.make(&path, &found.unwrap_or(marker).json()?).await;
    made.map_err(StoreError::before_anything)?;
    if found.is_some_and(|found| found != marker) {
        let how = (Existing::Replace, Attributes::default());
        let put = store.put(&path, marker.json()?.into(), how).await;
        put.map_err(StoreError::before_anything)?;
    }
    Ok(())
}

/// Whether a path is in the folder of a batch, as the marker of a folder that it is in says.
pub(crate) fn is_in_folder_of(batch: &str, path: &Path) -> bool {
    path.ancestors().skip(1).any(|folder| {
        let json = files::read(&folder.join(NAME), LARGEST).ok();
        let marker = json.and_then(|json| serde_json::from_slice::<Marker>(&json).ok());
        marker.is_some_and(|marker| marker.batch == batch)
    })
}

/// A name for a new batch: its folder, so that it is known where it was, and something that no other has.
pub(crate) fn new_batch(folder: &Path) -> String {
    format!("{}#{}{}", words(folder), random_name(), random_name())
}

/// The folder that a batch was begun in, if its name says so.
pub(crate) fn folder_of(batch: &str) -> Option<&str> {
    batch.rsplit_once('#').map(|(folder, _)| folder)
}

/// A folder in words, by its end if it is long: a ledger takes names of a kibibyte.
pub(crate) fn words(folder: &Path) -> String {
    const LONGEST: usize = 800;
    let words = folder.to_string_lossy();
    let from = words.len().saturating_sub(LONGEST);
    let from = (from..=words.len()).find(|at| words.is_char_boundary(*at));
    words[from.unwrap_or_default()..].to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use genrex_async::core::block_on;

    use super::*;

    fn marker(batch: &str) -> Marker {
        Marker {
            batch: batch.to_owned(),
            ledger: Some(KeptIn {
                name: String::from("n"),
                path: String::from("/l.db"),
            }),
        }
    }

    fn read(folder: &Path) -> Option<Marker> {
        block_on(Marker::read(&OutDir::open(folder).unwrap())).unwrap()
    }

    fn write(marker: Marker, folder: &Path, found: Option<&Marker>) -> Marker {
        block_on(marker.write(&OutDir::open(folder).unwrap(), found)).unwrap()
    }

    #[test]
    fn a_folder_keeps_its_batch_when_it_is_moved() {
        let parent = tempfile::tempdir().unwrap();
        let (first, second) = (parent.path().join("a"), parent.path().join("b"));
        fs::create_dir(&first).unwrap();
        assert_eq!(read(&first), None);
        write(marker("1"), &first, None);
        fs::rename(&first, &second).unwrap();
        assert_eq!(read(&second), Some(marker("1")));
    }

    #[test]
    fn the_faster_of_two_processes_names_the_batch() {
        let folder = tempfile::tempdir().unwrap();
        write(marker("1"), folder.path(), None);
        let there = write(marker("2"), folder.path(), None);
        assert_eq!(there, marker("1"));
        let found = Some(&there);
        write(marker("2"), folder.path(), found);
        assert_eq!(read(folder.path()), Some(marker("2")));
    }

    #[test]
    fn a_path_is_in_the_folder_whose_marker_names_the_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.wav");
        assert!(!is_in_folder_of("1", &path), "no marker");
        write(marker("1"), folder.path(), None);
        assert!(is_in_folder_of("1", &path));
        assert!(!is_in_folder_of("2", &path), "another batch");
        fs::write(folder.path().join(NAME), "{").unwrap();
        assert!(!is_in_folder_of("1", &path), "unreadable");
    }

    #[test]
    fn a_marker_of_the_old_form_says_no_ledger() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), r#"{"batch":"1"}"#).unwrap();
        let found = read(folder.path()).unwrap();
        assert_eq!((found.batch.as_str(), found.ledger), ("1", None));
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_no_new_batch() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "{").unwrap();
        let out = OutDir::open(folder.path()).unwrap();
        block_on(Marker::read(&out)).unwrap_err();
    }

    #[test]
    fn a_batch_says_where_it_was_begun_however_long_that_is() {
        let long = format!("/é{}", "ü".repeat(900));
        for folder in ["/home/a/music #1", &long] {
            let folder = Path::new(folder);
            let batch = new_batch(folder);
            assert_eq!(folder_of(&batch), Some(words(folder).as_str()));
            assert!(batch.len() < 1024, "{}", batch.len());
        }
        assert_eq!(folder_of("00112233"), None);
    }
}
