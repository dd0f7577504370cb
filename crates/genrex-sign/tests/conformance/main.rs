//! The conformance suite passes right verifiers, and catches wrong ones by the rule that they break.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod naive;
mod wrong;

use std::collections::HashSet;
use std::time::Duration;

use genrex_sign::conformance::{
    Answer, Expected, Finding, Rule, check, check_with_seed, fixed_cases,
};
use genrex_sign::{ApiSecret, ErrorKind, UnixMillis, Verifier};

use crate::naive::TOLERANCE_MS;
use crate::wrong::Wrong;

const TOLERANCE: Duration = Duration::from_millis(TOLERANCE_MS);

/// From nothing to more than times can be apart, with and without a part of a millisecond.
const TOLERANCES: [Duration; 8] = [
    Duration::ZERO,
    Duration::from_micros(999),
    Duration::from_millis(1),
    Duration::from_micros(1500),
    TOLERANCE,
    Duration::from_secs(100 * 365 * 86_400),
    Duration::from_millis(u64::MAX - 1),
    Duration::MAX,
];

#[test]
fn this_crates_verifier_passes() {
    for tolerance in TOLERANCES {
        let verifier = Verifier::new(tolerance);
        let verify = |secret: &str, header: &str, body: &[u8], now_ms: u64| {
            let secret = ApiSecret::new(secret).unwrap();
            let now = UnixMillis::new(now_ms);
            verifier.verify(&secret, header, body, now).is_ok()
        };
        check(verify, tolerance).unwrap();
    }
}

#[test]
fn an_independent_verifier_passes() {
    for tolerance in TOLERANCES {
        let verify = |secret: &str, header: &str, body: &[u8], now_ms: u64| {
            naive::verify(secret, header, body, now_ms, tolerance.as_millis())
        };
        check(verify, tolerance).unwrap();
    }
}

#[test]
fn this_crates_verifier_gives_the_reason_of_every_fixed_case() {
    for tolerance in TOLERANCES {
        for case in fixed_cases(tolerance) {
            let secret = ApiSecret::new(case.secret.as_str()).unwrap();
            let now = UnixMillis::new(case.now_ms);
            let answer = Verifier::new(tolerance).verify(&secret, &case.header, &case.body, now);
            let answer = match answer {
                Ok(_) => Expected::Accepted,
                Err(error) => Expected::Refused(error.kind()),
            };
            assert_eq!(answer, case.expected, "{case:?}");
        }
    }
}

#[test]
fn a_wrong_verifier_is_caught_by_its_rule() {
    for (name, verify, rule) in wrong::ALL.concat() {
        let finding = caught((name, verify, rule), 0);
        assert_eq!(finding.seed(), None, "{name}: {finding}");
    }
}

#[test]
fn a_rare_defect_is_caught_by_a_generated_case() {
    for &(name, verify, rule) in wrong::RARE {
        for seed in [1, 2, 3] {
            let finding = caught((name, verify, rule), seed);
            assert_eq!(finding.seed(), Some(seed), "{name}: {finding}");
            assert_eq!(
                caught((name, verify, rule), seed),
                finding,
                "{name}: the same seed"
            );
        }
    }
}

/// What the suite says of a wrong verifier, which must be about its rule and be true.
fn caught((name, verify, rule): Wrong, seed: u64) -> Finding {
    let finding = check_with_seed(verify, TOLERANCE, seed).expect_err(name);
    assert_eq!(finding.rule(), rule, "{name}: {finding}");
    let case = finding.case();
    let again = || verify(&case.secret, &case.header, &case.body, case.now_ms);
    match std::panic::catch_unwind(again) {
        Ok(accepted) => {
            let answer = if accepted {
                Answer::Accepted
            } else {
                Answer::Refused
            };
            assert_eq!(finding.answer(), &answer, "{name}: {finding}");
            assert_eq!(
                accepted,
                case.expected != Expected::Accepted,
                "{name}: {finding}"
            );
        }
        Err(_) => assert_eq!(rule, Rule::NoPanic, "{name}: {finding}"),
    }
    finding
}

#[test]
fn a_generated_finding_is_shrunk() {
    let refuses = |secret: &str, header: &str, body: &[u8], now_ms: u64| {
        let is_fixed = body.len() == 256 || body.len() > 1000;
        (is_fixed || !body.contains(&0xfa))
            && naive::verify(secret, header, body, now_ms, u128::from(TOLERANCE_MS))
    };
    let finding = check_with_seed(refuses, TOLERANCE, 5).unwrap_err();
    assert_eq!(finding.case().body, [0xfa], "{finding}");
    assert_eq!(finding.case().secret.len(), 1, "{finding}");
}

#[test]
fn no_two_fixed_cases_of_a_tolerance_have_the_same_name() {
    for tolerance in TOLERANCES {
        let mut names = HashSet::new();
        for case in fixed_cases(tolerance) {
            assert!(
                names.insert(format!("{} {}", case.rule.name(), case.name)),
                "{case:?}"
            );
        }
    }
}

#[test]
fn the_fixed_cases_reach_every_rule_and_every_reason() {
    let cases = fixed_cases(TOLERANCE);
    let rules: HashSet<Rule> = cases.iter().map(|case| case.rule).collect();
    // A panic breaks a rule of its own, whatever the case.
    assert_eq!(rules.len(), 18, "{rules:?}");
    for reason in [
        ErrorKind::MalformedHeader,
        ErrorKind::Mismatch,
        ErrorKind::Expired,
        ErrorKind::FromTheFuture,
    ] {
        assert!(
            cases
                .iter()
                .any(|case| case.expected == Expected::Refused(reason)),
            "{reason:?}"
        );
    }
    assert_eq!(fixed_cases(TOLERANCE), cases);
}

#[test]
fn a_finding_says_what_was_broken_and_shows_the_input() {
    let finding = check(|_, header, _, _| !header.is_empty(), TOLERANCE).unwrap_err();
    assert_eq!(
        finding.to_string(),
        "broken rule: the MAC covers every byte of the body; \
         the case \"bit 0 of the body's byte 0 flipped\" was accepted, and must be refused: \
         secret \"7Xd9PfMlkanB5ZTuj0qQG\", \
         header \"t=1717574785354,v=c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90\", \
         body \"z\\\"duration\\\":10,\\\"text\\\":\\\"music\\\"}\", now 1717574785354 ms, tolerance 300s"
    );
    let finding = check(|_, _, _, _| panic!("not ready"), TOLERANCE).unwrap_err();
    assert_eq!(finding.answer(), &Answer::Panicked("not ready".into()));
    assert!(
        finding
            .to_string()
            .contains("caused the panic \"not ready\""),
        "{finding}"
    );
}
