use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};

use bytes::{Buf as _, Bytes};
use genrex_core::{AudioChunks, Downloaded, Error, block_on};

/// Audio on its way: a [`Read`].
///
/// What goes wrong comes through the stream, as an [`io::Error`] that holds the [`Error`]
/// ([`io::Error::get_ref`], [`io::Error::downcast`]), and again at each further read. The last bytes come
/// only when the whole file has been received and checked, so a body that was cut never looks whole: not to
/// whoever reads to the end, and not to whoever counts to [`len`](Self::len). Dropping it gives up the
/// download.
///
/// ```no_run
/// # fn run(client: genrex_blocking::Client, track: genrex_blocking::Track)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// let mut audio = client.stream(track.audio())?;
/// println!("{:?} bytes", audio.len());
/// std::io::copy(&mut audio, &mut std::io::stdout())?;
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is read unless it is asked for"]
pub struct AudioStream {
    chunks: AudioChunks,
    /// What of the last chunk was not read yet.
    rest: Bytes,
    has_failed: bool,
}

impl AudioStream {
    /// Sends the request and waits for the answer, which says how long the audio is or does not.
    pub(crate) fn open(mut chunks: AudioChunks) -> Result<Self, Error> {
        block_on(poll_fn(|context| chunks.poll_length(context)))?;
        Ok(Self {
            chunks,
            rest: Bytes::new(),
            has_failed: false,
        })
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
}

impl Read for AudioStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_failed {
            return Err(io::Error::other("the download has failed before"));
        }
        if self.rest.is_empty() && !buffer.is_empty() {
            match block_on(poll_fn(|context| self.chunks.poll_next(context))) {
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(error)) => {
                    self.has_failed = true;
                    return Err(io::Error::other(error));
                }
                None => {}
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl fmt::Debug for AudioStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioStream")
            .field("len", &self.len())
            .field("has_failed", &self.has_failed)
            .finish_non_exhaustive()
    }
}
