//! Files in an object store: an object has its name whole or not at all, and none is replaced unless that is asked for.

mod failure;
mod service;
mod sink;

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use genrex_async::Existing;
use object_store::path::Path as Key;
use object_store::{
    Attribute, AttributeValue, Attributes, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode,
    PutOptions, PutPayload,
};
use sha2::{Digest as _, Sha256};

pub(crate) use self::failure::StoreError;
use self::service::Service;
pub(crate) use self::sink::StoreSink;
use crate::command_error::CommandError;

/// Where an object says what its SHA-256 is, in hexadecimal.
const SHA256: &str = "sha256";

/// A bucket, and the part of it that a batch has.
#[derive(Clone)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
    service: Service,
    bucket: String,
    prefix: String,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) bytes: u64,
    /// As whoever put it there has said.
    sha256: Option<String>,
}

impl Store {
    /// The store at an address, if it is the address of one; nobody is asked yet.
    pub(crate) fn open(url: &str) -> Result<Option<Self>, CommandError> {
        let Some((service, rest)) = Service::of(url) else {
            return Ok(None);
        };
        let (bucket, prefix) = address(service, rest)?;
        Ok(Some(Self {
            objects: service.open(&bucket)?,
            service,
            bucket,
            prefix,
        }))
    }

    /// How the addresses of stores are written.
    pub(crate) fn forms() -> String {
        Service::ALL.map(Service::form).join(", ")
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        let (scheme, bucket) = (self.service.scheme(), &self.bucket);
        match self.prefix.as_str() {
            "" => format!("{scheme}{bucket}"),
            prefix => format!("{scheme}{bucket}/{prefix}"),
        }
    }

    /// The address of what has this name in it.
    pub(crate) fn at(&self, name: &Path) -> PathBuf {
        let parts = name.components().filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy()),
            _ => None,
        });
        let name = parts.collect::<Vec<_>>().join("/");
        PathBuf::from(format!("{}/{name}", self.url()))
    }

    /// Whether an address is in this store's bucket.
    pub(crate) fn has(&self, address: &Path) -> bool {
        self.key(address).is_ok()
    }

    fn key(&self, address: &Path) -> Result<Key, StoreError> {
        let address = address.to_string_lossy();
        let within = address
            .strip_prefix(self.service.scheme())
            .and_then(|rest| rest.strip_prefix(&self.bucket))
            .and_then(|rest| rest.strip_prefix('/'));
        let key = within.ok_or_else(|| StoreError::elsewhere(&address))?;
        Key::parse(key).map_err(|error| StoreError::of(&address, error.into()))
    }

    /// The address of what has this key in the bucket.
    fn address(&self, key: &Key) -> String {
        format!("{}{}/{key}", self.service.scheme(), self.bucket)
    }

    /// Refuses an address that no store has room for, with what is put beside it in the meantime.
    pub(crate) fn fits(&self, address: &Path) -> Result<(), StoreError> {
        const LONGEST: usize = 1024;
        match self.key(address)?.as_ref().len() + sink::ADDED > LONGEST {
            true => Err(StoreError::too_long(&address.to_string_lossy())),
            false => Ok(()),
        }
    }

    /// What is known of the object at an address.
    pub(crate) async fn find(&self, address: &Path) -> Result<Option<Found>, StoreError> {
        let key = self.key(address)?;
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match self.objects.get_opts(&key, options).await {
            Ok(found) => {
                let name = Attribute::Metadata(SHA256.into());
                let sha256 = found.attributes.get(&name);
                Ok(Some(Found {
                    bytes: found.meta.size,
                    sha256: sha256.map(|said| said.as_ref().to_owned()),
                }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(StoreError::of(&address.to_string_lossy(), error)),
        }
    }

    /// Whether an object has so many bytes with this SHA-256, in hexadecimal. It is read if it does not say itself what
    /// it is.
    pub(crate) async fn holds(
        &self,
        address: &Path,
        bytes: u64,
        sha256: &str,
    ) -> Result<bool, StoreError> {
        let Some(found) = self.find(address).await? else {
            return Ok(false);
        };
        if found.bytes != bytes {
            return Ok(false);
        }
        let key = self.key(address)?;
        let Some(said) = found.sha256 else {
            return Ok(self.hash(&key, bytes).await? == sha256);
        };
        if said == sha256 && !self.service.checks() {
            // What Azure still copies says all this already, and cannot be read.
            self.hash(&key, bytes.min(1)).await?;
        }
        Ok(said == sha256)
    }

    /// The SHA-256 of so many bytes, read piece by piece.
    async fn hash(&self, key: &Key, bytes: u64) -> Result<String, StoreError> {
        const PIECE: u64 = 8 << 20;
        let mut hash = Sha256::new();
        let mut from = 0;
        while from < bytes {
            let to = bytes.min(from + PIECE);
            let read = self.objects.get_range(key, from..to).await;
            hash.update(read.map_err(|error| StoreError::unread(&self.address(key), error))?);
            from = to;
        }
        Ok(hex::encode(hash.finalize()))
    }

    /// A small object, if it is there.
    pub(crate) async fn read(
        &self,
        address: &Path,
        most: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |error| StoreError::of(&address.to_string_lossy(), error);
        let found = match self.objects.get(&self.key(address)?).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if usize::try_from(found.meta.size).map_or(true, |size| size > most) {
            return Err(StoreError::too_large(&address.to_string_lossy(), most));
        }
        Ok(Some(found.bytes().await.map_err(failed)?.to_vec()))
    }

    /// Makes a small object; whether its name was free. A store that lets both of two make it is refused: each would take
    /// itself for the first.
    pub(crate) async fn make(&self, address: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let put = async || {
            let payload = PutPayload::from(bytes.to_vec());
            let how = (Existing::Keep, Attributes::default());
            match self.put(address, payload, how).await {
                Ok(()) => Ok(true),
                Err(error) if error.is_taken() => Ok(false),
                Err(error) => Err(error),
            }
        };
        let was_free = put().await?;
        if was_free && put().await? {
            return Err(StoreError::overwriting(&address.to_string_lossy()));
        }
        Ok(was_free)
    }

    /// Puts a small object there.
    pub(crate) async fn put(
        &self,
        address: &Path,
        payload: PutPayload,
        how: (Existing, Attributes),
    ) -> Result<(), StoreError> {
        self.put_at(&self.key(address)?, payload, how).await
    }

    async fn put_at(
        &self,
        key: &Key,
        payload: PutPayload,
        (existing, attributes): (Existing, Attributes),
    ) -> Result<(), StoreError> {
        let mode = match existing {
            Existing::Keep => PutMode::Create,
            Existing::Replace => PutMode::Overwrite,
        };
        let options = PutOptions {
            mode,
            attributes,
            ..PutOptions::default()
        };
        let put = self.objects.put_opts(key, payload, options).await;
        put.map(drop)
            .map_err(|error| StoreError::of(&self.address(key), error))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.url()).finish()
    }
}

/// What audio says of itself.
fn attributes(sha256: &str) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, AttributeValue::from("audio/wav"));
    let sha256 = AttributeValue::from(sha256.to_owned());
    attributes.insert(Attribute::Metadata(SHA256.into()), sha256);
    attributes
}

/// The bucket and the prefix of an address, from what follows its scheme.
fn address(service: Service, rest: &str) -> Result<(String, String), CommandError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    let is_bucket = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let is_named = !bucket.is_empty() && bucket.chars().all(is_bucket);
    if !is_named || Key::parse(prefix).is_err() {
        let url = format!("{}{rest}", service.scheme());
        let message = format!("{url} is no address of a part of a bucket; nothing was sent");
        let hint = format!("write it as {}", service.form());
        return Err(CommandError::usage(message).hint(hint));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

#[cfg(test)]
mod tests;
