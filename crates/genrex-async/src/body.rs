use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{Body, TransportError};
use tokio::task::coop;

use crate::limits::Limits;
use crate::network::Network;
use crate::transport_error::read_failure;

/// An answer: its head, and what of its body came with it.
pub(crate) struct Begun {
    head: http::Response<()>,
    chunks: VecDeque<Bytes>,
    rest: Rest,
}

enum Rest {
    Open(reqwest::Response),
    /// All of it was read. What it was read from is left where the connection is: to let go of it anywhere else
    /// wakes that thread.
    Ended,
    /// It broke off; what is told once.
    Failed(Option<reqwest::Error>),
}

impl Begun {
    pub(crate) fn at_head(mut response: reqwest::Response) -> Self {
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.version_mut() = response.version();
        *head.headers_mut() = std::mem::take(response.headers_mut());
        Self {
            head,
            chunks: VecDeque::new(),
            rest: Rest::Open(response),
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
        while length < MOST && begun.chunks.len() < CHUNKS && turns < TURNS {
            let Rest::Open(response) = &mut begun.rest else {
                break;
            };
            match next(response).await {
                Poll::Ready(Ok(Some(chunk))) => {
                    length += chunk.len();
                    begun.chunks.push_back(chunk);
                }
                Poll::Ready(Ok(None)) => begun.rest = Rest::Ended,
                Poll::Ready(Err(error)) => begun.rest = Rest::Failed(Some(error)),
                Poll::Pending => {
                    turns += 1;
                    after_others().await;
                }
            }
        }
        begun
    }

    /// The head, with a body that is read within these limits.
    pub(crate) fn within(self, limit: Limits, network: Network) -> http::Response<Box<dyn Body>> {
        let (chunks, rest) = (self.chunks, self.rest);
        self.head.map(|()| -> Box<dyn Body> {
            Box::new(ReqwestBody {
                chunks,
                rest,
                limit,
                _network: network,
            })
        })
    }
}

/// The next chunk, if it is here.
async fn next(response: &mut reqwest::Response) -> Poll<reqwest::Result<Option<Bytes>>> {
    let mut chunk = pin!(response.chunk());
    poll_fn(|context| Poll::Ready(chunk.as_mut().poll(context))).await
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
    chunks: VecDeque<Bytes>,
    rest: Rest,
    limit: Limits,
    /// The rest is read there.
    _network: Network,
}

#[async_trait]
impl Body for ReqwestBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        // Chunks that are here already must not keep the runtime's thread from everyone else.
        coop::consume_budget().await;
        if let Some(chunk) = self.chunks.pop_front() {
            return Ok(Some(chunk));
        }
        let response = match &mut self.rest {
            Rest::Open(response) => response,
            Rest::Ended => return Ok(None),
            Rest::Failed(error) => {
                return error
                    .take()
                    .map_or(Ok(None), |error| Err(read_failure(error)));
            }
        };
        match self.limit.hold(response.chunk()).await? {
            Ok(chunk) => Ok(chunk),
            Err(error) => Err(read_failure(error)),
        }
    }
}
