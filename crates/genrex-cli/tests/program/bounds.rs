//! What is read has a bound, and what passes it is refused before anything is bought.

use std::fs;
use std::process::Output;

use tempfile::tempdir;

use crate::support::{Sandbox, code, json, stderr};

const LONGEST: usize = 64 * 1024;

/// Runs a file of rows, and says what it cost.
fn bought(rows: &[u8], marker: Option<&str>) -> (Output, u64) {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    fs::write(folder.path().join("rows"), rows).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    if let Some(marker) = marker {
        fs::write(folder.path().join("out/.genrex-batch"), marker).unwrap();
    }
    let args = [
        "batch",
        "rows",
        "--out-dir",
        "out",
        "--poll-interval",
        "5ms",
    ];
    let ran = sandbox.run(folder.path(), &args);
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    (ran, balance["creditsUsed"].as_u64().unwrap())
}

/// A row with white space behind it, up to the most that a line may hold.
fn padded(row: &str) -> String {
    format!("{row}{}", " ".repeat(LONGEST - row.len()))
}

#[test]
fn a_line_that_is_too_long_is_not_split_into_rows() {
    let first = r#"{"text":"first","duration":5}"#;
    let split = format!("{}{}\n", padded(first), r#"{"text":"second","duration":5}"#);
    let (refused, used) = bought(split.as_bytes(), None);
    assert_eq!((code(&refused), used), (2, 0), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(
        said.contains("line 1: ") && said.contains("64 KiB"),
        "{said}"
    );

    let after = format!("{first}\n{split}");
    let (refused, used) = bought(after.as_bytes(), None);
    assert_eq!((code(&refused), used), (2, 0), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("line 2: "),
        "{}",
        stderr(&refused)
    );

    let whole = format!("{}\n", padded(first));
    let (done, used) = bought(whole.as_bytes(), None);
    assert_eq!((code(&done), used), (0, 5), "{}", stderr(&done));
}

#[test]
fn a_record_that_is_too_long_is_refused() {
    let endless = format!("text,duration\nok,5\n\"{}\",5\n", "x\n".repeat(1 << 20));
    let header = format!("text,duration,{}\nok,5,\n", "x".repeat(LONGEST));
    for (rows, line) in [(endless, "line 3: "), (header, "line 1: ")] {
        let (refused, used) = bought(rows.as_bytes(), None);
        assert_eq!((code(&refused), used), (2, 0), "{}", stderr(&refused));
        let said = stderr(&refused);
        assert!(said.contains(line) && said.contains("64 KiB"), "{said}");
    }
}

#[test]
fn a_file_without_rows_is_an_error() {
    for rows in ["", "text,duration\n", "\n\n"] {
        let (refused, used) = bought(rows.as_bytes(), None);
        assert_eq!((code(&refused), used), (2, 0), "{}", stderr(&refused));
    }
}

#[test]
fn a_marker_that_is_too_long_is_refused() {
    let marker = format!(r#"{{"batch":"one"{}}}"#, " ".repeat(16 * 1024));
    let (refused, used) = bought(b"text,duration\nok,5\n", Some(&marker));
    assert_eq!((code(&refused), used), (2, 0), "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains(".genrex-batch"),
        "{}",
        stderr(&refused)
    );
}
