//! What may be a secret in a URL, hidden.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Escaped;

/// Hides the query, the fragment and the user of every URL in a text: each is shown as `…`.
///
/// Whoever has a presigned link can use it, so none of it may reach a log. What is shown of a link is
/// where it leads: scheme, host and path.
///
/// The text may be a URL, a sentence, HTML, XML or JSON, cut or broken. A URL is taken to reach up to
/// white space, a control character, `"`, `<`, `>` or a backquote, and its `:`, `/`, `?`, `#` and `@` may be
/// written as they are, percent-encoded (more than once, too), as JSON escapes or as numeric HTML
/// entities. A reference without scheme and host counts if it has a query with a `=`. Where it is not
/// clear how far a secret reaches, more is hidden than needed.
///
/// ```
/// use genrex_proto::redact_urls;
///
/// assert_eq!(
///     redact_urls("<a href=\"HTTPS://me:pw@a.example/1.wav?X-Amz-Signature=1f#t\">here</a>"),
///     "<a href=\"HTTPS://…@a.example/1.wav?…\">here</a>",
/// );
/// assert_eq!(redact_urls("Is it there? Yes."), "Is it there? Yes.");
/// ```
#[must_use]
pub fn redact_urls(text: &str) -> String {
    redact_start(text, false)
}

/// [`redact_urls`] for a text that may be the start of a longer one, cut anywhere: so the last word may
/// be a user whose `@` was cut off.
pub(crate) fn redact_start(text: &str, is_cut: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut word: Vec<Letter<'_>> = Vec::new();
    for letter in Letters(text) {
        if letter.is_delimiter() {
            redact_word(&word, false, false, &mut shown);
            word.clear();
            shown.push_str(letter.text);
        } else {
            word.push(letter);
        }
    }
    redact_word(&word, false, is_cut, &mut shown);
    shown
}

/// Drops the query, the fragment and the user of a URL, so that what is left is a URL.
///
/// ```
/// use genrex_proto::bare_url;
///
/// let link = "https://me:pw@a.example/1.wav?X-Amz-Signature=1f#t";
/// assert_eq!(bare_url(link), "https://a.example/1.wav");
/// ```
#[must_use]
pub fn bare_url(url: &str) -> String {
    let end_at = |marks: &[char], text: &str| text.find(marks).unwrap_or(text.len());
    let bare = &url[..end_at(&['?', '#'], url)];
    let Some((scheme, rest)) = bare.split_once("//") else {
        // It names no host, so it is no asset's URL; it may be an encoded one.
        let mut shown = String::new();
        let word: Vec<_> = Letters(bare).collect();
        redact_word(&word, true, false, &mut shown);
        return shown;
    };
    let rest = rest.trim_start_matches(['/', '\\']);
    let (authority, path) = rest.split_at(end_at(&['/', '\\'], rest));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{host}{path}")
}

/// Serialises an asset's URL without what makes it a secret.
pub(crate) fn serialize_url<S: Serializer>(
    url: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    url.as_deref().map(bare_url).serialize(serializer)
}

/// Serialises unknown fields, the URLs in their values redacted.
pub(crate) fn serialize_fields<S: Serializer>(
    fields: &Map<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = fields.iter();
    serializer.collect_map(fields.map(|(name, value)| (name, redact_value(value))))
}

/// Serialises a value of unknown shape, the URLs in it redacted.
pub(crate) fn serialize_value<S: Serializer>(
    value: &Value,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    redact_value(value).serialize(serializer)
}

/// Writes what a server answered as its JSON, escaped and without a secret: the `Debug` of answers.
pub(crate) fn debug_json(
    name: &str,
    answer: &impl Serialize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let answer = serde_json::to_value(answer).map_err(|_| fmt::Error)?;
    let json = if f.alternate() {
        format!("{answer:#}")
    } else {
        answer.to_string()
    };
    f.write_str(name)?;
    for (index, line) in json.lines().enumerate() {
        let before = if index == 0 { " " } else { "\n" };
        write!(f, "{before}{}", Escaped(&redact_urls(line)))?;
    }
    Ok(())
}

fn redact_value(value: &Value) -> Value {
    match value {
        Value::String(text) => redact_urls(text).into(),
        Value::Array(values) => values.iter().map(redact_value).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), redact_value(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What is shown in place of a secret.
const HIDDEN: &str = "…";

/// Shows a run of letters without a delimiter. It is known to be a URL, or becomes one where two slashes
/// begin a host.
fn redact_word(word: &[Letter<'_>], mut is_url: bool, is_cut: bool, shown: &mut String) {
    let last = |is: fn(char) -> bool| word.iter().rposition(|letter| is(letter.value));
    let last_equals = last(|value| value == '=');
    let last_alphanumeric = last(char::is_alphanumeric);
    let mut at = 0;
    while let Some(letter) = word.get(at) {
        shown.push_str(letter.text);
        at += 1;
        let is_a_mark = match letter.value {
            '?' => is_url || last_equals >= Some(at),
            '#' => is_url,
            _ => false,
        };
        if is_a_mark && last_alphanumeric >= Some(at) {
            shown.push_str(HIDDEN);
            return;
        }
        if letter.value == '/' && word.get(at).is_some_and(|next| next.value == '/') {
            is_url = true;
            at = redact_user(word, at, is_cut, shown);
        }
    }
}

/// Shows the second of two slashes, and those after it, and hides the user of the host that they begin.
/// Gives where it left off.
fn redact_user(word: &[Letter<'_>], slash: usize, is_cut: bool, shown: &mut String) -> usize {
    let end_of = |from: usize, is_end: fn(char) -> bool| {
        let length = word[from..].iter().position(|letter| is_end(letter.value));
        length.map_or(word.len(), |length| from + length)
    };
    let host = end_of(slash, |value| value != '/');
    let path = end_of(host, |value| matches!(value, '/' | '?' | '#'));
    let slashes = &word[slash..host];
    shown.extend(slashes.iter().map(|letter| letter.text));
    let authority = word[host..path].iter();
    let shown_from = match authority.rev().position(|letter| letter.value == '@') {
        Some(from_the_end) => path - 1 - from_the_end,
        None if is_cut && path == word.len() => path,
        None => host,
    };
    if shown_from > host {
        shown.push_str(HIDDEN);
    }
    shown_from
}

/// A character in any of the ways in which it can be written.
#[derive(Clone, Copy)]
struct Letter<'a> {
    /// What it stands for; `/` for a backslash too, which many readers of URLs take for one.
    value: char,
    /// How it is written.
    text: &'a str,
}

impl Letter<'_> {
    /// Whether a URL ends before it: only where it is written as it is.
    fn is_delimiter(self) -> bool {
        let is_raw = self.text.len() == self.value.len_utf8();
        let ends = self.value.is_whitespace()
            || self.value.is_control()
            || matches!(self.value, '"' | '<' | '>' | '`');
        is_raw && ends
    }
}

/// Takes a text apart into its letters.
struct Letters<'a>(&'a str);

impl<'a> Iterator for Letters<'a> {
    type Item = Letter<'a>;

    fn next(&mut self) -> Option<Letter<'a>> {
        let first = self.0.chars().next()?;
        let (value, length) = match first {
            '%' => percent_encoded(self.0),
            '&' => entity(self.0),
            '\\' => json_escape(self.0),
            _ => None,
        }
        .unwrap_or((first, first.len_utf8()));
        let value = if value == '\\' { '/' } else { value };
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Letter { value, text })
    }
}

/// `%3F`, `%253F`, `%25253F`: the character and the length.
fn percent_encoded(text: &str) -> Option<(char, usize)> {
    let digits = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let mut at = 1;
    while digits(at) == Some(b'%') && digits(at + 2).is_some() {
        at += 2;
    }
    Some((char::from(digits(at)?), at + 2))
}

/// `&#63;`, `&#x3f;`.
fn entity(text: &str) -> Option<(char, usize)> {
    const LONGEST: usize = 12;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let number = text.get(2..end).filter(|_| text.starts_with("&#"))?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?)?, end + 1))
}

/// `\u003f`; and `\"`, which does not end a string.
fn json_escape(text: &str) -> Option<(char, usize)> {
    if text.starts_with("\\\"") {
        return Some(('"', 2));
    }
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    Some((char::from_u32(code)?, 6))
}
