#[cfg(test)]
use std::fs;
use std::io;
use std::path::Path;

use genrex_async::Existing;
use genrex_file::PartFile;
use serde::{Deserialize, Serialize};

use crate::commands::generate::run_name;
use crate::failure::Failure;
use crate::files;

/// The file in a batch's folder that says which batch it is: it goes with the folder when that is moved.
const NAME: &str = ".genrex-batch";

/// In bytes.
const LARGEST: usize = 4 * 1024;

#[derive(Serialize, Deserialize)]
struct Marker {
    batch: String,
}

/// The batch that a folder holds; a new one gets a name.
pub(crate) fn read_or_make(folder: &Path) -> Result<String, Failure> {
    let path = folder.join(NAME);
    if let Some(batch) = read(&path)? {
        return Ok(batch);
    }
    let marker = Marker {
        batch: format!("{}{}", run_name(), run_name()),
    };
    let json = serde_json::to_vec(&marker)
        .map_err(|error| Failure::other("the batch cannot be named").with_source(&error))?;
    let made = PartFile::create(&path, Existing::Keep)
        .and_then(|mut part| part.write(&json).and_then(|()| part.commit()));
    match made {
        Ok(()) => Ok(marker.batch),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let named = read(&path)?;
            named.ok_or_else(|| Failure::usage("the batch's marker went away; run it again"))
        }
        Err(error) => {
            let message = format!("{} cannot be written; nothing was sent", path.display());
            Err(Failure::usage(message).with_source(&error))
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let unreadable = |cause: &(dyn std::error::Error + 'static)| {
        let message = format!("{} cannot be read; nothing was sent", path.display());
        Failure::usage(message)
            .with_source(cause)
            .hint("it says which batch the folder holds: restore it, or use another folder")
    };
    match files::read(path, LARGEST) {
        Ok(json) => {
            let marker: Marker =
                serde_json::from_slice(&json).map_err(|error| unreadable(&error))?;
            Ok(Some(marker.batch))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_batch_when_it_is_moved() {
        let parent = tempfile::tempdir().unwrap();
        let (first, second) = (parent.path().join("a"), parent.path().join("b"));
        fs::create_dir(&first).unwrap();
        let batch = read_or_make(&first).unwrap();
        assert_eq!(read_or_make(&first).unwrap(), batch);
        fs::rename(&first, &second).unwrap();
        assert_eq!(read_or_make(&second).unwrap(), batch);
        fs::create_dir(&first).unwrap();
        assert_ne!(read_or_make(&first).unwrap(), batch);
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_no_new_batch() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "{").unwrap();
        read_or_make(folder.path()).unwrap_err();
    }
}
