use std::fmt;

use genrex_proto::{Escaped, redact_urls};

/// Text that came from elsewhere, as it is shown.
pub fn escape(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let shown = Escaped(&text).to_string();
    assert_harmless(&shown);
    assert_eq!(Escaped(&shown).to_string(), shown, "it is escaped once");
    if !text.chars().any(Escaped::escapes) {
        assert_eq!(shown, text, "the rest is shown as it is");
    }
}

/// Text with links in it: no query of a link that stands there plainly is left.
pub fn redact(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let shown = redact_urls(&text);
    assert!(shown.len() <= 4 * text.len() + 16, "it does not grow");
    let secret = "s3cr3tqu3ry";
    if !text.contains(secret) {
        let planted = format!("{text} https://a.example/1.wav?sig={secret} {text}");
        assert!(!redact_urls(&planted).contains(secret), "{planted}");
    }
}

/// Nothing in it acts on a terminal.
pub(crate) fn assert_harmless(text: impl fmt::Display) {
    let shown = text.to_string();
    let acts = |character: char| character.is_control() || Escaped::escapes(character);
    assert!(!shown.chars().any(acts), "{shown:?}");
}
