use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_proto::{BalanceRequest, GenerateRequest, Operation, RetrieveRequest};
use genrex_sign::{ApiKey, ApiSecret, KEY_HEADER, SIGNATURE_HEADER, UnixMillis, Verifier};
use http::header::{ALLOW, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::account::SandboxAccount;
use crate::answer::{asset, balance, generation, refusal, respond};
use crate::history::{Cause, Happening};
use crate::incident::Trouble;
use crate::job::{Job, Stage};
use crate::options::Options;
use crate::piece::Pieces;
use crate::random::Random;
use crate::reply::Reply;
use crate::storage::{Link, serve};

/// The sandbox's whole behaviour, as a function of a request and a time.
///
/// It reads no clock and opens nothing, so a test can put years between two requests.
#[derive(Debug)]
pub struct Service {
    options: Options,
    /// The first one signs the links.
    keys: Vec<(ApiKey, ApiSecret)>,
    /// Where its assets lie: `http://127.0.0.1:PORT`.
    storage_origin: String,
    random: Random,
    account: SandboxAccount,
    /// How many submits were well formed.
    submits: u64,
    jobs: HashMap<String, Arc<Job>>,
    /// Which job an asset is of.
    assets: HashMap<String, Arc<Job>>,
    pieces: Pieces,
}

/// Answers one operation: its body, and the time.
type Handler = fn(&mut Service, &Value, UnixMillis) -> Reply;

impl Service {
    /// A service that begins at `now`, whose links point to `storage_origin`.
    ///
    /// # Errors
    ///
    /// If the options' key or secret is no credential.
    pub fn new(
        options: Options,
        storage_origin: String,
        now: UnixMillis,
    ) -> Result<Self, genrex_sign::Error> {
        let mut random = Random::seeded(options.seed);
        let user_id = user_id(&mut random);
        let mut keys = vec![key_pair(&options.api_key, &options.api_secret)?];
        for (key, secret) in &options.other_keys {
            keys.push(key_pair(key, secret)?);
        }
        let began = ahead(now, options.clock_offset);
        Ok(Self {
            keys,
            account: SandboxAccount::new(&options, user_id, began.get()),
            submits: 0,
            storage_origin,
            random,
            jobs: HashMap::new(),
            assets: HashMap::new(),
            pieces: Pieces::new(options.seed),
            options,
        })
    }

    /// Answers a request to the API.
    pub fn handle(&mut self, request: &Request<Bytes>, now: UnixMillis) -> Response<Bytes> {
        self.reply(request, now).whole()
    }

    /// Answers a request to the storage.
    pub fn handle_storage(&mut self, request: &Request<Bytes>, now: UnixMillis) -> Response<Bytes> {
        self.storage_reply(request, now).whole()
    }

    /// [`handle`](Self::handle), but for the music: it takes microseconds.
    pub(crate) fn reply(&mut self, request: &Request<Bytes>, now: UnixMillis) -> Reply {
        let now = self.time(now);
        self.account.settle(now.get());
        let reply = self.route(request, now);
        reply.map(move |response| dated(response, now))
    }

    /// [`handle_storage`](Self::handle_storage), but for the music.
    pub(crate) fn storage_reply(&mut self, request: &Request<Bytes>, now: UnixMillis) -> Reply {
        let now = self.time(now);
        let reply = match Link::read(request.uri(), &self.keys[0].1, now) {
            Err(refusal) => Reply::Ready(*refusal),
            Ok(link) => match self.assets.get(&link.asset_id) {
                None => Reply::Ready(Link::missing()),
                Some(job) => {
                    let piece = self.pieces.asked(&job.text, job.seconds);
                    let (method, headers) = (request.method().clone(), request.headers().clone());
                    Reply::of(piece, move |audio| serve(&method, &headers, audio))
                }
            },
        };
        reply.map(move |response| dated(response, now))
    }

    /// How many credits are used at a time: the truth that a client's claims can be held against.
    pub fn credits_used(&mut self, now: UnixMillis) -> u64 {
        let now = self.time(now);
        self.account.settle(now.get());
        self.account.used
    }

    /// What happened up to a time: the truth that a client's claims can be held against.
    pub fn history(&mut self, now: UnixMillis) -> &[Happening] {
        let now = self.time(now);
        self.account.settle(now.get());
        &self.account.history
    }

    /// The jobs that were accepted, and those that will be after a 504, by id and prompt: the truth that a client's
    /// claims can be held against.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &str)> {
        let jobs = self.jobs.values();
        jobs.map(|job| (job.id.as_str(), job.text.as_str()))
    }

    /// How many jobs were accepted: the truth that a client's claims can be held against.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.jobs.len()
    }

    fn route(&mut self, request: &Request<Bytes>, now: UnixMillis) -> Reply {
        let path = request.uri().path();
        let handler: Option<Handler> = match path {
            GenerateRequest::PATH => Some(Self::generate),
            RetrieveRequest::PATH => Some(Self::retrieve),
            BalanceRequest::PATH => Some(Self::balance),
            _ => None,
        };
        let (Some(handle), &Method::POST) = (handler, request.method()) else {
            let message = format!("Cannot {} {path}", request.method());
            let mut refused = refusal(StatusCode::NOT_FOUND, message);
            if handler.is_some() {
                refused
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static("POST"));
            }
            return refused.into();
        };
        if let Err(message) = self.authenticate(request, now) {
            return refusal(StatusCode::UNAUTHORIZED, message).into();
        }
        let Ok(body) = serde_json::from_slice::<Value>(request.body()) else {
            return refusal(StatusCode::BAD_REQUEST, "the body is not JSON").into();
        };
        handle(self, &body, now)
    }

    /// Whether a request's key and signature are good, and what is wrong with them if not.
    pub(crate) fn verdict(&self, request: &Request<Bytes>, now: UnixMillis) -> Result<(), String> {
        self.authenticate(request, self.time(now))
    }

    fn authenticate(&self, request: &Request<Bytes>, now: UnixMillis) -> Result<(), String> {
        let header = |name: &str| {
            let value = request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.ok_or_else(|| format!("{name} is missing"))
        };
        let key = header(KEY_HEADER)?;
        let known = self.keys.iter().find(|(own, _)| own.as_str() == key);
        let Some((_, secret)) = known else {
            return Err(String::from("the API key is not known"));
        };
        Verifier::new(self.options.tolerance)
            .verify(secret, header(SIGNATURE_HEADER)?, request.body(), now)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn generate(&mut self, body: &Value, now: UnixMillis) -> Reply {
        let (text, seconds) = match self.wanted(body) {
            Ok(wanted) => wanted,
            Err(messages) => return refusal(StatusCode::BAD_REQUEST, messages).into(),
        };
        self.submits += 1;
        let now = now.get();
        let cost = self.price(seconds);
        if !self.account.has(cost) {
            return refusal(StatusCode::PAYMENT_REQUIRED, "Insufficient credits").into();
        }
        let trouble = self.trouble();
        if trouble == Some(Trouble::ChargedRefusal) {
            let credits = i64::try_from(cost).unwrap_or(i64::MAX);
            self.account.move_now(Cause::Refusal, credits, now);
            return later().into();
        }
        let taken_at = match trouble {
            Some(Trouble::TakenLater(later)) => now.saturating_add(millis(later)),
            Some(Trouble::SeeOther | Trouble::ChargedRefusal | Trouble::Others(_)) | None => now,
        };
        let told = !matches!(trouble, Some(Trouble::SeeOther | Trouble::TakenLater(_)));
        let job = self.begin(text, seconds, cost, taken_at);
        self.account.take(&job, told, now);
        self.account.settle(now);
        if let Some(Trouble::Others(credits)) = trouble {
            self.account.move_now(Cause::Others, credits, now);
        }
        let answer = match trouble {
            Some(Trouble::SeeOther) => see_other(),
            Some(Trouble::TakenLater(_)) => refusal(StatusCode::GATEWAY_TIMEOUT, "Gateway Timeout"),
            Some(Trouble::Others(_) | Trouble::ChargedRefusal) | None => {
                let as_submitted = now.min(job.over_at.saturating_sub(1));
                let answer = generation(&job, &self.account.user_id, as_submitted, None);
                respond(StatusCode::CREATED, &answer)
            }
        };
        let made = (!job.fails).then(|| self.pieces.ahead(&job.text, job.seconds));
        match made.flatten() {
            Some(piece) => Reply::Ahead(answer, piece),
            None => Reply::Ready(answer),
        }
    }

    /// What a piece costs now.
    fn price(&self, seconds: u8) -> u64 {
        let taken = u64::try_from(self.jobs.len()).unwrap_or(u64::MAX);
        let change = self.options.price_change.as_ref();
        let changed = change.filter(|change| taken >= change.after);
        changed
            .map_or(self.options.price, |change| change.price)
            .of(seconds)
    }

    /// What happens at this submit beside what always does.
    fn trouble(&self) -> Option<Trouble> {
        let incidents = self.options.incidents.iter();
        let mut own = incidents.filter(|incident| incident.submit == self.submits);
        own.next().map(|incident| incident.what)
    }

    fn begin(&mut self, text: String, seconds: u8, cost: u64, taken_at: u64) -> Arc<Job> {
        let job = Arc::new(Job {
            id: format!("QRY_{}", self.random.name(24)),
            asset_id: format!("RSP_{}", self.random.name(24)),
            fails: Job::is_to_fail(&text),
            text,
            seconds,
            cost,
            created_at: taken_at,
            over_at: taken_at.saturating_add(millis(self.options.render_time)),
        });
        self.assets.insert(job.asset_id.clone(), Arc::clone(&job));
        self.jobs.insert(job.id.clone(), Arc::clone(&job));
        job
    }

    /// What a body asks for, or everything that is wrong with it.
    fn wanted(&self, body: &Value) -> Result<(String, u8), Vec<String>> {
        const SHORTEST: u64 = 5;
        const LONGEST_TEXT: usize = 250;
        let longest = u64::from(self.options.max_duration);
        let mut wrong = Vec::new();
        let seconds = body["duration"].as_u64();
        match seconds {
            None => wrong.push(String::from("duration must be an integer number")),
            Some(given) if given < SHORTEST => {
                wrong.push(format!("duration must not be less than {SHORTEST}"));
            }
            Some(given) if given > longest => {
                wrong.push(format!("duration must not be greater than {longest}"));
            }
            Some(_) => {}
        }
        let text = body["text"].as_str();
        match text.map(|text| text.chars().count()) {
            None => wrong.push(String::from("text must be a string")),
            Some(0) => wrong.push(String::from("text should not be empty")),
            Some(1..=LONGEST_TEXT) => {}
            Some(_) => wrong.push(format!(
                "text must be shorter than or equal to {LONGEST_TEXT} characters"
            )),
        }
        match (text, seconds.and_then(|seconds| u8::try_from(seconds).ok())) {
            (Some(text), Some(seconds)) if wrong.is_empty() => Ok((text.to_owned(), seconds)),
            _ => Err(wrong),
        }
    }

    fn retrieve(&mut self, body: &Value, now: UnixMillis) -> Reply {
        let Some(id) = body["queryId"].as_str() else {
            return refusal(StatusCode::BAD_REQUEST, vec!["queryId must be a string"]).into();
        };
        let taken = |job: &&Arc<Job>| job.created_at <= now.get();
        let Some(job) = self.jobs.get(id).filter(taken).cloned() else {
            return refusal(StatusCode::NOT_FOUND, "the query id is not known").into();
        };
        let user_id = &self.account.user_id;
        if job.stage(now.get()) != Stage::Completed {
            let answer = generation(&job, user_id, now.get(), None);
            return respond(StatusCode::OK, &answer).into();
        }
        let link = Link {
            asset_id: job.asset_id.clone(),
            made_at: job.over_at,
        };
        let lifetime = self.options.link_lifetime;
        let url = link.url(&self.storage_origin, &self.keys[0].1, now, lifetime);
        let (user_id, dialect) = (user_id.clone(), self.options.dialect);
        let piece = self.pieces.asked(&job.text, job.seconds);
        Reply::of(piece, move |audio| {
            let asset = asset(&job, &url, &audio.waveform, dialect);
            let answer = generation(&job, &user_id, now.get(), Some(asset));
            respond(StatusCode::OK, &answer)
        })
    }

    fn balance(&mut self, _body: &Value, now: UnixMillis) -> Reply {
        self.account.look(now.get());
        let Options {
            max_duration,
            dialect,
            ..
        } = self.options;
        respond(
            StatusCode::OK,
            &balance(&self.account, max_duration, dialect),
        )
        .into()
    }

    /// The time on its own clock.
    fn time(&self, now: UnixMillis) -> UnixMillis {
        ahead(now, self.options.clock_offset)
    }
}

fn ahead(now: UnixMillis, offset: i64) -> UnixMillis {
    UnixMillis::new(now.get().saturating_add_signed(offset))
}

fn key_pair(key: &str, secret: &str) -> Result<(ApiKey, ApiSecret), genrex_sign::Error> {
    Ok((ApiKey::new(key)?, ApiSecret::new(secret)?))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A 429.
fn later() -> Response<Bytes> {
    let mut refused = refusal(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
    refused
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    refused
}

/// A 303 to nowhere in particular.
fn see_other() -> Response<Bytes> {
    let mut answer = refusal(StatusCode::SEE_OTHER, "See Other");
    answer
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static("/"));
    answer
}

/// Every answer says what time it is, so that a client can learn that its own clock is wrong.
fn dated(mut response: Response<Bytes>, now: UnixMillis) -> Response<Bytes> {
    let time = std::time::UNIX_EPOCH + Duration::from_millis(now.get());
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(time)) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

/// In the form of a version 4 UUID.
fn user_id(random: &mut Random) -> String {
    let digits = hex::encode([random.next().to_be_bytes(), random.next().to_be_bytes()].concat());
    format!(
        "{}-{}-4{}-a{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

#[cfg(test)]
mod tests;
