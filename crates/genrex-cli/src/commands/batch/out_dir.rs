use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use genrex_async::core::proto::Escaped;
use genrex_async::{Audio, Client, Downloaded, Error, ErrorKind, Existing, QueryId};
use genrex_ledger::Entry;
use sha2::{Digest as _, Sha256};

use crate::command_error::CommandError;
use crate::commands::deliver::download_beside;
use crate::files;
use crate::name;
use crate::store::{SCHEME, Store, StoreSink};

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

    fn of_store(typed: &Path, store: Store) -> Self {
        Self {
            path: PathBuf::from(store.url()),
            typed: typed.to_owned(),
            store: Some(store),
        }
    }

    fn of_folder(typed: &Path, whole: std::io::Result<PathBuf>) -> Result<Self, CommandError> {
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
            None => Ok(path.symlink_metadata().is_ok()),
        }
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

fn store_of(typed: &Path) -> Result<Option<Store>, CommandError> {
    let typed = typed.to_string_lossy();
    typed
        .starts_with(SCHEME)
        .then(|| Store::open(&typed))
        .transpose()
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
        return Err(CommandError::usage(format!("{message}; nothing was sent"))
            .hint("give --out-dir a folder, file:///PATH or s3://BUCKET/PREFIX"));
    }
    Ok(PathBuf::from(path))
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
