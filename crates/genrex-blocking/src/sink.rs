use std::io::{self, Write};
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{Error, ErrorKind, Sink};
use genrex_file::{Existing, PartFile};

/// A download into a file.
#[derive(Debug)]
pub(crate) struct FileSink {
    location: String,
    part: PartFile,
}

impl FileSink {
    pub(crate) fn create(path: &Path, existing: Existing) -> Result<Self, Error> {
        let part = PartFile::create(path, existing).map_err(|error| {
            Error::new(ErrorKind::Storage, "the file cannot be made").with_source(error)
        })?;
        Ok(Self {
            location: genrex_file::location(path),
            part,
        })
    }
}

#[async_trait]
impl Sink for FileSink {
    fn location(&self) -> Option<String> {
        Some(self.location.clone())
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.part.write(&bytes)
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.part.restart()
    }

    async fn commit(&mut self) -> io::Result<()> {
        self.part.commit()
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
impl<W: Write + Send> Sink for WriterSink<W> {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.written = true;
        self.writer.write_all(&bytes)
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
        self.writer.flush()
    }
}
