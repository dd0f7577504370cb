//! The signature's properties, driven by the strategies that users get.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use genrex_sign::strategy::{Step, forgeries, signed_requests, times};
use genrex_sign::{
    ApiSecret, ErrorKind, Payload, Signature, SignatureHeader, UnixMillis, Verifier,
};
use proptest::prelude::*;

const TOLERANCE: Duration = Duration::from_secs(300);

proptest! {
    #[test]
    fn what_is_signed_verifies(request in signed_requests(), drift in -300_000_i64..=300_000) {
        let secret = ApiSecret::new(request.secret.as_str()).unwrap();
        let now = UnixMillis::new(request.t.saturating_add_signed(drift));
        let t = Verifier::new(TOLERANCE).verify(&secret, &request.header, &request.body, now);
        prop_assert_eq!(t.map(UnixMillis::get), Ok(request.t));
    }

    #[test]
    fn every_forgery_is_refused(forged in forgeries()) {
        let secret = ApiSecret::new(forged.secret.as_str()).unwrap();
        let refusal = Verifier::new(TOLERANCE)
            .verify(&secret, &forged.header, &forged.body, UnixMillis::new(forged.t))
            .unwrap_err();
        let expected = match forged.step {
            Step::SignatureTruncated { .. } => ErrorKind::MalformedHeader,
            _ => ErrorKind::Mismatch,
        };
        prop_assert_eq!(refusal.kind(), expected);
    }

    #[test]
    fn the_window_has_two_edges_and_includes_them(
        request in signed_requests(),
        tolerance in 0_u64..10_000_000,
    ) {
        let secret = ApiSecret::new(request.secret.as_str()).unwrap();
        let verdict = |now: Option<u64>| now.map(|now| {
            Verifier::new(Duration::from_millis(tolerance))
                .verify(&secret, &request.header, &request.body, UnixMillis::new(now))
                .map_err(|error| error.kind())
                .map(UnixMillis::get)
        });
        let t = request.t;
        for inside in [t.checked_add(tolerance), t.checked_sub(tolerance)] {
            prop_assert!(matches!(verdict(inside), None | Some(Ok(_))));
        }
        let late = verdict(t.checked_add(tolerance + 1));
        prop_assert!(matches!(late, None | Some(Err(ErrorKind::Expired))));
        let early = verdict(t.checked_sub(tolerance + 1));
        prop_assert!(matches!(early, None | Some(Err(ErrorKind::FromTheFuture))));
    }

    #[test]
    fn a_written_header_parses_to_itself(t in times(), mac in any::<[u8; 32]>()) {
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

#[test]
fn a_signature_is_redacted_in_debug() {
    let header = ApiSecret::new("s")
        .unwrap()
        .sign(UnixMillis::new(1), &Payload::from("{}"));
    assert_eq!(
        format!("{header:?}"),
        "SignatureHeader { timestamp: UnixMillis(1), signature: Signature(<redacted>) }"
    );
}
