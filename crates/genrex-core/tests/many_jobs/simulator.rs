//! Time that passes only when every future waits, and a network on which requests take time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::{SIGNATURE_HEADER, SignatureHeader, UnixMillis};
use genrex_core::{
    Body, Cancelled, Moment, Now, Route, SendOptions, Transport, TransportError, TransportErrorKind,
};

/// When it all begins, by the wall clock in milliseconds.
pub(crate) const START: u64 = 1_717_574_785_354;

/// A request that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) at: Duration,
    pub(crate) t: u64,
    /// The number of the job that was asked after; none in another request.
    pub(crate) job: Option<u64>,
    pub(crate) is_paid: bool,
}

/// What a request is answered with.
pub(crate) struct Reply {
    status: u16,
    retry_after: Option<&'static str>,
    body: Bytes,
    after: Duration,
}

impl Reply {
    fn new(status: u16, body: impl Into<Bytes>, after: Duration) -> Self {
        Self {
            status,
            retry_after: None,
            body: body.into(),
            after,
        }
    }

    pub(crate) fn about(job: u64, is_over: bool, after: Duration) -> Self {
        let id = format!("QRY_{job}");
        let body = match is_over {
            true => format!(
                r#"{{"id":"{id}","status":"Completed","response":[{{"content":[{{"url":"https://a.example/1.wav"}}]}}]}}"#
            ),
            false => format!(r#"{{"id":"{id}","status":"Processing"}}"#),
        };
        Self::new(200, body, after)
    }

    pub(crate) fn accepted(after: Duration) -> Self {
        let body = r#"{"id":"QRY_bought","status":"Processing"}"#;
        Self::new(201, body, after)
    }

    pub(crate) fn balance(after: Duration) -> Self {
        let body = r#"{"totalCreditQuota":1000,"creditsUsed":5,"userId":"u"}"#;
        Self::new(200, body, after)
    }

    pub(crate) fn later(retry_after: &'static str, after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(429, "", after)
        }
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(503, "", Duration::from_millis(1))
    }

    /// A refusal that is longer than is read of one.
    pub(crate) fn long_refusal() -> Self {
        Self::new(503, vec![b' '; 8 << 10], Duration::ZERO)
    }

    /// Not within any limit.
    pub(crate) fn never() -> Self {
        Self::new(200, "", Duration::MAX)
    }
}

/// How many requests are in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) api: usize,
    pub(crate) paid: usize,
}

/// A transport over the simulated network; a clone is of the same one.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<State>>);

type Service = Box<dyn FnMut(&Asked) -> Reply + Send>;

struct State {
    elapsed: Duration,
    timers: BinaryHeap<Reverse<Timer>>,
    timer_count: u64,
    service: Service,
    sent: Vec<Asked>,
    in_flight: InFlight,
    most: InFlight,
}

struct Timer {
    at: Duration,
    number: u64,
    waker: Waker,
}

impl Timer {
    const fn key(&self) -> (Duration, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Wire {
    pub(crate) fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// Makes room in the log, so that it is not counted where memory is.
    pub(crate) fn expect(&self, requests: usize) {
        self.state().sent.reserve(requests);
    }

    pub(crate) fn sent(&self) -> Vec<Asked> {
        self.state().sent.clone()
    }

    pub(crate) fn most_in_flight(&self) -> InFlight {
        self.state().most
    }

    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        let InFlight { api, paid } = self.state().in_flight;
        api + paid
    }

    /// Lets so much time pass.
    pub(crate) async fn pause(&self, duration: Duration) {
        let until = self.elapsed().saturating_add(duration);
        let mut is_set = false;
        poll_fn(|context| {
            let mut state = self.state();
            if state.elapsed >= until {
                return Poll::Ready(());
            }
            if !is_set {
                is_set = true;
                state.timer_count += 1;
                let number = state.timer_count;
                state.timers.push(Reverse(Timer {
                    at: until,
                    number,
                    waker: context.waker().clone(),
                }));
            }
            Poll::Pending
        })
        .await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let is_paid = options.route == Route::Paid;
        let (reply, on_its_way) = self.begin(&request, is_paid);
        let limit = options.idle_timeout.min(options.total_timeout);
        if reply.after >= limit {
            self.pause(limit).await;
            return Err(TransportError::new(TransportErrorKind::Timeout));
        }
        self.pause(reply.after).await;
        let mut head = http::Response::builder().status(reply.status);
        if let Some(after) = reply.retry_after {
            head = head.header("retry-after", after);
        }
        let body: Box<dyn Body> = Box::new(Chunk {
            body: Some(reply.body),
            _on_its_way: on_its_way,
        });
        Ok(head.body(body).unwrap())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.pause(duration).await;
        Ok(())
    }

    fn now(&self) -> Now {
        let elapsed = self.elapsed();
        let millis = u64::try_from(elapsed.as_millis()).unwrap();
        Now::new(Moment::new(elapsed), UnixMillis::new(START + millis))
    }
}

impl Wire {
    fn begin(&self, request: &http::Request<Bytes>, is_paid: bool) -> (Reply, OnItsWay) {
        let mut state = self.state();
        let state = &mut *state;
        let header = request.headers()[SIGNATURE_HEADER].to_str().unwrap();
        let body = std::str::from_utf8(request.body()).unwrap();
        let id = body.split('"').find_map(|word| word.strip_prefix("QRY_"));
        let asked = Asked {
            at: state.elapsed,
            t: header.parse::<SignatureHeader>().unwrap().timestamp().get(),
            job: id.and_then(|number| number.parse().ok()),
            is_paid,
        };
        let reply = (state.service)(&asked);
        state.sent.push(asked);
        let count = count(&mut state.in_flight, is_paid);
        *count += 1;
        state.most = InFlight {
            api: state.most.api.max(state.in_flight.api),
            paid: state.most.paid.max(state.in_flight.paid),
        };
        let wire = self.clone();
        (reply, OnItsWay { wire, is_paid })
    }
}

const fn count(of: &mut InFlight, is_paid: bool) -> &mut usize {
    match is_paid {
        true => &mut of.paid,
        false => &mut of.api,
    }
}

/// Counts a request until its answer is read or given up.
struct OnItsWay {
    wire: Wire,
    is_paid: bool,
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        *count(&mut self.wire.state().in_flight, self.is_paid) -= 1;
    }
}

struct Chunk {
    body: Option<Bytes>,
    _on_its_way: OnItsWay,
}

#[async_trait]
impl Body for Chunk {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(self.body.take().filter(|body| !body.is_empty()))
    }
}

/// Runs futures on one thread, and lets time pass when all of them wait.
pub(crate) struct Simulator {
    wire: Wire,
    tasks: Vec<Option<Task>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

struct Ready {
    number: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().push_back(self.number);
    }
}

impl Simulator {
    pub(crate) fn new(service: impl FnMut(&Asked) -> Reply + Send + 'static) -> (Self, Wire) {
        let wire = Wire(Arc::new(Mutex::new(State {
            elapsed: Duration::ZERO,
            timers: BinaryHeap::new(),
            timer_count: 0,
            service: Box::new(service),
            sent: Vec::new(),
            in_flight: InFlight::default(),
            most: InFlight::default(),
        })));
        let simulator = Self {
            wire: wire.clone(),
            tasks: Vec::new(),
            ready: Arc::default(),
        };
        (simulator, wire)
    }

    pub(crate) fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        let number = self.tasks.len();
        let ready = Arc::clone(&self.ready);
        self.tasks.push(Some(Task {
            future: Box::pin(future),
            waker: Arc::new(Ready { number, ready }).into(),
        }));
        self.ready.lock().unwrap().push_back(number);
    }

    /// Runs until all are done, and says how often one was polled.
    pub(crate) fn run(&mut self) -> u64 {
        let mut polls = 0;
        loop {
            while let Some(number) = self.next() {
                let Some(task) = &mut self.tasks[number] else {
                    continue;
                };
                polls += 1;
                let mut context = Context::from_waker(&task.waker);
                if task.future.as_mut().poll(&mut context).is_ready() {
                    self.tasks[number] = None;
                }
            }
            if !self.advance() {
                break;
            }
        }
        let left = self.tasks.iter().flatten().count();
        assert_eq!(left, 0, "so many wait for what never comes");
        polls
    }

    fn next(&self) -> Option<usize> {
        self.ready.lock().unwrap().pop_front()
    }

    /// To the next moment at which anyone is to be woken.
    fn advance(&self) -> bool {
        let mut state = self.wire.state();
        let Some(Reverse(first)) = state.timers.pop() else {
            return false;
        };
        state.elapsed = state.elapsed.max(first.at);
        drop(state);
        first.waker.wake();
        true
    }
}

/// What a future comes to, unless another is ready first: then it is dropped.
pub(crate) async fn until<T>(
    future: impl Future<Output = T>,
    end: impl Future<Output = ()>,
) -> Option<T> {
    let (mut future, mut end) = (pin!(future), pin!(end));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}
