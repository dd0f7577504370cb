//! What users' code may rely on for every public type: the common traits, conversions, errors, and that
//! no secret is shown.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::str::FromStr;
use std::time::Duration;

use genrex_sign::conformance::{Answer, Case, Expected, Finding, Rule};
use genrex_sign::{
    ApiKey, ApiSecret, Error, ErrorKind, HeaderText, KeyPair, Payload, Signature, SignatureHeader,
    UnixMillis, Verifier,
};

const MAC: &str = "c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90";

/// Fails to compile where a type lacks a trait.
const fn every_type<
    T: Debug + Clone + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static,
>() {
}
const fn value<T: PartialEq + Eq + Hash>() {}
const fn text<T: FromStr<Err = Error> + for<'a> TryFrom<&'a str, Error = Error>>() {}
const fn shown<T: Display>() {}
const fn error<T: StdError + Send + Sync + 'static>() {}
const fn copied<T: Copy>() {}

const _: () = {
    every_type::<ApiKey>();
    every_type::<ApiSecret>();
    every_type::<KeyPair>();
    every_type::<Payload>();
    every_type::<Signature>();
    every_type::<SignatureHeader>();
    every_type::<HeaderText>();
    every_type::<UnixMillis>();
    every_type::<Verifier>();
    every_type::<Error>();
    every_type::<ErrorKind>();
    every_type::<Answer>();
    every_type::<Case>();
    every_type::<Expected>();
    every_type::<Finding>();
    every_type::<Rule>();

    value::<ApiKey>();
    value::<Payload>();
    value::<UnixMillis>();
    value::<Verifier>();
    value::<Error>();
    value::<ErrorKind>();
    value::<Case>();
    value::<Expected>();
    value::<Finding>();
    value::<Answer>();
    value::<Rule>();

    text::<ApiKey>();
    text::<ApiSecret>();
    text::<Signature>();
    text::<SignatureHeader>();
    text::<UnixMillis>();

    shown::<Signature>();
    shown::<SignatureHeader>();
    shown::<HeaderText>();
    shown::<UnixMillis>();
    shown::<ErrorKind>();
    shown::<Rule>();
    shown::<Answer>();

    error::<Error>();
    error::<Finding>();

    copied::<Signature>();
    copied::<SignatureHeader>();
    copied::<HeaderText>();
    copied::<UnixMillis>();
    copied::<Verifier>();
    copied::<ErrorKind>();
    copied::<Expected>();
    copied::<Rule>();
};

/// Which traits a type has, asked on a value: the inherent method wins where the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "found only where the bound does not hold")]
        trait Lacks {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Lacks for T {}
        struct Asked<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "found only where the bound holds")]
        impl<T: ?Sized + $($bound)+> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

#[test]
fn a_secret_can_be_neither_shown_nor_compared() {
    assert!(!has!(ApiSecret: Display));
    assert!(!has!(ApiSecret: AsRef<str>));
    assert!(!has!(ApiSecret: AsRef<[u8]>));
    assert!(!has!(ApiSecret: PartialEq));
    assert!(!has!(ApiKey: Display));
    assert!(!has!(KeyPair: Display));
    // Comparing MACs is the verifier's, in constant time.
    assert!(!has!(Signature: PartialEq));
    assert!(!has!(SignatureHeader: PartialEq));
    assert!(!has!(HeaderText: PartialEq));
    // The same question sees a trait where there is one.
    assert!(has!(ApiKey: AsRef<str>));
    assert!(has!(ApiKey: PartialEq));
    assert!(has!(Signature: Display));
}

#[test]
fn debug_shows_no_secret() {
    let (key, secret) = ("4nBmZkU2-VdTNrPqL7e9y", "7Xd9PfMlkanB5ZTuj0qQG");
    let pair = KeyPair::new(key.parse().unwrap(), secret.parse().unwrap());
    let header = pair.secret().sign(UnixMillis::new(1), &Payload::from("{}"));
    assert_eq!(
        format!("{pair:?}"),
        "KeyPair { key: ApiKey(<redacted>), secret: ApiSecret(<redacted>) }"
    );
    assert_eq!(
        format!("{header:?}"),
        "SignatureHeader { timestamp: UnixMillis(1), signature: Signature(<redacted>) }"
    );
    let text = header.to_text();
    assert_eq!(format!("{text:?}"), "HeaderText(<redacted>)");
    for shown in [format!("{pair:#?}"), format!("{header:#?}")] {
        for hidden in [key, secret, &header.signature().to_string()] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}

#[test]
fn every_text_form_is_read_as_it_is_written() {
    let key: ApiKey = "key".parse().unwrap();
    assert_eq!(ApiKey::try_from("key"), Ok(key.clone()));
    assert_eq!(ApiKey::try_from(String::from("key")), Ok(key.clone()));
    assert_eq!(AsRef::<str>::as_ref(&key), "key");
    assert_eq!(
        HashSet::from([key.clone()]).get("key".parse::<ApiKey>().as_ref().unwrap()),
        Some(&key)
    );

    let body = Payload::from("{}");
    let signed = |secret: ApiSecret| secret.sign(UnixMillis::new(1), &body).to_string();
    let expected = signed(ApiSecret::new("secret").unwrap());
    assert_eq!(signed("secret".parse().unwrap()), expected);
    assert_eq!(signed(ApiSecret::try_from("secret").unwrap()), expected);
    assert_eq!(
        signed(ApiSecret::try_from(String::from("secret")).unwrap()),
        expected
    );

    assert_eq!(MAC.parse::<Signature>().unwrap().to_string(), MAC);
    assert_eq!(
        Signature::from(*MAC.parse::<Signature>().unwrap().as_bytes()).to_string(),
        MAC
    );
    for t in [0, 9, u64::MAX] {
        let header = SignatureHeader::new(UnixMillis::new(t), MAC.parse().unwrap());
        let (text, expected) = (header.to_text(), format!("t={t},v={MAC}"));
        assert_eq!(AsRef::<str>::as_ref(&text), expected);
        assert_eq!(AsRef::<[u8]>::as_ref(&text), expected.as_bytes());
        assert_eq!(text.to_string(), expected);
    }
    let header = format!("t=18446744073709551615,v={MAC}");
    assert_eq!(
        SignatureHeader::try_from(header.as_str())
            .unwrap()
            .to_string(),
        header
    );
    for t in [0, 1, 10, u64::MAX] {
        let time = UnixMillis::from(t);
        assert_eq!(time.to_string().parse(), Ok(time));
        assert_eq!(UnixMillis::try_from(time.to_string().as_str()), Ok(time));
        assert_eq!(u64::from(time), t);
    }
}

#[test]
fn a_text_that_is_never_written_is_refused_with_its_kind() {
    for text in [
        "",
        "+1",
        "-0",
        "01",
        "00",
        " 1",
        "1 ",
        "1.0",
        "１",
        "18446744073709551616",
    ] {
        assert_eq!(
            text.parse::<UnixMillis>().unwrap_err().kind(),
            ErrorKind::MalformedTime,
            "{text:?}"
        );
    }
    for text in [
        "",
        "c3",
        &MAC[1..],
        &MAC.to_uppercase(),
        &format!("{MAC}00"),
        &"é".repeat(32),
    ] {
        let refused = text.parse::<Signature>().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::MalformedSignature, "{text:?}");
    }
    let refused = SignatureHeader::try_from("t=01,v=c3").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::MalformedHeader);
    assert_eq!(refused.to_string(), refused.kind().to_string());
    for text in ["", "two words", "é"] {
        assert!(ApiKey::try_from(text).unwrap_err().is_credential());
        assert!(
            ApiSecret::try_from(String::from(text))
                .unwrap_err()
                .is_credential()
        );
    }
}

#[test]
fn keys_that_differ_have_hashes_that_differ() {
    let hasher = RandomState::new();
    let hash = |key: &str| hasher.hash_one(key.parse::<ApiKey>().unwrap());
    assert_eq!(hash("key"), hash("key"));
    assert_ne!(hash("key"), hash("another"));
}

/// What a server decides by: a wrong credential is its owner's, a wrong time may be a clock's, the rest is forged.
#[test]
fn each_error_says_of_what_sort_it_is() {
    let secret: ApiSecret = "secret".parse().unwrap();
    let header = secret.sign(UnixMillis::new(10_000), &Payload::from("{}"));
    let verify = |body: &[u8], now| {
        let verifier = Verifier::new(Duration::from_secs(1));
        let verified = verifier.verify(&secret, &header.to_string(), body, UnixMillis::new(now));
        verified.map_err(|error| {
            (
                error.is_credential(),
                error.is_outside_window(),
                error.kind(),
            )
        })
    };
    assert_eq!(verify(b"{}", 9_000), Ok(UnixMillis::new(10_000)));
    assert_eq!(verify(b"{}", 11_000), Ok(UnixMillis::new(10_000)));
    let expected = |kind| Err((false, true, kind));
    assert_eq!(verify(b"{}", 8_999), expected(ErrorKind::FromTheFuture));
    assert_eq!(verify(b"{}", 11_001), expected(ErrorKind::Expired));
    let forged = Err((false, false, ErrorKind::Mismatch));
    assert_eq!(verify(b"{ }", 10_000), forged);
    let long = ApiKey::new("k".repeat(513)).unwrap_err();
    assert_eq!(
        (long.is_credential(), long.is_outside_window()),
        (true, false)
    );
    let malformed = "t=1".parse::<SignatureHeader>().unwrap_err();
    assert!(!malformed.is_credential() && !malformed.is_outside_window());
}

#[test]
fn a_payload_holds_the_text_that_it_was_made_of() {
    let texts = [
        Payload::from("{}"),
        Payload::from(String::from("{}")),
        Payload::from(b"{}".to_vec()),
    ];
    for payload in texts {
        assert_eq!(AsRef::<[u8]>::as_ref(&payload), b"{}");
    }
}

#[test]
fn a_payload_shares_its_bytes() {
    let bytes = bytes::Bytes::from_static(b"{}");
    let payload = Payload::from(bytes.clone());
    assert_eq!(AsRef::<[u8]>::as_ref(&payload), b"{}");
    assert_eq!(payload.to_bytes().as_ptr(), bytes.as_ptr());
    assert_eq!(bytes::Bytes::from(payload).as_ptr(), bytes.as_ptr());
}

#[test]
fn a_verifier_tells_its_tolerance() {
    let tolerance = Duration::from_secs(300);
    assert_eq!(Verifier::new(tolerance).tolerance(), tolerance);
}

#[test]
fn a_signature_gives_its_bytes_back() {
    let bytes = [7; Signature::LENGTH];
    let signature = Signature::from_bytes(bytes);
    assert_eq!(signature.as_ref(), bytes);
    assert_eq!(<[u8; Signature::LENGTH]>::from(signature), bytes);
}
