use std::time::Duration;

use genrex_sign::{ApiKey, ApiSecret, Payload, SignatureHeader, UnixMillis, Verifier};

/// The value of `gx-signature`: it is read only as it is written, and verified only if it was signed.
pub fn signature_header(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let read = text.parse::<SignatureHeader>();
    if let Ok(header) = &read {
        assert_eq!(header.to_string(), text, "one signature has one spelling");
    }
    let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").expect("the published secret is one");
    let body = r#"{"duration":10,"text":"music"}"#;
    let verifier = Verifier::new(Duration::MAX);
    let verified = verifier.verify(&secret, text, body.as_bytes(), UnixMillis::new(0));
    if let Ok(t) = verified {
        let signed = secret.sign(t, &Payload::from(body));
        assert_eq!(signed.to_string(), text, "it was signed with this secret");
    }
}

/// Keys and secrets: visible ASCII, bounded, never repeated in an error, and what is signed is verified.
pub fn credentials(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let is_one =
        (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = ApiKey::new(text);
    assert_eq!(key.is_ok(), is_one);
    // A short text is in any sentence.
    if let (Err(error), 12..) = (&key, text.len()) {
        assert!(!format!("{error} {error:?}").contains(text));
    }
    let secret = ApiSecret::new(text);
    assert_eq!(secret.is_ok(), is_one);
    let Ok(secret) = secret else { return };
    let (t, payload) = (UnixMillis::new(1), Payload::from(data.to_vec()));
    let header = secret.sign(t, &payload).to_string();
    let verified = Verifier::new(Duration::ZERO).verify(&secret, &header, data, t);
    assert_eq!(verified.ok(), Some(t));
    let other = [data, b"."].concat();
    Verifier::new(Duration::ZERO)
        .verify(&secret, &header, &other, t)
        .expect_err("another body is refused");
}
