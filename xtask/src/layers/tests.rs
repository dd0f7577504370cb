//! Each rule, against what it is for and against what it must let through.

use std::collections::BTreeMap;

use super::{ALLOWED, Kind, LAYERS, Layer, arrows, violations_of};
use crate::source::Module;

fn found_at(name: &str, path: &str, text: &str) -> Vec<String> {
    let layer = layer(name);
    let module = Module::parse("planted.rs", path, text).expect("a planted source parses");
    let found = violations_of(layer, &module);
    found.into_iter().map(|violation| violation.what).collect()
}

fn found(name: &str, text: &str) -> Vec<String> {
    found_at(name, "planted", text)
}

fn body(name: &str, statements: &str) -> Vec<String> {
    found(name, &format!("async fn planted() {{ {statements} }}"))
}

fn layer(name: &str) -> &'static Layer {
    LAYERS
        .iter()
        .find(|layer| layer.name == name)
        .expect("a layer of that name")
}

fn as_documented() -> BTreeMap<String, Vec<String>> {
    let uses = |layer: &Layer| layer.may_use.iter().map(|&name| name.to_owned()).collect();
    LAYERS
        .iter()
        .map(|layer| (layer.name.to_owned(), uses(layer)))
        .collect()
}

#[test]
fn an_arrow_that_is_not_drawn_is_seen() {
    assert_eq!(arrows::wrong(&as_documented()), Vec::<String>::new());

    let mut used = as_documented();
    used.entry("genrex-ledger".to_owned())
        .or_default()
        .push("genrex-core".to_owned());
    assert_eq!(
        arrows::wrong(&used),
        ["genrex-ledger must not use genrex-core"]
    );

    let mut used = as_documented();
    used.insert("genrex-server".to_owned(), Vec::new());
    assert_eq!(arrows::wrong(&used), ["genrex-server is in no layer"]);

    let mut used = as_documented();
    used.remove("genrex-sign");
    assert_eq!(arrows::wrong(&used), ["there is no crate genrex-sign"]);
}

#[test]
fn a_pure_crate_that_touches_the_world_is_seen() {
    let planted = [
        "use std::fs;",
        "use std::{io, fs::File};",
        "fn f() { std::fs::read(\"x\"); }",
        "use std::net::{IpAddr, TcpStream};",
        "use std::net::*;",
        "use std::time::{Duration, SystemTime};",
        "use std::time; fn f() { time::Instant::now(); }",
        "use std::time as t; fn f() { t::SystemTime::now(); }",
        "use std as s; fn f() { s::thread::sleep(d); }",
        "fn f() { vec![std::time::SystemTime::now()]; }",
        "fn f() { std::thread::spawn(|| ()); }",
        "use tokio::time::sleep;",
        "async fn f() { tokio::spawn(g()); }",
        "mod inner { use std::process::Command; }",
        "fn f() { std::env::var(\"X\"); }",
    ];
    for name in [
        "genrex-sign",
        "genrex-proto",
        "genrex-ledger",
        "genrex-core",
    ] {
        for text in planted {
            assert!(!found(name, text).is_empty(), "{name} passes with {text}");
        }
    }
}

#[test]
fn a_pure_crate_may_hold_values_and_tests() {
    let clean = "
        use std::net::{IpAddr, Ipv4Addr};
        use std::time::{Duration, UNIX_EPOCH};
        //! let now = std::time::SystemTime::now();
        fn f() -> Duration { Duration::ZERO }
        #[cfg(test)]
        mod tests { use std::fs; }
        #[test]
        fn t() { std::thread::sleep(d); }
    ";
    assert_eq!(
        found("genrex-core", &clean.replace("//!", "//")),
        Vec::<String>::new()
    );
}

#[test]
fn what_is_exempt_is_exempt_there_alone() {
    let parks = "use std::thread; fn f() { thread::park(); }";
    assert!(found_at("genrex-core", "block_on", parks).is_empty());
    assert!(!found_at("genrex-core", "driver", parks).is_empty());
    assert!(!found_at("genrex-core", "block_on_more", parks).is_empty());
    assert!(!found_at("genrex-proto", "block_on", parks).is_empty());
    let sleeps = "fn f() { std::thread::sleep(d); }";
    assert!(!found_at("genrex-core", "block_on", sleeps).is_empty());
    assert!(found_at("genrex-core", "testing::transport", sleeps).is_empty());
}

const DECIDERS: [&str; 3] = ["genrex-async", "genrex-blocking", "genrex-cli"];

#[test]
fn a_rule_or_a_write_outside_the_core_is_seen() {
    for name in DECIDERS {
        for text in [
            "use genrex_ledger::rules;",
            "use genrex_ledger::{Entry, rules::intend};",
            "use genrex_core::ledger; fn f() { ledger::rules::intend(c, i); }",
            "use genrex_ledger as kept; fn f() { kept::rules::record(e); }",
            "use genrex_core::failure::Class;",
            "use genrex_async::core; fn f() { core::failure::Class::Busy; }",
            "use genrex_core::failure as f;",
        ] {
            assert!(!found(name, text).is_empty(), "{name} passes with {text}");
        }
        for statements in [
            "ledger.intend(&intent, now).await?;",
            "self.ledger.record(id, &event, now).await?;",
            "client.ledger().unwrap().observe(&alias, &account, &look, now).await?;",
            "credits.observe(&look, now);",
            "ledger.reconcile(id, now).await?;",
            "ledger.release(id, now);",
            "ledger.recover(now).await?;",
            "Ledger::recover(&ledger, now).await?;",
            "Ledger::intend(&ledger, &intent, now).await?;",
            "tokio::select! { kept = ledger.record(id, &event, now) => kept? }",
        ] {
            assert!(
                !body(name, statements).is_empty(),
                "{name} passes with {statements}"
            );
        }
        for statements in [
            "ledger.entry(id).await?; ledger.entries(&filter).await?; ledger.history(id).await?;",
            "ledger.credits(&account).await?; ledger.account(&alias).await?;",
            "client.reconcile(id).await?; client.resolve(id, resolution).await?; client.recover().await?;",
            "Span::current().record(\"status\", 200);",
        ] {
            assert_eq!(
                body(name, statements),
                Vec::<String>::new(),
                "{name}: {statements}"
            );
        }
    }
}

#[test]
fn a_look_at_a_status_is_seen() {
    for name in ["genrex-async", "genrex-blocking"] {
        for statements in [
            "if response.status() == 429 { retry(); }",
            "if 429 == status.as_u16() { retry(); }",
            "if status >= 500 { retry(); }",
            "if http_status != 200 { retry(); }",
            "match response.status() { _ => retry() }",
            "match status { 404 => retry(), _ => {} }",
            "if matches!(response.status(), s if bad(s)) { retry(); }",
            "if response.status().is_success() { done(); }",
            "let code = response.status(); decide(code);",
            "let bad = status == StatusCode::NOT_FOUND;",
        ] {
            assert!(
                !body(name, statements).is_empty(),
                "{name} passes with {statements}"
            );
        }
        for statements in [
            "*head.status_mut() = response.status();",
            "let response = Response::builder().status(answer.status(), 1);",
            "let exchange = Exchange { status: response.status(), body };",
        ] {
            assert_eq!(
                body(name, statements),
                Vec::<String>::new(),
                "{name}: {statements}"
            );
        }
    }
    assert!(!found("genrex-cli", "use http::StatusCode;").is_empty());
    assert!(!body("genrex-cli", "if status.is_server_error() { retry(); }").is_empty());
}

#[test]
fn a_calculation_with_credits_is_seen() {
    for statements in [
        "let left = limit - entry.expected_cost.unwrap_or(0);",
        "let left = balance.credits_left() - reserved;",
        "total += entry.expected_cost?;",
        "let sum: u64 = entries.iter().map(|entry| entry.expected_cost.unwrap_or(0)).sum();",
        "let left = balance.total_credit_quota.saturating_sub(balance.credits_used);",
        "let left = limit.checked_sub(credits.spending(now).day);",
        "let both = entries.iter().fold(0, |sum, entry| add(sum, entry.expected_cost));",
        "if credits.spending(now).day > limit { stop(); }",
        "if price <= balance.credits_left() { buy(); }",
        "println!(\"{}\", 2 * balance.credits_used);",
        "let all: Option<u64> = costs.into_iter().sum();",
        "let all = prices.iter().flatten().sum::<u64>();",
        "let most = row_costs.iter().max();",
    ] {
        assert!(
            !body("genrex-cli", statements).is_empty(),
            "passes: {statements}"
        );
    }
    for statements in [
        "output.note(format_args!(\"{} credits\", balance.credits_left()));",
        "let run = max_credits.map(|credits| Run { id: run_name(), credits });",
        "let expected: Option<u64> = entry.expected_cost;",
        "rows += 1; let width = name.len() + 2;",
        "fn shown(credits: u64) -> String { text(credits) }",
        "limits.day = args.max_credits;",
    ] {
        assert_eq!(
            body("genrex-cli", statements),
            Vec::<String>::new(),
            "{statements}"
        );
    }
}

#[test]
fn a_decision_by_a_text_is_seen() {
    for name in DECIDERS {
        for statements in [
            "if error.to_string().contains(\"timed out\") { retry(); }",
            "if format!(\"{error:?}\").starts_with(\"Busy\") { retry(); }",
            "if format!(\"{:?}\", error.kind()) == \"Busy\" { retry(); }",
            "let text = error.to_string(); if text.starts_with(\"x\") { retry(); }",
            "let mut text = format!(\"{why}\"); if text.contains(\"x\") { retry(); }",
            "match error.to_string().as_str() { \"x\" => retry(), _ => stop() }",
            "let kind = entry.detail.as_deref().unwrap().parse::<Kind>()?;",
            "if entry.detail.as_deref().is_some_and(|said| said.contains(\"x\")) { retry(); }",
            "if entry.detail.as_deref() == Some(\"Busy\") { retry(); }",
            "match entry.detail.as_deref() { Some(\"Busy\") => retry(), _ => stop() }",
            "if let Some(detail) = &entry.detail { if detail.contains(\"x\") { retry(); } }",
            "if failure.message.contains(\"x\") { retry(); }",
            "assert!(\"x\" != error.to_string());",
        ] {
            assert!(
                !body(name, statements).is_empty(),
                "{name} passes with {statements}"
            );
        }
        for statements in [
            "let message = error.to_string(); show(message);",
            "show(Failure::new(error.to_string()).hint(name.trim()));",
            "match entry.detail { Some(detail) => show(\"it said\", detail), None => show(\"\", none) }",
            "if name.starts_with(\"x\") { f(); } let id = name.parse::<LocalId>()?;",
            "match error.kind() { ErrorKind::Busy => retry(), _ => stop() }",
            "let n = text.parse().map_err(|error| usage(error.to_string()))?;",
        ] {
            assert_eq!(
                body(name, statements),
                Vec::<String>::new(),
                "{name}: {statements}"
            );
        }
    }
}

#[test]
fn what_is_allowed_has_a_reason() {
    assert!(ALLOWED.iter().all(|(_, _, why)| !why.is_empty()));
    assert!(
        LAYERS
            .iter()
            .filter(|layer| layer.kind == Kind::Pure)
            .count()
            >= 4
    );
}

#[test]
fn what_prints_beside_the_one_module_is_seen() {
    for text in [
        "use std::io; fn f() { io::stdout(); }",
        "use std::io::{self, Write}; fn f() { let _ = io::stderr().write_all(b); }",
        "use std::io::stderr as anywhere;",
        "use std::io::*;",
        "fn f() { tokio::io::stdout(); }",
        "use anstream::stdout;",
        "fn f() { println!(\"{x}\"); }",
        "fn f() { if a { eprint!(\"{x}\"); } }",
        "use indicatif::ProgressBar;",
    ] {
        assert!(!found("genrex-cli", text).is_empty(), "{text}");
        assert_eq!(found("genrex-sandbox", text), Vec::<String>::new());
    }
    let prints = "use std::io; fn f() { io::stdout(); }";
    for module in ["output", "output::drawing"] {
        assert_eq!(found_at("genrex-cli", module, prints), Vec::<String>::new());
    }
    assert!(!found_at("genrex-cli", "outputs", prints).is_empty());
    assert!(!found_at("genrex-cli", "progress", prints).is_empty());
    let reads = "use std::io; fn f() { io::stdin(); }";
    assert_eq!(found("genrex-cli", reads), Vec::<String>::new());
}
