//! Limits and looks at the balance: what is said when a price is not known, and doing without.

use std::fs;

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Sandbox, code, error, stderr};

/// What stands in the way is named, and when and how to try again.
#[test]
fn a_price_that_is_awaited_is_said_with_its_job_and_its_time() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let run = |args: &[&str]| {
        let more = ["--max-credits", "50", "--base-url", &service.url, "--json"];
        sandbox.run(folder.path(), &[args, &more].concat())
    };
    let first = run(&["generate", "a", "-d", "5", "--no-wait"]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let late = run(&["generate", "b c", "-d", "5", "--timeout", "300ms"]);
    let said = error(&late);
    assert_eq!((code(&late), &said["kind"]), (6, &"priceUnknown".into()));
    let hint = said["hint"].as_str().unwrap();
    assert!(
        hint.contains("job 1") && hint.contains("genrex generate 'b c'"),
        "{hint}"
    );

    // It fails and is free: then it takes ten minutes to know that.
    {
        let mut state = service.state();
        state.used = 0;
        state.status = "Failed";
    }
    let over = sandbox.run(
        folder.path(),
        &["wait", "QRY_1", "--base-url", &service.url],
    );
    assert_eq!(code(&over), 4, "{}", stderr(&over));
    let late = run(&["generate", "b c", "-d", "5", "--timeout", "300ms"]);
    let hint = error(&late)["hint"].as_str().unwrap().to_owned();
    assert_eq!(code(&late), 6);
    assert!(
        hint.contains("again after ") && hint.contains("genrex generate"),
        "{hint}"
    );
    assert_eq!(service.state().submits, 1);
}

/// All rows wait for the same price.
#[test]
fn a_batch_says_once_that_it_waits_for_a_price() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let run = |args: &[&str]| {
        let more = ["--max-credits", "50", "--base-url", &service.url];
        sandbox.run(folder.path(), &[args, &more].concat())
    };
    let first = run(&["generate", "a", "-d", "5", "--no-wait"]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let rows = "text,duration\nb,5\nc,5\nd,5\n";
    fs::write(folder.path().join("rows.csv"), rows).unwrap();
    let args = [
        "batch",
        "rows.csv",
        "--out-dir",
        "out",
        "--timeout",
        "300ms",
    ];
    let said = stderr(&run(&args));
    assert_eq!(said.matches("has to show first").count(), 1, "{said}");
    assert_eq!(service.state().submits, 1);
}

#[test]
fn without_looks_no_limit_can_be_kept_and_without_limits_none_is_needed() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let run = |more: &[&str]| {
        let args = ["generate", "a", "--no-wait", "--no-balance-check"];
        let args = [&args[..], &["--base-url", &service.url], more].concat();
        sandbox.run(folder.path(), &args)
    };
    assert_eq!(code(&run(&["--max-credits", "50"])), 2);
    let bought = run(&[]);
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    assert_eq!(service.state().looks, 0);
    assert_eq!(service.state().submits, 1);

    let config = folder.path().join("config/genrex");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[limits]\nday = 12\n").unwrap();
    let refused = run(&["--new"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert!(stderr(&refused).contains("nothing was sent"));
    fs::write(folder.path().join("batch.csv"), "text,duration\none,5\n").unwrap();
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--no-balance-check",
    ];
    let refused = sandbox.run(folder.path(), &args);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert_eq!(service.state().submits, 1);
}
