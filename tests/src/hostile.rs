//! What a hostile or broken server does, as a table: each behaviour takes the place of one answer of a service that is
//! honest otherwise, and says how a whole job is to end: look, submit, poll, download.

mod audio;
mod bodies;
mod heads;
mod polls;
mod statuses;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use genrex_core::ErrorKind;

use crate::fault::Choose;
use crate::{Act, FaultServer, Received, answer, json};

/// The one job's id.
pub const ID: &str = "QRY_1";
/// The signature of the one link: a secret while the link lives.
pub const LINK_SECRET: &str = "presigned-s3cr3t";

const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

/// Something that a server does.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// What it is, in words.
    pub name: &'static str,
    /// Whose answer it takes the place of.
    pub at: Stage,
    /// To how many requests it is the answer; further ones are answered honestly.
    pub times: usize,
    /// What is done with a request.
    pub act: fn(&Received) -> Act,
    /// How the whole job ends. A whole id that stands in an answer that is broken is asked after, and the honest
    /// service knows it: so some of those end well.
    pub expected: Result<(), ErrorKind>,
    /// Whether nothing but a time-out ends it, over one transport at least. A submit's takes a minute.
    pub is_endless: bool,
}

/// A step of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `getBalance`.
    Look,
    /// `generateMusic`, which is paid.
    Submit,
    /// `retrieve`.
    Poll,
    /// The download.
    Audio,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Behaviour> {
    [
        statuses::ALL,
        heads::ALL,
        bodies::ALL,
        polls::ALL,
        audio::ALL,
    ]
    .concat()
}

const fn always(
    at: Stage,
    name: &'static str,
    act: fn(&Received) -> Act,
    expected: Result<(), ErrorKind>,
) -> Behaviour {
    Behaviour {
        name,
        at,
        times: usize::MAX,
        act,
        expected,
        is_endless: false,
    }
}

impl Behaviour {
    const fn once(self) -> Self {
        Self { times: 1, ..self }
    }

    const fn endless(self) -> Self {
        Self {
            is_endless: true,
            ..self
        }
    }

    /// Starts a service that behaves so.
    #[must_use]
    pub fn start(self) -> FaultServer {
        const MOST_CONNECTIONS: usize = 1_000;
        let count = Arc::new(AtomicUsize::new(0));
        let choose: Choose = Arc::new(move |request: &Received| {
            let is_hostile = Stage::of(request) == Some(self.at)
                && count.fetch_add(1, Ordering::Relaxed) < self.times;
            if is_hostile {
                (self.act)(request)
            } else {
                Act::Write(honest(request))
            }
        });
        FaultServer::start((0..MOST_CONNECTIONS).map(move |_| Act::Route(Arc::clone(&choose))))
    }
}

impl Stage {
    /// Which step a request belongs to.
    #[must_use]
    pub fn of(request: &Received) -> Option<Self> {
        let line = request.line.as_str();
        match line.rsplit('/').next() {
            Some("getBalance") => Some(Self::Look),
            Some("generateMusic") => Some(Self::Submit),
            Some("retrieve") => Some(Self::Poll),
            _ => line.starts_with("GET ").then_some(Self::Audio),
        }
    }
}

fn honest(request: &Received) -> Vec<u8> {
    match Stage::of(request) {
        Some(Stage::Look) => json(
            200,
            r#"{"creditQuota":1000,"usedCredit":0,"userId":"hostile"}"#,
        ),
        Some(Stage::Submit) => json(201, ACCEPTED),
        Some(Stage::Poll) => json(200, &ready(&link(request))),
        Some(Stage::Audio) => audio::honest(request),
        None => answer(404, &[], ""),
    }
}

/// A job that is done, with its audio at a link.
fn ready(link: &str) -> String {
    format!(
        r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":{{"url":"{link}"}}}}]}}"#
    )
}

/// The link that an honest service gives.
fn link(request: &Received) -> String {
    format!("{}/audio/1.wav?Signature={LINK_SECRET}", origin(request))
}

/// The server's own, as the request names it.
fn origin(request: &Received) -> String {
    format!("http://{}", request.header("host").unwrap_or_default())
}

fn write(answer: impl AsRef<[u8]>) -> Act {
    Act::Write(answer.as_ref().to_vec())
}

/// A head of one's own, with a body of this text.
fn with_head(head: &str, body: &str) -> Act {
    write(format!("{head}\r\nConnection: close\r\n\r\n{body}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_a_hundred_and_each_has_its_name() {
        let all = all();
        let names: BTreeSet<_> = all.iter().map(|behaviour| behaviour.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 100, "{}", all.len());
    }
}
