use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::Existing;
use genrex_async::core::Sink;
use object_store::path::Path as Key;
use object_store::{
    CopyMode, CopyOptions, ObjectStore as _, ObjectStoreExt as _, PutMultipartOptions, PutPayload,
};
use sha2::{Digest as _, Sha256};

use super::{Store, StoreError, attributes};
use crate::random_name::random_name;

/// In bytes. What is longer is sent in parts.
const LARGE: u64 = 32 << 20;
/// In bytes; each but the last, as stores want it.
const PART: u64 = 8 << 20;

/// How many bytes the name of parts has more than the object's.
pub(super) const ADDED: usize = ".0123456789abcdef.part".len();

/// A download into an object: the bytes go to a file without a name on this machine first, and to the store when all of
/// them are here and were checked.
pub(crate) struct StoreSink {
    store: Store,
    address: PathBuf,
    existing: Existing,
    large: u64,
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl StoreSink {
    pub(crate) fn create(store: &Store, address: PathBuf, existing: Existing) -> io::Result<Self> {
        Ok(Self {
            store: store.clone(),
            address,
            existing,
            large: LARGE,
            file: tempfile::tempfile()?,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// The same, in which what is longer than this is sent in parts.
    #[cfg(test)]
    pub(super) fn large_from(mut self, large: u64) -> Self {
        self.large = large;
        self
    }

    /// Puts it there, unless the very same is there already: an earlier run, or another process, was as far.
    async fn store(&mut self) -> Result<(), StoreError> {
        let sha256 = hex::encode(self.hash.clone().finalize());
        if self.store.holds(&self.address, self.bytes, &sha256).await? {
            return Ok(());
        }
        let target = self.store.key(&self.address)?;
        let can_be_direct = self.bytes <= self.large || self.existing == Existing::Replace;
        let is_direct = can_be_direct && self.store.service.checks();
        let beside = (!is_direct).then(|| Key::from(format!("{target}.{}.part", random_name())));
        let put = match &beside {
            None => self.send(&target, self.existing, &sha256).await,
            Some(beside) => self.put_by_way_of(beside, &target, &sha256).await,
        };
        // While a store still copies, this fails, and its source stays.
        let held = self.store.holds(&self.address, self.bytes, &sha256).await?;
        if let Some(beside) = beside {
            // One that stays is a stray part, and never a file under its own name.
            let _ = self.store.objects.delete(&beside).await;
        }
        match put {
            Ok(()) if held => Ok(()),
            Ok(()) => Err(StoreError::changed(&self.address.to_string_lossy())),
            Err(error) if error.is_taken() && held => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Under another name first, and then copied. No store lets parts be put together under a name on the condition that
    /// it is free, and each copies on it; and what a store does not check itself is read again before it has its name.
    async fn put_by_way_of(
        &mut self,
        beside: &Key,
        target: &Key,
        sha256: &str,
    ) -> Result<(), StoreError> {
        let mode = match self.existing {
            Existing::Replace => CopyMode::Overwrite,
            Existing::Keep if self.store.find(&self.address).await?.is_some() => {
                return Err(self.failed(object_store::Error::AlreadyExists {
                    path: target.to_string(),
                    source: "it was there before".into(),
                }));
            }
            Existing::Keep => CopyMode::Create,
        };
        self.send(beside, Existing::Replace, sha256).await?;
        let store = &self.store;
        if !store.service.checks() && store.hash(beside, self.bytes).await? != sha256 {
            return Err(StoreError::changed(&store.address(beside)));
        }
        let options = CopyOptions::new().with_mode(mode);
        let copied = store.objects.copy_opts(beside, target, options).await;
        copied.map_err(|error| self.failed(error))
    }

    /// Sends all of it, in parts if it is large: those replace what is there.
    async fn send(
        &mut self,
        key: &Key,
        existing: Existing,
        sha256: &str,
    ) -> Result<(), StoreError> {
        self.rewind()?;
        if self.bytes > self.large {
            return self.send_parts(key, sha256).await;
        }
        let all = self.piece(self.bytes)?;
        self.store
            .put_at(key, all, (existing, attributes(sha256)))
            .await
    }

    async fn send_parts(&mut self, key: &Key, sha256: &str) -> Result<(), StoreError> {
        let options = PutMultipartOptions {
            attributes: attributes(sha256),
            ..PutMultipartOptions::default()
        };
        let begun = self.store.objects.put_multipart_opts(key, options).await;
        let mut upload = begun.map_err(|error| self.failed(error))?;
        let mut left = self.bytes;
        let sent = async {
            while left > 0 {
                let part = self.piece(left.min(PART))?;
                left -= left.min(PART);
                let sent = upload.put_part(part).await;
                sent.map_err(|error| self.failed(error))?;
            }
            Ok(())
        };
        let sent = sent.await;
        match sent {
            Ok(()) => upload
                .complete()
                .await
                .map(drop)
                .map_err(|error| self.failed(error)),
            Err(error) => {
                // What was sent is charged for by the store until it is taken back.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    fn rewind(&mut self) -> Result<(), StoreError> {
        self.file.rewind().map_err(|error| self.unread(error))
    }

    /// The next so many bytes of the file.
    fn piece(&mut self, bytes: u64) -> Result<PutPayload, StoreError> {
        let mut piece = Vec::new();
        let read = (&self.file).take(bytes).read_to_end(&mut piece);
        read.map_err(|error| self.unread(error))?;
        Ok(PutPayload::from(piece))
    }

    fn unread(&self, error: io::Error) -> StoreError {
        self.failed(object_store::Error::Generic {
            store: "file",
            source: Box::new(error),
        })
    }

    fn failed(&self, error: object_store::Error) -> StoreError {
        StoreError::of(&self.address.to_string_lossy(), error)
    }
}

#[async_trait]
impl Sink for StoreSink {
    fn location(&self) -> Option<String> {
        Some(self.address.to_string_lossy().into_owned())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.file.write_all(&bytes)?;
        self.hash.update(&bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hash = Sha256::new();
        self.bytes = 0;
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.store().await.map_err(io::Error::from)
    }
}
