//! What a header's value and a verification take, beside the crate `hmac` with a kept key, and SHA-256's compression
//! function on kept states: `cargo bench -p genrex-sign`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

#[path = "signing/direct.rs"]
mod direct;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::direct::{Direct, is_of, text};

const SECRET: &str = "7Xd9PfMlkanB5ZTuj0qQG";
const T: u64 = 1_717_574_785_354;
const BODY: &str = r#"{"duration":10,"text":"some music for walk"}"#;

fn header_value(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header value");
    let (secret, body) = (ApiSecret::new(SECRET).unwrap(), Payload::from(BODY));
    let direct = Direct::new(SECRET.as_bytes());
    let kept = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let expected = secret.sign(UnixMillis::new(T), &body).to_string();
    assert_eq!(
        text(T, &direct.mac(T, BODY.as_bytes()), &mut [0; 89]),
        expected
    );
    assert_eq!(
        text(T, &by_hmac(&kept, T, BODY.as_bytes()), &mut [0; 89]),
        expected
    );

    group.bench_function("genrex-sign", |bench| {
        bench.iter(|| {
            let value = secret
                .sign(UnixMillis::new(black_box(T)), black_box(&body))
                .to_text();
            black_box(value.as_str().len())
        });
    });
    group.bench_function("hmac, key kept", |bench| {
        bench.iter(|| {
            let mac = by_hmac(&kept, black_box(T), black_box(BODY.as_bytes()));
            black_box(text(T, &mac, &mut [0; 89]).len())
        });
    });
    group.bench_function("compress256, states kept", |bench| {
        bench.iter(|| {
            let mac = direct.mac(black_box(T), black_box(BODY.as_bytes()));
            black_box(text(T, &mac, &mut [0; 89]).len())
        });
    });
}

fn verification(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verification");
    let (secret, body) = (ApiSecret::new(SECRET).unwrap(), BODY.as_bytes());
    let direct = Direct::new(SECRET.as_bytes());
    let kept = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    let header = secret
        .sign(UnixMillis::new(T), &Payload::from(BODY))
        .to_string();
    let verifier = Verifier::new(Duration::from_secs(300));
    let now = UnixMillis::new(T);
    assert_eq!(verifier.verify(&secret, &header, body, now), Ok(now));
    assert!(is_of(&header, |t| direct.mac(t, body)) && is_of(&header, |t| by_hmac(&kept, t, body)));

    group.bench_function("genrex-sign", |bench| {
        bench
            .iter(|| black_box(verifier.verify(&secret, black_box(&header), black_box(body), now)));
    });
    group.bench_function("hmac, key kept", |bench| {
        bench.iter(|| is_of(black_box(&header), |t| by_hmac(&kept, t, black_box(body))));
    });
    group.bench_function("compress256, states kept", |bench| {
        bench.iter(|| is_of(black_box(&header), |t| direct.mac(t, black_box(body))));
    });
    group.bench_function("compress256, states kept, the MAC alone", |bench| {
        bench.iter(|| black_box(direct.mac(black_box(T), black_box(body))));
    });
}

fn by_hmac(kept: &Hmac<Sha256>, t: u64, body: &[u8]) -> [u8; 32] {
    let mut mac = kept.clone();
    mac.update(itoa::Buffer::new().format(t).as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

criterion_group!(signing, header_value, verification);
criterion_main!(signing);
