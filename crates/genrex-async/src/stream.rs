use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use genrex_core::{AudioChunks, Downloaded, Error};

/// Audio on its way, chunk by chunk: a [`Stream`] whose items are never empty.
///
/// What goes wrong comes through the stream, as its last item. The last bytes come only when the whole
/// file has been received and checked, so a body that was cut never looks whole: not to whoever reads to
/// the end, and not to whoever counts to [`len`](Self::len). Dropping it gives up the download.
///
/// ```no_run
/// # async fn run(client: genrex_async::Client, track: genrex_async::Track)
/// # -> Result<(), genrex_async::Error> {
/// let mut audio = client.stream(track.audio()).await?;
/// println!("{:?} bytes", audio.len());
/// while let Some(chunk) = audio.next().await {
///     println!("{} bytes more", chunk?.len());
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is read unless it is polled"]
pub struct AudioStream {
    chunks: AudioChunks,
}

impl AudioStream {
    /// Sends the request and waits for the answer, which says how long the audio is or does not.
    pub(crate) async fn open(mut chunks: AudioChunks) -> Result<Self, Error> {
        poll_fn(|context| chunks.poll_length(context)).await?;
        Ok(Self { chunks })
    }

    /// How many bytes there will be in all, where the storage says so.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "audio is never empty, and the length may be unknown"
    )]
    pub fn len(&self) -> Option<u64> {
        self.chunks.length()
    }

    /// What was downloaded: known after the end.
    #[must_use]
    pub const fn downloaded(&self) -> Option<&Downloaded> {
        self.chunks.downloaded()
    }

    /// The next bytes; `None` after the last. If the future is dropped, nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`Client::download_to`](crate::Client::download_to)'s. It is the last item.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|context| self.chunks.poll_next(context)).await
    }
}

impl Stream for AudioStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next(context)
    }
}

impl fmt::Debug for AudioStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioStream")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
