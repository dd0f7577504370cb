//! The header's parser and its formatter are each other's inverse. What the verifier accepts is the
//! conformance suite's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use genrex_sign::{ApiSecret, Payload, Signature, SignatureHeader, UnixMillis, Verifier};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha2::Sha256;

proptest! {
    #[test]
    fn a_signature_is_what_the_crate_hmac_makes(
        secret in "[!-~]{1,200}",
        t in any::<u64>(),
        body in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let mut plain = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        plain.update(format!("{t}.").as_bytes());
        plain.update(&body);
        let expected = format!("t={t},v={}", hex::encode(plain.finalize().into_bytes()));

        let (secret, t) = (ApiSecret::new(secret).unwrap(), UnixMillis::new(t));
        let header = secret.sign(t, &Payload::from(body.clone()));
        let text = header.to_text();
        prop_assert_eq!(text.as_str(), &expected);
        prop_assert_eq!(header.to_string(), expected);
        let verifier = Verifier::new(Duration::ZERO);
        prop_assert_eq!(verifier.verify(&secret, text.as_str(), &body, t), Ok(t));
    }

    #[test]
    fn a_written_header_parses_to_itself(t in any::<u64>(), mac in any::<[u8; 32]>()) {
        let written = SignatureHeader::new(UnixMillis::new(t), Signature::from_bytes(mac)).to_string();
        let parsed: SignatureHeader = written.parse().unwrap();
        prop_assert_eq!(parsed.timestamp().get(), t);
        prop_assert_eq!(parsed.signature().as_bytes(), &mac);
    }

    #[test]
    fn the_parser_accepts_only_what_the_formatter_writes(
        text in prop_oneof![
            "\\PC*",
            "t=[0-9]{0,21},v=[0-9a-f]{62,66}",
            " ?t ?= ?[+0-9]{1,20} ?, ?v=[0-9a-fA-F]{64} ?",
            "v=[0-9a-f]{64},t=[0-9]{1,13}",
            "(t=[0-9]{1,3},){1,2}v=[0-9a-f]{64}(,v=[0-9a-f]{64})?",
        ],
    ) {
        if let Ok(header) = text.parse::<SignatureHeader>() {
            prop_assert_eq!(header.to_string(), text);
        }
    }
}

#[test]
fn spellings_that_nobody_writes_are_refused() {
    let mac = "c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90";
    for text in [
        String::new(),
        format!("t=,v={mac}"),
        format!("t=01,v={mac}"),
        format!("t=+1,v={mac}"),
        format!("t=-1,v={mac}"),
        format!("t=18446744073709551616,v={mac}"),
        format!("t=1,v={}", mac.to_uppercase()),
        format!("t=1, v={mac}"),
        format!("t=1,v={mac},"),
        format!("t=1,v={mac}\n"),
        format!("t=1,v={}", &mac[1..]),
        format!("v={mac},t=1"),
        format!("t=１,v={mac}"),
    ] {
        assert!(text.parse::<SignatureHeader>().is_err(), "{text:?}");
    }
    for t in ["0", "18446744073709551615"] {
        format!("t={t},v={mac}").parse::<SignatureHeader>().unwrap();
    }
}

/// The vector of the API reference, at every step from text to header.
#[test]
fn the_published_vector_holds_at_every_step() {
    let t = UnixMillis::new(1_717_574_785_354);
    let payload = Payload::from(r#"{"duration":10,"text":"music"}"#);
    assert_eq!(
        genrex_sign::signing_input(t, payload.as_bytes()),
        br#"1717574785354.{"duration":10,"text":"music"}"#
    );
    let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap();
    let header = secret.sign(t, &payload).to_string();
    assert_eq!(
        header,
        "t=1717574785354,v=c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90"
    );
    let parsed: SignatureHeader = header.parse().unwrap();
    assert_eq!(parsed.timestamp(), t);
    let verified = Verifier::new(Duration::ZERO).verify(&secret, &header, payload.as_bytes(), t);
    assert_eq!(verified, Ok(t));
}
