//! What a value on the command line means.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use genrex_async::{BaseUrl, QueryId, Seconds};
use genrex_cli::template::{Template, other_format};
use genrex_ledger::{LocalId, State};
use genrex_sandbox::Dialect;

use super::JobName;

/// With the names, so that a shell can complete them.
pub(super) fn dialect() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(["quick-start", "reference"]).try_map(|name| name.parse::<Dialect>())
}

/// The same of the states of a job.
pub(super) fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::as_str)).try_map(|name| name.parse::<State>())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let positive = parsed.and_then(|duration| Duration::try_from(duration).ok());
    positive
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| String::from("write a time with its unit, such as 500ms, 5s or 10m"))
}

/// A time either way, in milliseconds.
pub(super) fn signed_millis(text: &str) -> Result<i64, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok();
    let millis = parsed.and_then(|time| i64::try_from(time.as_millis()).ok());
    millis.ok_or_else(|| String::from("write a time with its unit, such as 25h or -90s"))
}

/// A time, in milliseconds since 1970.
pub(super) fn instant(text: &str) -> Result<u64, String> {
    let parsed = text.parse::<jiff::Timestamp>().ok();
    let millis = parsed.and_then(|time| u64::try_from(time.as_millisecond()).ok());
    millis.ok_or_else(|| String::from("write a time such as 2026-11-23T10:00:00Z"))
}

pub(super) fn seconds(text: &str) -> Result<Seconds, String> {
    let number = text
        .parse()
        .map_err(|_| String::from("write whole seconds, from 5 to 60"))?;
    Seconds::new(number).map_err(|error| error.to_string())
}

/// A name with fields for the files of a batch.
pub(super) fn template(text: &str) -> Result<Template, String> {
    match other_format(text) {
        Some(other) => Err(format!(
            "it would not hold {other} but WAV; end it with .wav"
        )),
        None => Template::new(text),
    }
}

/// An id has a letter in it.
pub(super) fn job_name(text: &str) -> Result<JobName, String> {
    match text.parse::<LocalId>() {
        Ok(number) => Ok(JobName::Number(number)),
        Err(_) => query_id(text).map(JobName::Id),
    }
}

pub(super) fn query_id(text: &str) -> Result<QueryId, String> {
    QueryId::new(text).map_err(|error| error.to_string())
}

pub(super) fn base_url(text: &str) -> Result<BaseUrl, String> {
    BaseUrl::new(text).map_err(|error| error.to_string())
}
