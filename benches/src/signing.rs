#[path = "../../crates/genrex-sign/benches/signing/direct.rs"]
mod direct;

use std::hint::black_box;
use std::time::Duration;

use anyhow::bail;
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::direct::{Direct, is_of, text};
use crate::meter::Meter;

const SECRET: &str = "7Xd9PfMlkanB5ZTuj0qQG";
const T: u64 = 1_717_574_785_354;
const BODY: &str = r#"{"duration":10,"text":"some music for walk"}"#;

/// Makes the header's value so many times.
pub fn sign(by: &str, count: u64) -> anyhow::Result<()> {
    let secret = ApiSecret::new(SECRET)?;
    let payload = Payload::from(BODY);
    let expected = secret.sign(UnixMillis::new(T), &payload).to_string();
    match by {
        "genrex" => repeated(count, |t| {
            let value = secret
                .sign(UnixMillis::new(t), black_box(&payload))
                .to_text();
            black_box(value.as_str().len());
        }),
        "direct" => {
            let direct = Direct::new(SECRET.as_bytes());
            let mac = direct.mac(T, BODY.as_bytes());
            anyhow::ensure!(text(T, &mac, &mut [0; 89]) == expected, "another value");
            repeated(count, |t| {
                let mac = direct.mac(t, black_box(BODY.as_bytes()));
                black_box(text(t, &mac, &mut [0; 89]).len());
            })
        }
        "hmac" => {
            let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
            let value = |t: u64| {
                let mut mac = key.clone();
                mac.update(t.to_string().as_bytes());
                mac.update(b".");
                mac.update(black_box(BODY.as_bytes()));
                format!("t={t},v={}", hex::encode(mac.finalize().into_bytes()))
            };
            anyhow::ensure!(value(T) == expected, "hmac makes another value");
            repeated(count, |t| drop(black_box(value(t))))
        }
        "ring" => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
            let value = |t: u64| {
                let mut mac = ring::hmac::Context::with_key(&key);
                mac.update(t.to_string().as_bytes());
                mac.update(b".");
                mac.update(black_box(BODY.as_bytes()));
                format!("t={t},v={}", hex::encode(mac.sign()))
            };
            anyhow::ensure!(value(T) == expected, "ring makes another value");
            repeated(count, |t| drop(black_box(value(t))))
        }
        "aws-lc-rs" => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
            let value = |t: u64| {
                let mut mac = aws_lc_rs::hmac::Context::with_key(&key);
                mac.update(t.to_string().as_bytes());
                mac.update(b".");
                mac.update(black_box(BODY.as_bytes()));
                format!("t={t},v={}", hex::encode(mac.sign()))
            };
            anyhow::ensure!(value(T) == expected, "aws-lc-rs makes another value");
            repeated(count, |t| drop(black_box(value(t))))
        }
        _ => bail!("nobody signs by {by}"),
    }
}

/// Verifies one header's value so many times.
pub fn verify(by: &str, count: u64) -> anyhow::Result<()> {
    let secret = ApiSecret::new(SECRET)?;
    let t = UnixMillis::new(T);
    let header = secret.sign(t, &Payload::from(BODY)).to_string();
    match by {
        "genrex" => {
            let verifier = Verifier::new(Duration::from_secs(300));
            repeated(count, |_| {
                let verified = verifier.verify(&secret, black_box(&header), BODY.as_bytes(), t);
                assert!(black_box(verified).is_ok());
            })
        }
        "direct" => {
            let direct = Direct::new(SECRET.as_bytes());
            repeated(count, |_| {
                let verified = is_of(black_box(&header), |t| direct.mac(t, BODY.as_bytes()));
                assert!(black_box(verified));
            })
        }
        "ring" => {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
            repeated(count, |_| {
                let (t, v) = parts(black_box(&header));
                let message = [t.as_bytes(), b".", BODY.as_bytes()].concat();
                let mac = hex::decode(v).unwrap_or_default();
                assert!(ring::hmac::verify(&key, &message, &mac).is_ok());
            })
        }
        "aws-lc-rs" => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
            repeated(count, |_| {
                let (t, v) = parts(black_box(&header));
                let message = [t.as_bytes(), b".", BODY.as_bytes()].concat();
                let mac = hex::decode(v).unwrap_or_default();
                assert!(aws_lc_rs::hmac::verify(&key, &message, &mac).is_ok());
            })
        }
        _ => bail!("nobody verifies by {by}"),
    }
}

fn parts(header: &str) -> (&str, &str) {
    let (t, v) = header.split_once(',').unwrap_or_default();
    (t.trim_start_matches("t="), v.trim_start_matches("v="))
}

fn repeated(count: u64, mut work: impl FnMut(u64)) -> anyhow::Result<()> {
    for t in 0..count / 10 {
        work(T + t);
    }
    let meter = Meter::start()?;
    for t in 0..count {
        work(T + t);
    }
    meter.told(count)
}
