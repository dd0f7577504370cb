use std::io;

use async_trait::async_trait;
use bytes::Bytes;

/// Where a download goes.
///
/// What was written is provisional until [`commit`](Self::commit), which is called at most once, after
/// the whole of the audio has been received and checked.
#[async_trait]
pub trait Sink: Send {
    /// Hears how many bytes there will be, before the first of them and again after a restart; `None` where the
    /// storage does not say.
    fn expect(&mut self, length: Option<u64>) {
        let _ = length;
    }

    /// Where the audio will be, for a ledger to keep; `None` where that has no name.
    fn location(&self) -> Option<String> {
        None
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// When they could not be kept: the download ends.
    async fn write(&mut self, bytes: Bytes) -> io::Result<()>;

    /// Forgets everything written: the download starts again from zero.
    ///
    /// # Errors
    ///
    /// When that cannot be done: the download ends.
    async fn restart(&mut self) -> io::Result<()>;

    /// Makes what was written last: flush, sync, rename.
    ///
    /// # Errors
    ///
    /// When that failed: the download ends.
    async fn commit(&mut self) -> io::Result<()>;
}

/// The sink of an operation that downloads nothing.
#[derive(Debug)]
pub(crate) struct NoSink;

#[async_trait]
impl Sink for NoSink {
    async fn write(&mut self, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn restart(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn commit(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
