use std::io;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{Error, ErrorKind, Sink};
use genrex_file::{Existing, PartFile};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// A download into a file. The file system may block, so each call runs where it may.
#[derive(Debug)]
pub(crate) struct FileSink {
    location: String,
    /// Away while a call is under way; gone for good when one was abandoned.
    part: Option<PartFile>,
}

impl FileSink {
    pub(crate) async fn create(path: &Path, existing: Existing) -> Result<Self, Error> {
        let target = path.to_owned();
        let part = off_the_runtime(move || PartFile::create(&target, existing)).await;
        Ok(Self {
            location: genrex_file::location(path),
            part: Some(part.map_err(|error| {
                Error::new(ErrorKind::Storage, "the file cannot be made").with_source(error)
            })?),
        })
    }

    async fn with(
        &mut self,
        act: impl FnOnce(&mut PartFile) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let mut part = self.part.take().ok_or(io::ErrorKind::NotConnected)?;
        let (part, result) = off_the_runtime(move || {
            let result = act(&mut part);
            Ok((part, result))
        })
        .await?;
        self.part = Some(part);
        result
    }
}

#[async_trait]
impl Sink for FileSink {
    fn location(&self) -> Option<String> {
        Some(self.location.clone())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.with(move |part| part.write(&bytes)).await
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.with(PartFile::restart).await
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.with(PartFile::commit).await
    }
}

async fn off_the_runtime<T: Send + 'static>(
    act: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(act).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}

/// A download into a writer, which cannot take anything back.
#[derive(Debug)]
pub(crate) struct WriterSink<W> {
    writer: W,
    written: bool,
}

impl<W> WriterSink<W> {
    pub(crate) const fn new(writer: W) -> Self {
        Self {
            writer,
            written: false,
        }
    }
}

#[async_trait]
impl<W: AsyncWrite + Unpin + Send> Sink for WriterSink<W> {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written = true;
        self.writer.write_all(&bytes).await
    }

    async fn restart(&mut self) -> io::Result<()> {
        if self.written {
            return Err(io::Error::other(
                "the writer cannot take back what it was given",
            ));
        }
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.writer.flush().await
    }
}
