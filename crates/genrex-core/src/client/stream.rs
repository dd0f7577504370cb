use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Audio, Client, Downloaded, Error, Sink};

impl Client {
    /// Downloads audio into memory; it starts again by itself where it has to. Free.
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download)'s.
    pub async fn bytes(&self, audio: &Audio) -> Result<Bytes, Error> {
        let mut memory = Memory::default();
        self.download_queued(audio, &mut memory, true).await?;
        Ok(memory.0.into())
    }

    /// Downloads audio chunk by chunk, each handed over as it comes. Nothing is sent before the first poll. Free.
    #[must_use]
    pub fn stream(&self, audio: &Audio) -> AudioChunks {
        let handover = Arc::new(Mutex::new(Handover::default()));
        let (client, audio) = (self.clone(), audio.clone());
        let mut sink = HandoverSink(Arc::clone(&handover));
        AudioChunks {
            download: Some(Box::pin(
                async move { client.download(&audio, &mut sink).await },
            )),
            handover,
            downloaded: None,
        }
    }
}

/// A download that hands over its bytes as they come: the audio streams of both clients are this one, awaited or
/// blocked on.
///
/// What was handed over cannot be taken back. So where a download would have to start again from zero after that,
/// the stream ends in an error; and the last chunk is held back until the whole file has been received and checked.
/// Whoever reads to the end, or counts to the announced length, has the whole file or an error. Dropping it gives
/// up the exchange.
pub struct AudioChunks {
    /// `None` once it is over.
    download: Option<Pin<Box<Running>>>,
    handover: Arc<Mutex<Handover>>,
    downloaded: Option<Downloaded>,
}

type Running = dyn Future<Output = Result<Downloaded, Error>> + Send;

impl AudioChunks {
    /// Ready when the storage has said how long the audio is, or that it does not say.
    ///
    /// # Errors
    ///
    /// What ended the download before: as [`Client::download`]'s.
    pub fn poll_length(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<u64>, Error>> {
        if let Poll::Ready(Err(error)) = self.poll_download(context) {
            return Poll::Ready(Err(error));
        }
        let mut handover = locked(&self.handover);
        match handover.length {
            Some(length) => {
                handover.is_length_told = true;
                Poll::Ready(Ok(length))
            }
            None if self.download.is_none() => Poll::Ready(Ok(None)),
            None => Poll::Pending,
        }
    }

    /// Ready with the next bytes, never none of them; with `None` after the last, when the whole file has been
    /// checked; and with an error where it cannot be had, which is the last item too.
    ///
    /// # Errors
    ///
    /// As [`Client::download`]'s; [`ErrorKind::Storage`](crate::ErrorKind) where it would have had to start again
    /// from zero.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(chunk) = self.take() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        match self.poll_download(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            polled => match (self.take(), polled) {
                (Some(chunk), _) => Poll::Ready(Some(Ok(chunk))),
                (None, Poll::Ready(_)) => Poll::Ready(None),
                (None, Poll::Pending) => Poll::Pending,
            },
        }
    }

    /// How long the audio is: known once [`poll_length`](Self::poll_length) was ready, where the storage says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        locked(&self.handover).length.flatten()
    }

    /// What was downloaded: known after the end.
    #[must_use]
    pub const fn downloaded(&self) -> Option<&Downloaded> {
        self.downloaded.as_ref()
    }

    fn take(&self) -> Option<Bytes> {
        locked(&self.handover).ready.take()
    }

    /// Goes on until there is something to hand over.
    fn poll_download(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(download) = &mut self.download else {
            return Poll::Ready(Ok(()));
        };
        let Poll::Ready(result) = download.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.download = None;
        Poll::Ready(result.map(|downloaded| self.downloaded = Some(downloaded)))
    }
}

impl fmt::Debug for AudioChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioChunks")
            .field("length", &self.length())
            .field("is_over", &self.download.is_none())
            .finish_non_exhaustive()
    }
}

/// What lies between a download and its reader, who are one task: whoever polls the reader polls the download.
#[derive(Default)]
struct Handover {
    /// What the storage said of the length, once it has.
    length: Option<Option<u64>>,
    /// Whether the reader has heard the length, and may rely on it.
    is_length_told: bool,
    received: u64,
    /// The last chunk that was received: it may be the file's last, which is not handed over unchecked.
    held: Option<Bytes>,
    ready: Option<Bytes>,
    is_begun: bool,
    /// Why no further byte may be handed over.
    refused: Option<&'static str>,
}

impl Handover {
    fn expect(&mut self, length: Option<u64>) {
        match self.length {
            Some(Some(told)) if self.is_length_told => {
                if length != Some(told) {
                    self.refused = Some("the storage says another length than before");
                }
            }
            _ => self.length = Some(length),
        }
    }

    fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(length);
        if let Some(Some(announced)) = self.length
            && self.received > announced
        {
            self.refused = Some("more came than the storage announced");
        }
        self.check()?;
        if !bytes.is_empty() {
            self.ready = self.held.replace(bytes);
            self.is_begun |= self.ready.is_some();
        }
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        if self.is_begun {
            self.refused =
                Some("it would have to start again, and what was handed over cannot be taken back");
        }
        self.check()?;
        self.received = 0;
        self.held = None;
        Ok(())
    }

    fn commit(&mut self) -> io::Result<()> {
        self.check()?;
        self.ready = self.held.take();
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        match self.refused {
            Some(why) => Err(io::Error::other(why)),
            None => Ok(()),
        }
    }
}

struct HandoverSink(Arc<Mutex<Handover>>);

#[async_trait]
impl Sink for HandoverSink {
    fn expect(&mut self, length: Option<u64>) {
        locked(&self.0).expect(length);
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        locked(&self.0).write(bytes)?;
        // Until it is taken: by the reader, who then polls again, so nobody needs to be woken.
        poll_fn(|_| match locked(&self.0).ready {
            Some(_) => Poll::Pending,
            None => Poll::Ready(Ok(())),
        })
        .await
    }

    async fn restart(&mut self) -> io::Result<()> {
        locked(&self.0).restart()
    }

    async fn commit(&mut self) -> io::Result<()> {
        locked(&self.0).commit()
    }
}

fn locked(handover: &Mutex<Handover>) -> MutexGuard<'_, Handover> {
    handover.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A download into memory.
#[derive(Default)]
struct Memory(Vec<u8>);

#[async_trait]
impl Sink for Memory {
    fn expect(&mut self, length: Option<u64>) {
        /// What is taken on a storage's word alone.
        const MOST: usize = 16 << 20;
        let length = length.map_or(0, |length| usize::try_from(length).unwrap_or(MOST));
        self.0.reserve(length.min(MOST));
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }

    async fn restart(&mut self) -> io::Result<()> {
        self.0.clear();
        Ok(())
    }

    async fn commit(&mut self) -> io::Result<()> {
        Ok(())
    }
}
