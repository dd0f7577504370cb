use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{Body, TransportError, TransportErrorKind};
use tokio::task::coop;

use crate::network::Network;
use crate::transport_error::read_failure;

/// An answer, and what of its body came with the head.
pub(crate) struct Begun {
    pub(crate) response: reqwest::Response,
    chunks: VecDeque<Bytes>,
    end: Option<reqwest::Result<()>>,
}

impl Begun {
    pub(crate) const fn at_head(response: reqwest::Response) -> Self {
        Self {
            response,
            chunks: VecDeque::new(),
            end: None,
        }
    }

    /// Reads on where the connection is read, for as long as that waits for nothing: most answers are short, and a change
    /// of thread for each piece would cost more than all else.
    pub(crate) async fn read_on(response: reqwest::Response) -> Self {
        const MOST: usize = 64 * 1024;
        const CHUNKS: usize = 16;
        /// How often the connection's own task is let go first, which hands over one piece at a time.
        const TURNS: u32 = 4;
        let mut begun = Self::at_head(response);
        let (mut length, mut turns) = (0, 0);
        while begun.end.is_none() && length < MOST && begun.chunks.len() < CHUNKS && turns < TURNS {
            match begun.next().await {
                Poll::Ready(Ok(Some(chunk))) => {
                    length += chunk.len();
                    begun.chunks.push_back(chunk);
                }
                Poll::Ready(Ok(None)) => begun.end = Some(Ok(())),
                Poll::Ready(Err(error)) => begun.end = Some(Err(error)),
                Poll::Pending => {
                    turns += 1;
                    after_others().await;
                }
            }
        }
        begun
    }

    /// The next chunk, if it is here.
    async fn next(&mut self) -> Poll<reqwest::Result<Option<Bytes>>> {
        let mut chunk = pin!(self.response.chunk());
        poll_fn(|context| Poll::Ready(chunk.as_mut().poll(context))).await
    }

    /// The rest of the body.
    pub(crate) fn into_body(self, idle_timeout: Duration, network: Network) -> Box<dyn Body> {
        Box::new(ReqwestBody {
            begun: self,
            idle_timeout,
            _network: network,
        })
    }
}

/// Lets the tasks that are ready go first.
async fn after_others() {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct ReqwestBody {
    begun: Begun,
    idle_timeout: Duration,
    /// The rest is read there.
    _network: Network,
}

#[async_trait]
impl Body for ReqwestBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        // Chunks that are here already must not keep the runtime's thread from everyone else.
        coop::consume_budget().await;
        if let Some(chunk) = self.begun.chunks.pop_front() {
            return Ok(Some(chunk));
        }
        match self.begun.end.take() {
            Some(Ok(())) => {
                self.begun.end = Some(Ok(()));
                return Ok(None);
            }
            Some(Err(error)) => return Err(read_failure(error)),
            None => {}
        }
        match tokio::time::timeout(self.idle_timeout, self.begun.response.chunk()).await {
            Ok(chunk) => chunk.map_err(read_failure),
            Err(elapsed) => Err(TransportError::with_source(
                TransportErrorKind::Timeout,
                elapsed,
            )),
        }
    }
}
