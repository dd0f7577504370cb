mod request;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRunner};

use crate::conformance::case::Request;
use crate::conformance::{Case, Finding, Rule};
use crate::{ErrorKind, SignatureHeader};

/// How many cases one run generates.
const CASES: u32 = 2048;

/// How many smaller cases are tried after a finding.
const SHRINKS: u32 = 2048;

/// Judges cases made from `seed`, and shrinks the first one that fails.
pub(super) fn run(
    judge: impl Fn(&Case) -> Result<(), Finding>,
    tolerance: Duration,
    seed: u64,
) -> Result<(), Finding> {
    let config = Config {
        failure_persistence: None,
        max_shrink_iters: SHRINKS,
        // Faster than the default, and good enough here.
        rng_algorithm: RngAlgorithm::XorShift,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::with_cases(CASES)
    };
    // While proptest shrinks, each case that still fails is smaller than the one before.
    let smallest: RefCell<Option<Finding>> = RefCell::new(None);
    let outcome = TestRunner::new(config).run(&cases(tolerance), |case| {
        judge(&case).map_err(|finding| {
            smallest.replace(Some(finding));
            TestCaseError::fail("")
        })
    });
    match smallest.into_inner() {
        Some(finding) => Err(finding.with_seed(seed)),
        None => {
            assert!(
                outcome.is_ok(),
                "the cases cannot be generated: {outcome:?}"
            );
            Ok(())
        }
    }
}

fn cases(tolerance: Duration) -> impl Strategy<Value = Case> {
    prop_oneof![
        2 => request::requests().prop_map(|request| honest(&request)),
        3 => forged(),
        2 => edited(),
        1 => loose_times(),
        1 => mixed_digits(),
        2 => windows(tolerance),
        1 => any_header(),
    ]
}

fn honest(request: &Request) -> Case {
    let rule = match core::str::from_utf8(&request.body) {
        Ok(_) => Rule::Honest,
        Err(_) => Rule::RawBody,
    };
    request.case(rule, "an honest request")
}

/// One part is another than was signed.
fn forged() -> impl Strategy<Value = Case> {
    let inputs = (request::requests(), any::<Index>(), any::<u8>(), 0..10_u8);
    inputs.prop_map(|(request, index, byte, part)| match part {
        0..=2 => other_body(&request, index, byte, part),
        3 => other_time(&request, index),
        4 => other_secret(&request, index, byte),
        5..=7 => other_mac(&request, index),
        8 => short_mac(&request, index),
        _ => other_dot(&request, byte),
    })
}

fn other_body(request: &Request, index: Index, byte: u8, how: u8) -> Case {
    let mut body = request.body.clone();
    let length = body.len();
    let name = match how {
        0 if length > 0 => {
            let bit = index.index(8 * length);
            body[bit / 8] ^= 1 << (bit % 8);
            format!("bit {} of the body's byte {} flipped", bit % 8, bit / 8)
        }
        1 if length > 0 => {
            let at = index.index(length);
            body.remove(at);
            format!("the body without its byte {at}")
        }
        _ => {
            let at = index.index(length + 1);
            body.insert(at, byte);
            format!("the byte {byte:#04x} put into the body at {at}")
        }
    };
    request
        .case(Rule::BodySigned, name)
        .mismatch()
        .with_body(body)
}

fn other_time(request: &Request, index: Index) -> Case {
    let bit = index.index(64);
    let t = request.t ^ (1 << bit);
    let case = request.case(Rule::TimeSigned, format!("bit {bit} of the time flipped"));
    case.mismatch()
        .with_header(format!("t={t},v={}", request.mac()))
        .at(t)
}

fn other_secret(request: &Request, index: Index, byte: u8) -> Case {
    let mut bytes = request.secret.clone().into_bytes();
    let at = index.index(bytes.len());
    // One of the 93 other visible characters.
    bytes[at] = (bytes[at] - b'!' + 1 + byte % 93) % 94 + b'!';
    let name = format!("the secret's character {at} changed");
    let secret = String::from_utf8_lossy(&bytes).into_owned();
    request
        .case(Rule::SecretKeyed, name)
        .mismatch()
        .with_secret(secret)
}

fn other_mac(request: &Request, index: Index) -> Case {
    let mut mac = hex::decode(request.mac()).unwrap_or_default();
    let bit = index.index(8 * mac.len());
    mac[bit / 8] ^= 1 << (bit % 8);
    let name = format!("bit {} of the MAC's byte {} flipped", bit % 8, bit / 8);
    let header = format!("t={},v={}", request.t, hex::encode(mac));
    request
        .case(Rule::MacCompared, name)
        .mismatch()
        .with_header(header)
}

fn short_mac(request: &Request, index: Index) -> Case {
    let mac = request.mac();
    let digits = index.index(mac.len());
    let header = format!("t={},v={}", request.t, &mac[..digits]);
    let case = request.case(
        Rule::MacLength,
        format!("the first {digits} digits of the MAC"),
    );
    case.malformed().with_header(header)
}

fn other_dot(request: &Request, byte: u8) -> Case {
    let t = request.t.to_string();
    let (name, dot) = match byte {
        b'.' => ("the MAC of time and body without a dot".into(), Vec::new()),
        _ => (
            format!("the MAC with the byte {byte:#04x} for the dot"),
            Vec::from([byte]),
        ),
    };
    let mac = request.mac_of(&[t.as_bytes(), &dot, &request.body].concat());
    let case = request.case(Rule::DotSigned, name).mismatch();
    case.with_header(format!("t={t},v={mac}"))
}

/// One character of the header put in, removed or replaced.
fn edited() -> impl Strategy<Value = Case> {
    let characters: Vec<char> = " \t\r\n\0,;:=.+-_\"'tTvVx0159afAFgé１\u{a0}"
        .chars()
        .collect();
    let character = prop_oneof![4 => select(characters), 1 => any::<char>()];
    let inputs = (request::requests(), any::<Index>(), character, 0..3_u8);
    inputs.prop_map(|(request, index, character, how)| {
        let header = request.header();
        let mut characters: Vec<char> = header.chars().collect();
        let at = index.index(characters.len());
        let name = match how {
            0 if characters[at] != character => {
                characters[at] = character;
                format!("the header's character {at} replaced by {character:?}")
            }
            1 => {
                characters.remove(at);
                format!("the header without its character {at}")
            }
            _ => {
                characters.insert(at, character);
                format!("{character:?} put into the header at {at}")
            }
        };
        other_header(&request, &name, characters.into_iter().collect())
    })
}

/// Text of many forms in place of the header.
fn any_header() -> impl Strategy<Value = Case> {
    let header = prop_oneof![
        "\\PC*",
        "t=[0-9]{0,21},v=[0-9a-f]{62,66}",
        " ?t ?= ?[+0-9]{1,20} ?, ?v=[0-9a-fA-F]{64} ?",
        "v=[0-9a-f]{64},t=[0-9]{1,13}",
        "(t=[0-9]{1,3},){1,2}v=[0-9a-f]{64}(,v=[0-9a-f]{64})?",
    ];
    (request::requests(), header)
        .prop_map(|(request, header)| other_header(&request, "another header", header))
}

/// A header that differs from the only right one, so that its time or its MAC is another, or it is none.
fn other_header(request: &Request, name: &str, header: String) -> Case {
    let case = |rule| request.case(rule, name);
    match header.parse::<SignatureHeader>() {
        Err(_) => case(Rule::HeaderForm).malformed(),
        Ok(other) if other.timestamp().get() == request.t => case(Rule::MacCompared).mismatch(),
        Ok(other) => case(Rule::TimeSigned)
            .mismatch()
            .at(other.timestamp().get()),
    }
    .with_header(header)
}

/// The right time with something before or after its digits.
fn loose_times() -> impl Strategy<Value = Case> {
    let before = select(&["", "+", "-", "0", "00", " ", "\t", "0x", "_", "'"][..]);
    let after = select(&[" ", ".", ".0", "e0", "_", "n", "\n", "\0", "'", "#"][..]);
    (
        request::requests(),
        before,
        after,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(request, before, after, both, of_number)| {
            let after = if before.is_empty() || both { after } else { "" };
            let t = format!("{before}{}{after}", request.t);
            let mac = match of_number {
                true => request.mac(),
                false => request.mac_of(&[t.as_bytes(), b".", &request.body].concat()),
            };
            let name = format!("the time {} written {t:?}", request.t);
            let case = request.case(Rule::TimeSpelling, name).malformed();
            case.with_header(format!("t={t},v={mac}"))
        })
}

/// The right MAC with some of its letters in upper case.
fn mixed_digits() -> impl Strategy<Value = Case> {
    (request::requests(), any::<u64>()).prop_map(|(request, mask)| {
        let lower = request.mac();
        let mixed: String = lower
            .char_indices()
            .map(|(at, digit)| match mask >> at & 1 {
                1 => digit.to_ascii_uppercase(),
                _ => digit,
            })
            .collect();
        let mac = if mixed == lower {
            lower.to_ascii_uppercase()
        } else {
            mixed
        };
        let case = request.case(Rule::MacSpelling, "the MAC with letters in upper case");
        case.malformed()
            .with_header(format!("t={},v={mac}", request.t))
    })
}

/// A time on either side of the verifier's own, inside the window or outside.
fn windows(tolerance: Duration) -> impl Strategy<Value = Case> {
    let edge = u64::try_from(tolerance.as_millis()).unwrap_or(u64::MAX);
    let beyond = prop_oneof![1..10_000_u64, any::<u64>()];
    let distance = prop_oneof![
        0..=edge,
        edge.saturating_sub(1000)..=edge,
        beyond.prop_map(move |more| edge.saturating_add(more)),
    ];
    // Secret and body stay the published ones, so that a finding is about the time.
    (request::times(), distance, any::<bool>()).prop_map(move |(t, distance, is_past)| {
        // Room for the distance on the side that is asked for.
        let t = match is_past {
            true => t.min(u64::MAX - distance),
            false => t.max(distance),
        };
        let request = Request::published().at(t);
        let (rule, now, side, reason) = match is_past {
            true => (Rule::WindowPast, t + distance, "past", ErrorKind::Expired),
            false => (
                Rule::WindowFuture,
                t - distance,
                "future",
                ErrorKind::FromTheFuture,
            ),
        };
        let case = request
            .case(rule, format!("signed {distance} ms in the {side}"))
            .at(now);
        match distance <= edge {
            true => case,
            false => case.refused(reason),
        }
    })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::conformance::Expected;
    use crate::{ApiSecret, UnixMillis, Verifier};

    /// What a case says of itself is what this crate's verifier says of it, with its reason.
    #[test]
    fn the_verifier_agrees_with_every_generated_case() {
        for tolerance in [0, 1, 300_000, u64::MAX].map(Duration::from_millis) {
            let verifier = Verifier::new(tolerance);
            let judge = |case: &Case| {
                let secret = ApiSecret::new(case.secret.as_str()).unwrap();
                let now = UnixMillis::new(case.now_ms);
                let answer = verifier.verify(&secret, &case.header, &case.body, now);
                let answer = match answer {
                    Ok(_) => Expected::Accepted,
                    Err(error) => Expected::Refused(error.kind()),
                };
                assert_eq!(answer, case.expected, "{case:?}");
                Ok(())
            };
            run(judge, tolerance, 7).unwrap();
        }
    }

    #[test]
    fn a_seed_gives_the_same_cases_and_another_seed_others() {
        let of = |seed| {
            let seen = RefCell::new(Vec::new());
            let judge = |case: &Case| {
                seen.borrow_mut().push(format!("{case:?}"));
                Ok(())
            };
            run(judge, Duration::from_secs(300), seed).unwrap();
            seen.into_inner()
        };
        assert_eq!(of(1).len(), usize::try_from(CASES).unwrap());
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
