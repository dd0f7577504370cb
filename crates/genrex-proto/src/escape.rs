use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize};

use crate::redact::redact_start;

/// Shows text that came from elsewhere so that it cannot act on a terminal or mislead a reader.
///
/// C0 and C1 controls, DEL, bidirectional controls, zero-width and other invisible characters (all of Unicode's
/// `Default_Ignorable_Code_Point`), and the line and paragraph separators are shown as `\u{…}`; line feeds and tabs as `\n` and `\t`. All else
/// is shown as it is.
///
/// ```
/// use genrex_proto::Escaped;
/// assert_eq!(Escaped("ok \u{1b}[2J \u{202e}fdp").to_string(), r"ok \u{1b}[2J \u{202e}fdp");
/// assert_eq!(Escaped("Übung 音楽").to_string(), "Übung 音楽");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                _ if is_deceptive(character) => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

impl Escaped<'_> {
    /// Whether a character is one that is shown as `\u{…}`, or as `\n`, `\t` or `\r`.
    #[must_use]
    pub fn escapes(character: char) -> bool {
        is_deceptive(character)
    }
}

/// The start of a body, bounded, escaped, and without the secrets of the URLs in it (see
/// [`redact_urls`](crate::redact_urls)), to be kept in an error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Excerpt {
    text: String,
    /// How many bytes the excerpt leaves out.
    omitted: usize,
}

impl Excerpt {
    /// How many bytes of a body are looked at: 4 KiB.
    pub const LIMIT: usize = 4096;

    /// How many of them are shown by `Display`, in characters.
    const SHOWN: usize = 240;

    /// Takes the start of `body`; what is not UTF-8 is shown as U+FFFD.
    #[must_use]
    pub fn new(body: &[u8]) -> Self {
        let kept = &body[..body.len().min(Self::LIMIT)];
        let omitted = body.len() - kept.len();
        Self {
            text: Escaped(&redact_start(&String::from_utf8_lossy(kept), omitted > 0)).to_string(),
            omitted,
        }
    }

    /// The escaped text: at most what 4 KiB escape to, its URLs redacted.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Excerpt {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Excerpt {
    /// The first 240 characters, with `…` where there are more; `(nothing)` for an empty body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            return f.write_str("(nothing)");
        }
        match self.text.char_indices().nth(Self::SHOWN) {
            Some((end, _)) => write!(f, "{}…", &self.text[..end]),
            None if self.omitted > 0 => write!(f, "{}…", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl<'de> Deserialize<'de> for Excerpt {
    /// Whoever wrote it, it is escaped and without secrets.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Form {
            text: String,
            omitted: usize,
        }
        let Form { text, omitted } = Form::deserialize(deserializer)?;
        let text = Escaped(&redact_start(&text, omitted > 0)).to_string();
        Ok(Self { text, omitted })
    }
}

/// Controls, what Unicode calls `Default_Ignorable_Code_Point` (17.0), and what separates or annotates lines.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00ad}' // soft hyphen
            | '\u{034f}' // combining grapheme joiner
            | '\u{061c}' // Arabic letter mark
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}' | '\u{17b5}' // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}' // Mongolian separators
            | '\u{200b}'..='\u{200f}' // zero width, direction marks
            | '\u{2028}'..='\u{202e}' // separators, embeddings and overrides
            | '\u{2060}'..='\u{206f}' // joiners, invisible operators, isolates
            | '\u{fe00}'..='\u{fe0f}' // variation selectors
            | '\u{feff}' // byte order mark
            | '\u{fff0}'..='\u{fffb}' // unassigned, interlinear annotation
            | '\u{1bca0}'..='\u{1bca3}' // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}' // musical format controls
            | '\u{e0000}'..='\u{e0fff}' // tags, variation selectors
        )
}
