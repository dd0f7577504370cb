//! Random submits through a faulty wire, held against the truth, over both transports.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{
    BaseUrl, Body, Cancelled, Client, Now, SendOptions, Settings, Submission, Transport,
    TransportError, block_on,
};
use genrex_ledger::{Entry, Filter, Ledger, Limits, MemoryLedger, State};
use genrex_proto::{
    BalanceRequest, GenerateRequest, Operation as _, Prompt, RetrieveRequest, Seconds,
};
use genrex_sign::{ApiKey, ApiSecret, KeyPair};
use genrex_tests::{Act, FaultServer, Received, Recorder, Stack, answer, json};
use socket2::{Domain, Socket, Type};

use super::{Findings, Setting};

pub(crate) const CONTROLS: &[&str] = &["resent-whatever-went-wrong", "resent-after-529"];

/// One transport for all submits of a kind: what is expensive is to build it.
type Shared = Arc<dyn Transport>;

/// How often each submit was charged, by the server that knows.
type Charges = Arc<Mutex<u32>>;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 400;
    const UNTIL_CAUGHT: u64 = 20_000;
    let most = if setting.bug.is_some() {
        UNTIL_CAUGHT
    } else {
        SHORT
    };
    let submits = setting.cases.unwrap_or(most);
    let mut random = fastrand::Rng::with_seed(setting.seed);
    let mut findings = Findings::default();
    let mut outcomes = [0_u64; 4];
    let transports = Stack::BOTH.map(Stack::transport);
    for submit in 0..submits {
        let which = usize::try_from(submit % 2)?;
        let wire = (Stack::BOTH[which], Arc::clone(&transports[which]));
        let (outcome, found) = one(wire, setting.bug, &mut random)?;
        outcomes[outcome] += 1;
        findings.add(found);
        if setting.bug.is_some() && findings.is_caught() {
            break;
        }
    }
    let [accepted, refused, not_sent, ambiguous] = outcomes;
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = ambiguous as f64 * 100.0 / findings.cases as f64;
    println!(
        "  {accepted} accepted, {refused} refused, {not_sent} not sent, {ambiguous} ambiguous ({share:.1} %)"
    );
    Ok(findings)
}

/// One submit, with a ledger and a wire of its own: which outcome it had, and what is wrong with it.
fn one(
    (stack, inner): (Stack, Shared),
    bug: Option<&'static str>,
    random: &mut fastrand::Rng,
) -> anyhow::Result<(usize, Findings)> {
    let charges = Charges::default();
    let server = FaultServer::start((0..24).map(|_| fate(random, &charges, bug)));
    let closed = ClosedPort::new()?;
    // Now and then nobody listens.
    let url = if random.u8(..) < 10 {
        closed.url()
    } else {
        server.url()
    };
    let keys = KeyPair::new(ApiKey::new("key")?, ApiSecret::new("secret")?);
    let inner: Box<dyn Transport> = match bug {
        Some(bug) => Box::new(Resending {
            inner,
            only_529: bug == "resent-after-529",
        }),
        None => Box::new(inner),
    };
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new());
    let client = Client::seeded(
        Recorder::new(inner),
        BaseUrl::new(&url)?,
        keys,
        Settings::default(),
        random.u64(..),
    )?
    .with_ledger(Arc::clone(&ledger), Limits::default());
    let request = GenerateRequest::new(Prompt::new("music")?, Seconds::MIN);
    let submission = stack.run(client.submit(&request));
    let charged = *charges.lock().unwrap_or_else(PoisonError::into_inner);
    let entries = block_on(ledger.entries(&Filter::default()))?;
    let (outcome, mut findings) = hold(&submission, charged);
    findings.wrong.extend(disagreement(&submission, &entries));
    Ok((outcome, findings))
}

/// What is told of a submit, held against what it was charged.
fn hold(submission: &Submission, charged: u32) -> (usize, Findings) {
    let mut findings = Findings {
        cases: 1,
        doubled: u64::from(charged.saturating_sub(1)),
        ..Findings::default()
    };
    let outcome = match submission {
        Submission::Accepted(_) => 0,
        Submission::Refused(_) => 1,
        Submission::NotSent(_) => 2,
        Submission::Ambiguous(_) => 3,
    };
    match (outcome, charged) {
        (0, 0) => findings
            .wrong
            .push(String::from("accepted, and not charged")),
        (1 | 2, 1..) => findings.lost += 1,
        (3, 1..) => findings.reported += 1,
        _ => {}
    }
    (outcome, findings)
}

/// What is told of a submit, held against what the ledger keeps of it.
fn disagreement(submission: &Submission, entries: &[Entry]) -> Option<String> {
    let kept: Vec<State> = entries.iter().map(|entry| entry.state).collect();
    let agrees = match (submission, entries) {
        (Submission::Accepted(job), [entry]) => {
            entry.state == State::Accepted && entry.query_id.as_ref() == Some(job.id())
        }
        (Submission::Refused(_), [entry]) => entry.state == State::Refused,
        (Submission::Ambiguous(_), [entry]) => entry.state == State::Ambiguous,
        (Submission::NotSent(_), [entry]) => entry.state == State::NotSent,
        // What is refused before it is intended is in no ledger: the balance could not be read.
        (Submission::NotSent(_) | Submission::Refused(_), []) => true,
        _ => false,
    };
    (!agrees).then(|| format!("{submission:?}, and the ledger has {kept:?}"))
}

/// What a connection meets, and whether the service charges for it.
fn fate(random: &mut fastrand::Rng, charges: &Charges, bug: Option<&str>) -> Act {
    const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
    const BALANCE: &str = r#"{"durationLimit":60,"creditQuota":1000,"usedCredit":5,"userId":"user",
        "createdAt":"2024-06-02T11:05:21.826Z","updatedAt":"2024-06-02T11:05:21.826Z"}"#;
    let charges = Arc::clone(charges);
    let charging = random.bool();
    let cut = random.usize(..ACCEPTED.len());
    let refusals = [400, 401, 402, 403, 404, 422];
    let refusal = refusals[random.usize(..refusals.len())];
    let troubles = [303, 408, 409, 500, 502, 503, 504, 529];
    // A bug that only one status shows is not waited for.
    let trouble = match bug {
        Some("resent-after-529") => 529,
        _ => troubles[random.usize(..troubles.len())],
    };
    // The look at the balance, and a poll, which confirms a salvaged id, are answered as by a service that works.
    let make = move |charge: bool, bytes: Vec<u8>| {
        Act::Make(Box::new(move |request: &Received| {
            if request.line.ends_with(RetrieveRequest::PATH) {
                return json(200, ACCEPTED);
            }
            if request.line.ends_with(BalanceRequest::PATH) {
                return json(200, BALANCE);
            }
            *charges.lock().unwrap_or_else(PoisonError::into_inner) += u32::from(charge);
            bytes
        }))
    };
    let half = format!(
        "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{}",
        &ACCEPTED[..cut]
    );
    match random.u8(0..14) {
        0..4 => make(true, json(201, ACCEPTED)),
        4 => Act::Close,
        5 => Act::ResetUnread,
        6 => make(charging, Vec::new()),
        7 => make(charging, b"HTTP/1.1 20".to_vec()),
        8 => make(true, half.into_bytes()),
        9 => make(charging, json(trouble, "{}")),
        10 => make(false, json(refusal, "{}")),
        11 | 12 => make(false, answer(429, &[("Retry-After", "1")], "")),
        _ => make(true, json(200, "<html>")),
    }
}

/// A port on which nobody listens, and which nobody else is given meanwhile.
struct ClosedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ClosedPort {
    fn new() -> anyhow::Result<Self> {
        let bound = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        bound.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        let address = bound.local_addr()?.as_socket();
        Ok(Self {
            address: address.ok_or_else(|| anyhow::anyhow!("no address"))?,
            _bound: bound,
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A planted bug: sends again whatever went wrong, as most clients of such services do, or takes 529 for "later".
struct Resending<T> {
    inner: T,
    only_529: bool,
}

#[async_trait]
impl<T: Transport> Transport for Resending<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let sent = self.inner.send(request.clone(), options).await;
        let is_again = match &sent {
            Ok(response) if self.only_529 => response.status().as_u16() == 529,
            Ok(response) => response.status().is_server_error(),
            Err(_) => !self.only_529,
        };
        if is_again {
            return self.inner.send(request, options).await;
        }
        sent
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}
