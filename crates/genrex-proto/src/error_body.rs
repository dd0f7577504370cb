use std::fmt;

use serde::Deserialize;

use crate::lenient::optional;
use crate::redact::redact_start;
use crate::{Escaped, Excerpt, redact_urls};

/// What the body of a refusal says, whatever its shape.
///
/// GenreX does not document its error bodies. The service looks like a NestJS application, which
/// answers `{"statusCode":400,"message":"…" or ["…"],"error":"Bad Request"}`; a gateway before it answers
/// plain text, HTML, or nothing. URLs in it are kept without their secrets: see
/// [`redact_urls`](crate::redact_urls).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ErrorBody {
    /// What it says, one entry a message; empty where it says nothing.
    pub messages: Vec<String>,
    /// Its short name for the error, where it has one: `Bad Request`.
    pub error: Option<String>,
    /// How it began.
    pub excerpt: Excerpt,
}

impl ErrorBody {
    /// Reads a body. Every body has a reading: this never fails.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let excerpt = Excerpt::new(body);
        if let Some((messages, error)) = Nest::read(body) {
            return Self {
                messages: messages.iter().map(|text| redact_urls(text)).collect(),
                error: error.map(|error| redact_urls(&error)),
                excerpt,
            };
        }
        let is_cut = body.len() > Excerpt::LIMIT;
        let text = String::from_utf8_lossy(&body[..body.len().min(Excerpt::LIMIT)]);
        let text = redact_start(&text, is_cut);
        let text = match title_of(&text) {
            Some(title) => title,
            None => text.trim(),
        };
        Self {
            messages: Some(text.to_owned())
                .filter(|text| !text.is_empty())
                .into_iter()
                .collect(),
            error: None,
            excerpt,
        }
    }

    /// Whether it speaks of credit: the account has no more to spend, and the same request will be
    /// taken once it has.
    ///
    /// A guess from its words, since no code is documented for it beside the status 402.
    #[must_use]
    pub fn speaks_of_credit(&self) -> bool {
        const WORDS: [&str; 6] = [
            "credit",
            "quota",
            "balance",
            "payment required",
            "insufficient fund",
            "billing",
        ];
        self.messages.iter().chain(&self.error).any(|text| {
            let text = text.to_lowercase();
            WORDS.iter().any(|word| text.contains(word))
        })
    }
}

impl fmt::Display for ErrorBody {
    /// The messages, escaped and joined by `; `, each cut at 240 characters; else the short name; else
    /// `no reason given`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 240;
        if self.messages.is_empty() {
            let name = self.error.as_deref().unwrap_or("no reason given");
            return Escaped(name).fmt(f);
        }
        for (index, message) in self.messages.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match message.char_indices().nth(SHOWN) {
                Some((end, _)) => write!(f, "{}…", Escaped(&message[..end]))?,
                None => Escaped(message).fmt(f)?,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Nest {
    #[serde(default, deserialize_with = "optional")]
    message: Option<Message>,
    #[serde(default, deserialize_with = "optional")]
    detail: Option<String>,
    #[serde(default, deserialize_with = "optional")]
    error: Option<String>,
}

impl Nest {
    /// The messages and the short name, where the body is an object that has either.
    fn read(body: &[u8]) -> Option<(Vec<String>, Option<String>)> {
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let nest: Self = is_object.then(|| serde_json::from_slice(body).ok())??;
        let messages = match nest.message {
            Some(Message::Many(messages)) => messages,
            Some(Message::One(message)) => vec![message],
            None => nest.detail.into_iter().collect(),
        };
        (!messages.is_empty() || nest.error.is_some()).then_some((messages, nest.error))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    One(String),
    Many(Vec<String>),
}

/// The title of an HTML page, which is all that a gateway's page has to say.
fn title_of(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    if !lower.trim_start().starts_with('<') {
        return None;
    }
    let start = lower.find("<title>")? + "<title>".len();
    let end = start + lower[start..].find("</title>")?;
    Some(text[start..end].trim())
}
