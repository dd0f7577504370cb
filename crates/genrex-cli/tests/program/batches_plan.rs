//! `batch --dry-run`: what would be bought, and for how much, as far as it is known.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::service::Counting;
use crate::support::{Sandbox, code, error, json, stderr, stdout};

fn plan(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Output {
    let args = ["batch", "rows", "--out-dir", "out", "--dry-run"];
    sandbox.run(folder, &[&args[..], more].concat())
}

fn folder_of(rows: &str) -> (TempDir, Sandbox) {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("rows"), rows).unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms", "--quota", "100"]);
    (folder, sandbox)
}

fn limits(folder: &TempDir, limits: &str) {
    let config = folder.path().join("config/genrex");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), format!("[limits]\n{limits}\n")).unwrap();
}

fn steps(plan: &Value) -> Vec<(u64, &str)> {
    let rows = plan["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["line"].as_u64().unwrap(), row["step"].as_str().unwrap()))
        .collect()
}

#[test]
fn it_tells_each_row_and_what_the_rest_costs_and_buys_nothing() {
    let (folder, sandbox) = folder_of("text,duration\na,5\nb,5\nsandbox:fail,5\n");
    let first = plan(&sandbox, folder.path(), &["--json"]);
    let said = json(&first);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    assert_eq!(steps(&said), [(2, "buy"), (3, "buy"), (4, "buy")]);
    assert_eq!(
        (
            &said["knownCredits"],
            &said["rowsOfUnknownPrice"],
            &said["atMostCredits"]
        ),
        (&0.into(), &3.into(), &Value::Null)
    );
    assert_eq!(said["creditsLeft"], 100);
    assert!(!folder.path().join("out").exists(), "nothing is made");
    let told = stdout(&plan(&sandbox, folder.path(), &[]));
    for part in [
        "3 of 5 s, whose price is not known",
        "cost: not known",
        "per_job",
        "nothing was bought",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }

    let bought = sandbox.batch(folder.path(), "rows", &["--max-credits", "100"]);
    assert_eq!(code(&bought), 4, "{}", stderr(&bought));
    let rows = "text,duration\na,5\nb,5\nsandbox:fail,5\nc,5\nd,6\n";
    fs::write(folder.path().join("rows"), rows).unwrap();
    let said = json(&plan(&sandbox, folder.path(), &["--json"]));
    assert_eq!(
        steps(&said),
        [
            (2, "here"),
            (3, "here"),
            (4, "leave"),
            (5, "buy"),
            (6, "buy")
        ]
    );
    assert_eq!(
        (&said["knownCredits"], &said["rowsOfUnknownPrice"]),
        (&5.into(), &1.into())
    );
    let failed = json(&plan(
        &sandbox,
        folder.path(),
        &["--json", "--retry-failed"],
    ));
    assert_eq!(failed["knownCredits"], 10, "{failed}");
    assert_eq!(failed["steps"]["buy"], 3);
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 15, "no plan has bought anything");
}

/// Whether each bound of a plan is kept; none where that is not known.
fn fits(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Vec<(String, Option<bool>)> {
    let said = json(&plan(sandbox, folder, &[&["--json"], more].concat()));
    let bounds = said["bounds"].as_array().unwrap().iter();
    let bounds = bounds.map(|it| {
        (
            it["name"].as_str().unwrap().to_owned(),
            it["fits"].as_bool(),
        )
    });
    bounds.collect()
}

#[test]
fn it_says_whether_a_limit_would_stop_it() {
    let (folder, sandbox) = folder_of("text,duration\na,5\nb,5\n");
    let is = |name: &str, fits| (name.to_owned(), fits);
    for (set, balance, run, day) in [
        ("day = 20", None, None, None),
        ("day = 20\nper_job = 10", Some(true), None, Some(true)),
        ("day = 20\nper_job = 11", Some(true), None, None),
    ] {
        limits(&folder, set);
        assert_eq!(
            fits(&sandbox, folder.path(), &["--max-credits", "9"]),
            [
                is("balance", balance),
                is("maxCredits", run),
                is("day", day)
            ],
            "{set}"
        );
    }
}

#[test]
fn a_price_that_was_observed_is_counted_with() {
    let (folder, sandbox) = folder_of("text,duration\na,5\nb,5\n");
    limits(&folder, "day = 14");
    for prompt in ["y", "z"] {
        let args = [
            "generate",
            prompt,
            "-d",
            "5",
            "--poll-interval",
            "10ms",
            "--json",
        ];
        let bought = sandbox.run(folder.path(), &args);
        assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    }
    let day = fits(&sandbox, folder.path(), &[]).pop();
    assert_eq!(day, Some((String::from("day"), Some(false))));
    let told = stdout(&plan(&sandbox, folder.path(), &[]));
    for part in [
        "2 of 5 s, 5 credits each",
        "[limits] day: 4 credits left, too few",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn it_sends_the_free_question_only_and_works_without_an_answer() {
    let (folder, sandbox) = folder_of("text,duration\na,5\n");
    let service = Counting::start();
    let planned = plan(
        &sandbox,
        folder.path(),
        &["--json", "--base-url", &service.url],
    );
    assert_eq!(code(&planned), 0, "{}", stderr(&planned));
    let state = service.state();
    assert_eq!((state.looks, state.submits), (1, 0));
    drop(state);

    let nowhere = ["--base-url", "http://127.0.0.1:1"];
    let offline = plan(&sandbox, folder.path(), &nowhere);
    let told = stdout(&offline);
    assert_eq!(code(&offline), 0, "{}", stderr(&offline));
    assert!(
        told.contains("balance: not known") && told.contains("1 to buy"),
        "{told}"
    );
    assert!(
        stderr(&offline).contains("the balance is not known"),
        "{}",
        stderr(&offline)
    );
}

/// What would be refused is refused in the same words.
#[test]
fn it_refuses_what_the_batch_would() {
    let (folder, sandbox) = folder_of("text,duration,output\na,5,a.wav\n");
    fs::create_dir(folder.path().join("out")).unwrap();
    fs::write(folder.path().join("out/a.wav"), "mine").unwrap();
    for args in [&[][..], &["--dry-run"]] {
        let refused = sandbox.batch(folder.path(), "rows", args);
        assert_eq!(code(&refused), 2, "{}", stderr(&refused));
        assert!(error(&refused).to_string().contains("a.wav"));
    }
    let planned = plan(&sandbox, folder.path(), &["--force", "--json"]);
    assert_eq!(code(&planned), 0, "{}", stderr(&planned));
}
