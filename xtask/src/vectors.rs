//! The signature's test vectors for other languages: written from the conformance suite's fixed cases,
//! and held against their schema and the crate.

mod schema;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_sign::conformance::{Case, Expected, Rule, fixed_cases};
use genrex_sign::{ApiSecret, ErrorKind, Payload, UnixMillis, Verifier};
use serde_json::{Value, json};
use xshell::Shell;

use crate::vectors::schema::Schema;

const FILE: &str = "crates/genrex-sign/vectors/signatures.json";
const SCHEMA: &str = "crates/genrex-sign/vectors/signatures.schema.json";

const DESCRIPTION: &str = "Written by `cargo xtask vectors` from the cases of genrex_sign::conformance; do not edit. \
                           signatures.schema.json says what the fields are.";

/// All cases are there with the first, and those of the window with the others too.
const TOLERANCES_MS: [u64; 4] = [300_000, 0, 1, 86_400_000];

/// The greatest whole number that every reader of JSON keeps exact: 2^53 - 1.
const GREATEST: u64 = (1 << 53) - 1;

/// Bodies and headers that are longer are left out, to keep the file small.
const LONGEST: usize = 4096;

/// Writes the file, or only compares it; then checks what it holds.
pub(crate) fn run(shell: &Shell, only_check: bool) -> anyhow::Result<()> {
    let root = shell.current_dir();
    let (file, schema) = (root.join(FILE), root.join(SCHEMA));
    let written = text(&document()?)?;
    if only_check {
        let kept = shell.read_file(&file)?;
        ensure!(
            kept == written,
            "{FILE} is not what is generated: run `cargo xtask vectors`"
        );
    } else {
        shell.write_file(&file, &written)?;
    }
    let document = read(&file)?;
    Schema::new(read(&schema)?)
        .check(&document)
        .with_context(|| format!("{FILE} does not fit {SCHEMA}"))?;
    let cases = check(&document)?;
    println!("{FILE}: {cases} cases fit their schema, and the crate agrees with each");
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", file.display()))
}

fn text(document: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

fn document() -> anyhow::Result<Value> {
    let (mut sign, mut accept, mut refuse) = (Vec::new(), Vec::new(), Vec::new());
    for tolerance_ms in TOLERANCES_MS {
        for case in fixed_cases(Duration::from_millis(tolerance_ms)) {
            let of_window = matches!(case.rule, Rule::WindowPast | Rule::WindowFuture);
            let is_first = tolerance_ms == TOLERANCES_MS[0];
            if !(is_first || of_window) || !is_portable(&case) {
                continue;
            }
            if case.expected == Expected::Accepted && !of_window {
                sign.push(signing(&case));
            }
            match case.expected {
                Expected::Refused(kind) => {
                    let mut refused = verifying(&case, tolerance_ms);
                    refused["reason"] = reason(kind)?.into();
                    refuse.push(refused);
                }
                _ => accept.push(verifying(&case, tolerance_ms)),
            }
        }
    }
    Ok(json!({"description": DESCRIPTION, "sign": sign, "accept": accept, "refuse": refuse}))
}

/// Whether a reader in any language can hold the case.
fn is_portable(case: &Case) -> bool {
    case.now_ms <= GREATEST && case.body.len() <= LONGEST && case.header.len() <= LONGEST
}

/// An honest request at its own time: what is verified there is what is signed.
fn signing(case: &Case) -> Value {
    json!({
        "name": case.name,
        "secret": case.secret,
        "timeMs": case.now_ms,
        "bodyHex": hex(&case.body),
        "header": case.header,
    })
}

fn verifying(case: &Case, tolerance_ms: u64) -> Value {
    json!({
        "rule": case.rule.name(),
        "name": case.name,
        "secret": case.secret,
        "header": case.header,
        "bodyHex": hex(&case.body),
        "nowMs": case.now_ms,
        "toleranceMs": tolerance_ms,
    })
}

fn reason(kind: ErrorKind) -> anyhow::Result<&'static str> {
    match kind {
        ErrorKind::MalformedHeader => Ok("malformed-header"),
        ErrorKind::Mismatch => Ok("mismatch"),
        ErrorKind::Expired => Ok("expired"),
        ErrorKind::FromTheFuture => Ok("from-the-future"),
        other => anyhow::bail!("a verifier does not refuse with {other:?}"),
    }
}

/// Signs and verifies every case of the file again, and returns how many there are.
fn check(document: &Value) -> anyhow::Result<usize> {
    let mut count = 0;
    for list in ["sign", "accept", "refuse"] {
        for case in document[list].as_array().context("no list")? {
            let right = match list {
                "sign" => signs(case)?,
                _ => verifies(case)? == case["reason"].as_str(),
            };
            ensure!(right, "the crate disagrees with {list}: {case}");
            count += 1;
        }
    }
    Ok(count)
}

fn signs(case: &Value) -> anyhow::Result<bool> {
    let header = secret(case)?.sign(
        UnixMillis::new(number(case, "timeMs")?),
        &Payload::from(body(case)?),
    );
    Ok(header.to_string() == string(case, "header")?)
}

/// The reason of a refusal.
fn verifies(case: &Value) -> anyhow::Result<Option<&'static str>> {
    let verifier = Verifier::new(Duration::from_millis(number(case, "toleranceMs")?));
    let now = UnixMillis::new(number(case, "nowMs")?);
    let verdict = verifier.verify(&secret(case)?, string(case, "header")?, &body(case)?, now);
    verdict.err().map(|error| reason(error.kind())).transpose()
}

fn secret(case: &Value) -> anyhow::Result<ApiSecret> {
    Ok(ApiSecret::new(string(case, "secret")?)?)
}

fn string<'a>(case: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    case[name].as_str().with_context(|| format!("no {name}"))
}

fn number(case: &Value, name: &str) -> anyhow::Result<u64> {
    case[name].as_u64().with_context(|| format!("no {name}"))
}

fn body(case: &Value) -> anyhow::Result<Vec<u8>> {
    let digits = string(case, "bodyHex")?.as_bytes();
    digits
        .chunks(2)
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
