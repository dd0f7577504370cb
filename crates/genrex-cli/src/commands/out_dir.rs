use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use genrex_async::core::proto::Escaped;
use genrex_async::{Audio, Client, Downloaded, Error, ErrorKind, Existing, QueryId};
use genrex_cli::template::{Template, Values};
use genrex_file::PartFile;
use genrex_ledger::Entry;
use sha2::{Digest as _, Sha256};

use crate::command_error::CommandError;
use crate::commands::deliver::download_beside;
use crate::files;
use crate::name;
use crate::store::{Store, StoreSink};

/// What another kind of address begins with.
const FILE: &str = "file://";

/// Where a batch's audio goes: a folder, or a part of an object store. An object has an address, which stands where a
/// file has its path.
#[derive(Debug, Clone)]
pub(crate) struct OutDir {
    path: PathBuf,
    /// The same as it was typed.
    typed: PathBuf,
    store: Option<Store>,
}

impl OutDir {
    /// What was typed; a folder is made.
    pub(crate) fn open(typed: &Path) -> Result<Self, CommandError> {
        if let Some(store) = store_of(typed)? {
            return Ok(Self::of_store(typed, store));
        }
        let folder = folder_of(typed)?;
        fs::create_dir_all(&folder).map_err(|error| {
            let message = format!("{} cannot be made; nothing was sent", folder.display());
            CommandError::usage(message).with_source(&error)
        })?;
        let whole = folder.canonicalize();
        Self::of_folder(typed, whole)
    }

    /// The same, and nothing is made.
    pub(crate) fn look(typed: &Path) -> Result<Self, CommandError> {
        if let Some(store) = store_of(typed)? {
            return Ok(Self::of_store(typed, store));
        }
        let folder = folder_of(typed)?;
        let whole = folder
            .canonicalize()
            .or_else(|_| std::path::absolute(&folder));
        Self::of_folder(typed, whole)
    }

    /// The one that a path or an address of a ledger is in; nothing is made.
    pub(crate) fn around(path: &Path) -> Result<Self, CommandError> {
        if let Some(store) = store_of(path)? {
            return Ok(Self::of_store(path, store));
        }
        let folder = path.parent().unwrap_or(path);
        Self::of_folder(folder, Ok(folder.to_owned()))
    }

    fn of_store(typed: &Path, store: Store) -> Self {
        Self {
            path: PathBuf::from(store.url()),
            typed: typed.to_owned(),
            store: Some(store),
        }
    }

    fn of_folder(typed: &Path, whole: io::Result<PathBuf>) -> Result<Self, CommandError> {
        let path = whole.map_err(|error| {
            CommandError::usage("the folder cannot be found").with_source(&error)
        })?;
        Ok(Self {
            path,
            typed: typed.to_owned(),
            store: None,
        })
    }

    /// Its whole path, or its address.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// As people are shown it.
    pub(crate) fn shown(&self) -> String {
        match &self.store {
            Some(store) => Escaped(&store.url()).to_string(),
            None => files::from_here(&self.path),
        }
    }

    /// The path of what has this name in it.
    pub(crate) fn at(&self, name: &Path) -> PathBuf {
        match &self.store {
            Some(store) => store.at(name),
            None => self.path.join(name),
        }
    }

    /// Where a row's audio is to go, for a ledger to keep: in `name`, U+0000 stands for the job's id. It is a
    /// [`Template`] in which `{id}` does so, or a folder, which ends with a slash, where nothing was said.
    pub(crate) fn planned(&self, name: Option<&Path>) -> String {
        let path = match name {
            Some(name) => self.at(name).to_string_lossy().into_owned(),
            None => format!("{}/", self.path.to_string_lossy().trim_end_matches('/')),
        };
        path.replace('{', "{{")
            .replace('}', "}}")
            .replace('\0', "{id}")
    }

    /// Where a job's audio goes whose row does not say it.
    pub(crate) fn named_after(&self, text: &str, id: &QueryId) -> PathBuf {
        self.at(&name::target(None, Some(text), id, 0))
    }

    /// Whether something has this path already.
    pub(crate) async fn is_taken(&self, path: &Path) -> Result<bool, CommandError> {
        match &self.store {
            Some(store) => {
                let found = store.find(path).await;
                Ok(found.map_err(CommandError::from)?.is_some())
            }
            None => is_there(path).map_err(|error| {
                let message = format!("{} cannot be looked at", files::from_here(path));
                CommandError::usage(message).with_source(&error)
            }),
        }
    }

    /// Whether a file could be put at a path, or an object. In a folder that is tried, unless nothing `may_be_made`: what
    /// it is in stays, and nothing else.
    pub(crate) fn try_out(&self, path: &Path, may_be_made: bool) -> io::Result<()> {
        if let Some(store) = &self.store {
            return Ok(store.fits(path)?);
        }
        if is_there(path)? && path.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "a folder has this name",
            ));
        }
        if may_be_made {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            PartFile::create(path, Existing::Replace)?;
        }
        Ok(())
    }

    /// Whether the file of a downloaded job still stands where it was put. An object is as long as it was, too.
    pub(crate) async fn is_here(&self, newest: Option<&Entry>) -> Result<bool, CommandError> {
        let Some(path) = newest.and_then(|entry| entry.path.as_deref()) else {
            return Ok(false);
        };
        let bytes = newest.and_then(|entry| entry.bytes);
        match &self.store {
            Some(store) if store.has(Path::new(path)) => {
                let found = store.find(Path::new(path)).await?;
                Ok(found.is_some_and(|found| Some(found.bytes) == bytes))
            }
            Some(_) => Ok(false),
            None => Ok(Path::new(path).exists()),
        }
    }

    /// The SHA-256 of what is as long as what was downloaded.
    pub(crate) async fn hash_of(&self, path: &Path, entry: &Entry) -> Option<String> {
        let (bytes, sha256) = (entry.bytes?, entry.sha256.as_deref()?);
        match &self.store {
            Some(store) => {
                let held = store.holds(path, bytes, sha256).await.ok()?;
                held.then(|| sha256.to_owned())
            }
            None => hash_of(path, bytes),
        }
    }

    /// Downloads audio to a path, whole or not at all. What an earlier run or another process has put there is taken for
    /// it, if it is the very same; nothing else is replaced, unless `existing` says so.
    pub(crate) async fn download(
        &self,
        client: &Client,
        audio: &Audio,
        (path, existing): (&Path, Existing),
    ) -> Result<Option<Downloaded>, Error> {
        if let Some(store) = &self.store {
            let failed = |error| {
                Error::new(ErrorKind::Storage, "no file can be made to download to")
                    .with_source(error)
            };
            let mut sink = StoreSink::create(store, path.to_owned(), existing).map_err(failed)?;
            return client.download_into(audio, &mut sink).await.map(Some);
        }
        if let Some(parent) = path.parent() {
            let made = fs::create_dir_all(parent);
            made.map_err(|error| {
                Error::new(ErrorKind::Storage, "the folder cannot be made").with_source(error)
            })?;
        }
        if existing == Existing::Replace || !path.exists() {
            match client.download_over(audio, path, existing).await {
                Err(error) if error.kind() == ErrorKind::Storage && path.exists() => {}
                done => return done.map(Some),
            }
        }
        download_beside(client, audio, path).await
    }

    /// A path as a person is shown it: below what was typed.
    pub(crate) fn as_typed(&self, path: &str) -> String {
        match Path::new(path).strip_prefix(&self.path) {
            Ok(below) if self.store.is_none() => self.typed.join(below).display().to_string(),
            _ => path.to_owned(),
        }
    }
}

/// Where the audio of a job is to go, by what the ledger [keeps](OutDir::planned) of that.
pub(crate) fn place_of(planned: &str, text: &str, id: &QueryId) -> Result<PathBuf, String> {
    let template = Template::new(planned)?;
    let path = template.name(&Values {
        id: id.as_str(),
        prompt: text,
        line: 0,
        number: 0,
    });
    if !path.ends_with('/') {
        return Ok(PathBuf::from(path));
    }
    let name = name::target(None, Some(text), id, 0);
    Ok(PathBuf::from(format!("{path}{}", name.display())))
}

fn store_of(typed: &Path) -> Result<Option<Store>, CommandError> {
    Store::open(&typed.to_string_lossy())
}

/// A folder, by its path or as `file:///PATH`.
fn folder_of(typed: &Path) -> Result<PathBuf, CommandError> {
    let text = typed.to_string_lossy();
    let path = match text.strip_prefix(FILE) {
        Some(path) => path,
        None if !text.contains("://") => return Ok(typed.to_owned()),
        None => "",
    };
    if !path.starts_with('/') {
        let message = format!("{} is no place for files that is known", Escaped(&text));
        return Err(
            CommandError::usage(format!("{message}; nothing was sent")).hint(format!(
                "give --out-dir a folder, file:///PATH or one of {}",
                Store::forms()
            )),
        );
    }
    Ok(PathBuf::from(path))
}

/// Whether something has a path. What cannot be looked at is not free.
fn is_there(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The hash of a file that has so many bytes.
fn hash_of(path: &Path, bytes: u64) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if !found.is_file() || found.len() != bytes {
        return None;
    }
    let mut hash = Sha256::new();
    let mut file = File::open(path).ok()?;
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            length => hash.update(chunk.get(..length)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use genrex_async::core::block_on;

    use super::*;

    /// Whatever the folder and the names are called.
    #[test]
    fn what_is_planned_names_the_place_once_the_id_is_known() {
        let id = QueryId::new("QRY_1").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a{id}b {n}");
        let out = OutDir::open(&odd).unwrap();
        let odd = out.path().to_owned();
        let placed = |name: Option<&str>| {
            let planned = out.planned(name.map(Path::new));
            place_of(&planned, "Slow rain", &id).unwrap()
        };
        assert_eq!(placed(Some("x/{id}-\0.wav")), odd.join("x/{id}-QRY_1.wav"));
        assert_eq!(placed(Some("x.wav")), odd.join("x.wav"));
        assert_eq!(placed(None), out.named_after("Slow rain", &id));
        place_of("{other}", "Slow rain", &id).unwrap_err();
    }

    #[test]
    fn a_place_is_a_folder_or_an_address_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let out = OutDir::open(Path::new(&url)).unwrap();
        assert_eq!(out.path(), folder.path().canonicalize().unwrap());
        for other in ["file://host/x", "ftp://bucket/x", "http://a/b"] {
            assert!(OutDir::open(Path::new(other)).is_err(), "{other}");
        }
        assert!(!Path::new("ftp:").exists());
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_free() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let out = OutDir::open(folder.path()).unwrap();
        let is_taken = |name: &str| {
            let taken = block_on(out.is_taken(&out.at(Path::new(name))));
            taken.ok()
        };
        assert_eq!(is_taken("free.wav"), Some(false));
        assert_eq!(is_taken("missing/free.wav"), Some(false));
        assert_eq!(is_taken("file"), Some(true));
        for name in ["file/a.wav", "a\0.wav", &"x".repeat(300)] {
            assert_eq!(is_taken(name), None, "{name:?}");
        }
    }
}
