//! Whether a secret stands anywhere in what was written, in whatever form.

use std::fmt::Write as _;

/// A key and a secret, and the forms in which a writer might have put them.
#[derive(Debug)]
pub struct Canary {
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Looks for this text, which has at least 12 bytes.
    ///
    /// # Panics
    ///
    /// If it is shorter: parts of it would be found by chance.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        assert!(secret.len() >= 12, "too short to be told from chance");
        let bytes = secret.as_bytes();
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let quoted = serde_json::to_string(secret).expect("text is JSON");
        let debugged = format!("{secret:?}");
        let mut forms = vec![
            ("raw", bytes.to_vec()),
            ("reversed", reversed),
            ("hex", hex(bytes, false)),
            ("upper-case hex", hex(bytes, true)),
            ("JSON", inner(&quoted)),
            ("Debug", inner(&debugged)),
            ("URL", percent(bytes, false)),
            ("URL, lower case", percent(bytes, true)),
            ("a list of bytes", format!("{bytes:?}").into_bytes()),
        ];
        for (name, alphabet) in [("base64", BASE64), ("base64url", BASE64_URL)] {
            forms.extend((0..3).map(|shift| (name, base64_within(bytes, shift, alphabet))));
        }
        Self { forms }
    }

    /// The first form in which it stands there.
    #[must_use]
    pub fn found_in(&self, written: &[u8]) -> Option<&'static str> {
        let stands = |form: &[u8]| written.windows(form.len()).any(|window| window == form);
        let found = self.forms.iter().find(|(_, form)| stands(form));
        found.map(|(name, _)| *name)
    }
}

/// Whether a signature stands there: `v=` and 64 hexadecimal digits.
#[must_use]
pub fn has_signature(written: &[u8]) -> bool {
    written
        .windows(66)
        .any(|window| window.starts_with(b"v=") && window[2..].iter().all(u8::is_ascii_hexdigit))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The digits that the bytes alone decide, when so many others stand before them.
fn base64_within(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let padded = [&vec![0; shift][..], bytes].concat();
    let bit = |at: usize| padded[at / 8] >> (7 - at % 8) & 1;
    let digit = |at: usize| (0..6).fold(0, |digit, next| digit << 1 | bit(6 * at + next));
    let first = (8 * shift).div_ceil(6);
    (first..8 * padded.len() / 6)
        .map(|at| alphabet[usize::from(digit(at))])
        .collect()
}

fn hex(bytes: &[u8], is_upper: bool) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    if is_upper {
        text.make_ascii_uppercase();
    }
    text.into_bytes()
}

/// A quoted text without its quotes.
fn inner(quoted: &str) -> Vec<u8> {
    quoted.trim_matches('"').as_bytes().to_vec()
}

/// As in a URL: all but letters, digits and `-._~` by their numbers.
fn percent(bytes: &[u8], is_lower: bool) -> Vec<u8> {
    let mut text = String::new();
    for &byte in bytes {
        let _ = match (byte, is_lower) {
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~', _) => {
                write!(text, "{}", char::from(byte))
            }
            (_, true) => write!(text, "%{byte:02x}"),
            (_, false) => write!(text, "%{byte:02X}"),
        };
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"c4nary"\+/%S3cret"#;

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let canary = Canary::new(SECRET);
        let planted: [(&str, &[u8]); 12] = [
            ("raw", br#"x c4nary"\+/%S3cret x"#),
            ("reversed", br#"terc3S%/+\"yran4c"#),
            ("hex", b"..63346e617279225c2b2f25533363726574.."),
            ("upper-case hex", b"63346E617279225C2B2F25533363726574"),
            ("JSON", br#"{"a":"c4nary\"\\+/%S3cret"}"#),
            ("URL", b"?a=c4nary%22%5C%2B%2F%25S3cret&"),
            ("URL, lower case", b"?a=c4nary%22%5c%2b%2f%25S3cret&"),
            (
                "a list of bytes",
                b"[99, 52, 110, 97, 114, 121, 34, 92, 43, 47, 37, 83, 51, 99, 114, 101, 116]",
            ),
            ("base64", b"YzRuYXJ5IlwrLyVTM2NyZXQ="),
            ("base64", b"eGM0bmFyeSJcKy8lUzNjcmV0"),
            ("base64", b"eHhjNG5hcnkiXCsvJVMzY3JldHh4"),
            ("base64url", b"fn5jNG5hcnkiXCsvJVMzY3JldD8_"),
        ];
        for (form, written) in planted {
            let found = canary.found_in(written);
            // All but two digits of these are the same in both alphabets.
            let is_found = found == Some(form) || form == "base64url" && found == Some("base64");
            assert!(is_found, "{form}: {found:?}");
        }
        assert_eq!(canary.found_in(b"c4nary S3cret, and nothing of it"), None);
    }

    #[test]
    fn a_signature_is_found() {
        let digits = "0123456789abcdef".repeat(4);
        assert!(has_signature(format!("gx: t=1,v={digits}\r\n").as_bytes()));
        assert!(!has_signature(format!("v={}g", &digits[1..]).as_bytes()));
    }
}
