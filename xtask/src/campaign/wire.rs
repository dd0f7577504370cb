//! Random submits through a faulty wire, held against the truth, over both transports.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{
    BaseUrl, Body, Cancelled, Client, Now, SendOptions, Settings, Submission, Transport,
    TransportError,
};
use genrex_proto::{GenerateRequest, Prompt, Seconds};
use genrex_sign::{ApiKey, ApiSecret, KeyPair};
use genrex_tests::{Act, FaultServer, Received, Recorder, Stack, answer, json};

use super::{Findings, Setting};

/// One transport for all submits of a kind: what is expensive is to build it.
type Shared = Arc<dyn Transport>;

/// How often each submit was charged, by the server that knows.
type Charges = Arc<Mutex<u32>>;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 400;
    let submits = setting.cases.unwrap_or(SHORT);
    let mut random = fastrand::Rng::with_seed(setting.seed);
    let mut findings = Findings::default();
    let mut outcomes = [0_u64; 4];
    let transports = Stack::BOTH.map(Stack::transport);
    for submit in 0..submits {
        let which = usize::try_from(submit % 2)?;
        let wire = (Stack::BOTH[which], Arc::clone(&transports[which]));
        one(
            wire,
            setting.control,
            &mut random,
            &mut findings,
            &mut outcomes,
        )?;
    }
    let [accepted, refused, not_sent, ambiguous] = outcomes;
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let share = ambiguous as f64 * 100.0 / submits as f64;
    println!(
        "  {accepted} accepted, {refused} refused, {not_sent} not sent, {ambiguous} ambiguous ({share:.1} %)"
    );
    Ok(findings)
}

fn one(
    (stack, inner): (Stack, Shared),
    planted: bool,
    random: &mut fastrand::Rng,
    findings: &mut Findings,
    outcomes: &mut [u64; 4],
) -> anyhow::Result<()> {
    let charges = Charges::default();
    let server = FaultServer::start((0..8).map(|_| fate(random, &charges)));
    // Now and then nobody listens.
    let url = if random.u8(..) < 10 {
        closed_port()
    } else {
        server.url()
    };
    let keys = KeyPair::new(ApiKey::new("key")?, ApiSecret::new("secret")?);
    let inner: Box<dyn Transport> = if planted {
        Box::new(Resending(inner))
    } else {
        Box::new(inner)
    };
    let client = Client::seeded(
        Recorder::new(inner),
        BaseUrl::new(&url)?,
        keys,
        Settings::default(),
        random.u64(..),
    )?;
    let request = GenerateRequest::new(Prompt::new("music")?, Seconds::MIN);
    let submission = stack.run(client.submit(&request));
    let charged = *charges.lock().unwrap_or_else(PoisonError::into_inner);
    findings.cases += 1;
    findings.doubled += u64::from(charged.saturating_sub(1));
    let place = match (&submission, charged) {
        (Submission::Accepted(_), 0) => {
            findings
                .wrong
                .push(String::from("accepted, and not charged"));
            0
        }
        (Submission::Accepted(_), _) => 0,
        (Submission::Refused(_) | Submission::NotSent(_), 1..) => {
            findings.lost += 1;
            1
        }
        (Submission::Refused(_), 0) => 1,
        (Submission::NotSent(_), 0) => 2,
        (Submission::Ambiguous(_), charged) => {
            findings.reported += u64::from(charged > 0);
            3
        }
    };
    outcomes[place] += 1;
    Ok(())
}

/// What a connection meets, and whether the service charges for it.
fn fate(random: &mut fastrand::Rng, charges: &Charges) -> Act {
    const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
    let charges = Arc::clone(charges);
    let charging = random.bool();
    let cut = random.usize(..ACCEPTED.len());
    let refusals = [400, 401, 402, 403, 404, 422];
    let refusal = refusals[random.usize(..refusals.len())];
    let troubles = [303, 408, 409, 500, 502, 503, 504];
    let trouble = troubles[random.usize(..troubles.len())];
    // A poll, which confirms a salvaged id, is answered as by a service that works.
    let make = move |charge: bool, bytes: Vec<u8>| {
        Act::Make(Box::new(move |request: &Received| {
            if request.line.ends_with("/retrieve") {
                return json(200, ACCEPTED);
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

fn closed_port() -> String {
    FaultServer::start([]).url()
}

/// The control: sends again whatever went wrong, as most clients of such services do.
struct Resending<T>(T);

#[async_trait]
impl<T: Transport> Transport for Resending<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        match self.0.send(request.clone(), options).await {
            Ok(response) if response.status().is_server_error() => {
                self.0.send(request, options).await
            }
            Err(_) => self.0.send(request, options).await,
            response => response,
        }
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.0.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.0.now()
    }
}
