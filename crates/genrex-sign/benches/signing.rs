//! What a header's value and a verification take, beside the crate `hmac` with a kept key, and SHA-256's compression
//! function on kept states: `cargo bench -p genrex-sign`.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;
use std::time::Duration;

use base16ct::lower;
use criterion::{Criterion, criterion_group, criterion_main};
use ctutils::CtEq as _;
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::block_api::compress256;

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

/// As little as can be done: the states are kept, and a body is known to be short.
struct Direct {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Direct {
    fn new(key: &[u8]) -> Self {
        const INITIAL: [u32; 8] = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        let after = |pad: u8| {
            let (mut state, mut block) = (INITIAL, [pad; 64]);
            block.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
            compress256(&mut state, &[block]);
            state
        };
        Self {
            inner: after(0x36),
            outer: after(0x5c),
        }
    }

    fn mac(&self, t: u64, body: &[u8]) -> [u8; 32] {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(t).as_bytes();
        let mut message = [0; 128];
        message[..digits.len()].copy_from_slice(digits);
        message[digits.len()] = b'.';
        let length = digits.len() + 1 + body.len();
        message[digits.len() + 1..length].copy_from_slice(body);
        message[length] = 0x80;
        let end = if length < 56 { 64 } else { 128 };
        message[end - 8..end].copy_from_slice(&(8 * (64 + length) as u64).to_be_bytes());
        let mut state = self.inner;
        compress256(&mut state, message[..end].as_chunks().0);
        let mut block = [0; 64];
        block[..32].copy_from_slice(&bytes(&state));
        block[32] = 0x80;
        block[62] = 0x03;
        let mut state = self.outer;
        compress256(&mut state, &[block]);
        bytes(&state)
    }
}

fn bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    bytes
}

/// `t=…,v=…`, in place.
fn text<'a>(t: u64, mac: &[u8; 32], place: &'a mut [u8; 89]) -> &'a str {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(t).as_bytes();
    let middle = 2 + digits.len();
    place[..2].copy_from_slice(b"t=");
    place[2..middle].copy_from_slice(digits);
    place[middle..middle + 3].copy_from_slice(b",v=");
    lower::encode(mac, &mut place[middle + 3..]).unwrap();
    str::from_utf8(&place[..middle + 67]).unwrap()
}

/// Whether a header has the MAC that is made of its time.
fn is_of(header: &str, mac: impl FnOnce(u64) -> [u8; 32]) -> bool {
    let (t, digits) = header
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v=")
        .unwrap();
    let mut given = [0; 32];
    lower::decode(digits, &mut given).unwrap();
    mac(t.parse().unwrap()).ct_eq(&given).into()
}

criterion_group!(signing, header_value, verification);
criterion_main!(signing);
