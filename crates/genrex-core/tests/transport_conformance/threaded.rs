use std::future::poll_fn;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{Body, Cancelled, Now, SendOptions, Transport, TransportError};
use http::{Request, Response};

use crate::fault::Fault;
use crate::tiny::Tiny;

type Answer = Result<Response<Box<dyn Body>>, TransportError>;

/// An asynchronous transport: the blocking one, on a thread for each request.
pub(crate) struct Threaded {
    inner: Tiny,
    keeps_dropped: bool,
}

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    waker: Option<Waker>,
    stream: Option<TcpStream>,
    given_up: bool,
}

impl Threaded {
    /// A fault is one of the futures; what carries the requests is right.
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            inner: Tiny::new(None),
            keeps_dropped: fault == Some(Fault::KeepsDropped),
        }
    }
}

#[async_trait]
impl Transport for Threaded {
    async fn send(&self, request: Request<Bytes>, options: SendOptions) -> Answer {
        let state = Arc::new(Mutex::new(State::default()));
        let (inner, shared) = (self.inner.clone(), Arc::clone(&state));
        std::thread::spawn(move || {
            let watch = |stream: &TcpStream| {
                let mut state = shared.lock().unwrap();
                state.stream = stream.try_clone().ok();
                if state.given_up {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            };
            let answer = inner.run(&request, options, &watch);
            let mut state = shared.lock().unwrap();
            state.stream = None;
            state.answer = Some(answer);
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        });
        let exchange = Exchange {
            state,
            keeps_dropped: self.keeps_dropped,
        };
        poll_fn(|context| {
            let mut state = exchange.state.lock().unwrap();
            state.waker = Some(context.waker().clone());
            state.answer.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

/// Ends what its thread does when it is dropped.
struct Exchange {
    state: Arc<Mutex<State>>,
    keeps_dropped: bool,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.keeps_dropped {
            return;
        }
        let mut state = self.state.lock().unwrap();
        state.given_up = true;
        if let Some(stream) = &state.stream {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
