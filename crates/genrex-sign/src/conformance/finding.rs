use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::conformance::{Case, Expected, Rule};

/// A rule that a verifier broke, and the input that shows it.
///
/// `Display` says both in words, with long texts cut; [`case`](Self::case) has them whole. The secret in
/// it is the suite's own and is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    case: Box<Case>,
    answer: Answer,
    tolerance: Duration,
    seed: Option<u64>,
}

impl Finding {
    pub(super) fn new(case: Case, answer: Answer, tolerance: Duration) -> Self {
        Self {
            case: Box::new(case),
            answer,
            tolerance,
            seed: None,
        }
    }

    pub(super) const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The rule that was broken: [`Rule::NoPanic`] after a panic, the case's own otherwise.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self.answer {
            Answer::Panicked(_) => Rule::NoPanic,
            Answer::Accepted | Answer::Refused => self.case.rule,
        }
    }

    /// The input, and the right answer to it.
    #[must_use]
    pub const fn case(&self) -> &Case {
        &self.case
    }

    /// What the verifier answered.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The tolerance that the suite was told.
    #[must_use]
    pub const fn tolerance(&self) -> Duration {
        self.tolerance
    }

    /// The seed to give to [`check_with_seed`](super::check_with_seed) to find this again; `None` for a
    /// fixed case, which needs none.
    #[must_use]
    pub const fn seed(&self) -> Option<u64> {
        self.seed
    }
}

impl core::error::Error for Finding {}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let case = &self.case;
        let expected = match case.expected {
            Expected::Accepted => "accepted",
            Expected::Refused(_) => "refused",
        };
        write!(
            f,
            "broken rule: {}; the case \"{}\" {}, and must be {expected}: secret ",
            self.rule(),
            case.name,
            self.answer,
        )?;
        write_text(f, &case.secret)?;
        f.write_str(", header ")?;
        write_text(f, &case.header)?;
        f.write_str(", body ")?;
        write_bytes(f, &case.body)?;
        let (now, tolerance) = (case.now_ms, self.tolerance);
        write!(f, ", now {now} ms, tolerance {tolerance:?}")?;
        match self.seed {
            Some(seed) => write!(f, ", seed {seed}"),
            None => Ok(()),
        }
    }
}

/// What a verifier answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Answer {
    /// It accepted.
    Accepted,
    /// It refused.
    Refused,
    /// It panicked, with this message; empty if the panic had no text.
    Panicked(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("was accepted"),
            Self::Refused => f.write_str("was refused"),
            Self::Panicked(message) => {
                f.write_str("caused the panic ")?;
                write_text(f, message)
            }
        }
    }
}

/// How many characters, or bytes, of one text `Display` shows.
const SHOWN: usize = 160;

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => write!(f, "{:?}… ({} bytes)", &text[..end], text.len()),
        None => write!(f, "{text:?}"),
    }
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    if let Ok(text) = core::str::from_utf8(bytes) {
        return write_text(f, text);
    }
    let shown = hex::encode(&bytes[..bytes.len().min(SHOWN)]);
    match bytes.len() {
        0..=SHOWN => write!(f, "in hex {shown}"),
        length => write!(f, "in hex {shown}… ({length} bytes)"),
    }
}
