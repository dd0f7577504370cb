//! How often signing and verifying allocate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};

/// Of the thread that runs it.
fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

#[test]
fn neither_a_signature_nor_a_verification_allocates() {
    let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap();
    let verifier = Verifier::new(Duration::from_secs(300));
    for (t, length) in [(0, 0), (1_717_574_785_354, 44), (u64::MAX, 5_000)] {
        let (t, body) = (UnixMillis::new(t), Payload::from(vec![b' '; length]));
        let mut text = None;
        let signing = allocations(|| text = Some(black_box(&secret).sign(t, &body).to_text()));
        let text = text.unwrap();
        assert_eq!(signing, 0, "{length}");

        let verify = |header: &str| {
            let mut verified = None;
            let count = allocations(|| {
                verified = Some(verifier.verify(&secret, black_box(header), body.as_bytes(), t));
            });
            (count, verified.unwrap().ok())
        };
        assert_eq!(verify(text.as_str()), (0, Some(t)), "{length}");
        let forged = text.as_str().replace("v=", "v=0");
        assert_eq!(verify(&forged[..forged.len() - 1]), (0, None));
        assert_eq!(verify("t=1"), (0, None));
    }
}

/// What others write, a header and a log, is theirs to allocate; the value comes to it in one piece.
#[test]
fn a_header_that_is_written_allocates_what_it_is_written_to() {
    let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap();
    let header = secret.sign(UnixMillis::new(1_717_574_785_354), &Payload::from("{}"));
    let mut line = String::with_capacity(200);
    let writing = allocations(|| write!(line, "{header} {}", header.signature()).unwrap());
    assert_eq!((writing, line.len()), (0, 82 + 1 + 64));
    let owning = allocations(|| drop(black_box(header.to_string())));
    assert_eq!(owning, 1);
    // The same count sees what allocates.
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
}
