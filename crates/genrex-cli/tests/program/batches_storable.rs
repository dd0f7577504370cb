//! Rows whose audio would have no place: none of a batch is bought then.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::json;
use tempfile::tempdir;

use crate::support::{Sandbox, code, error, stderr};

fn batch(sandbox: &Sandbox, folder: &Path, outputs: &[&str], more: &[&str]) -> Output {
    let rows = outputs.iter().enumerate().map(|(number, output)| {
        json!({"text": format!("piece {number}"), "duration": 5, "output": output}).to_string()
    });
    let rows: Vec<String> = rows.collect();
    fs::write(folder.join("batch.jsonl"), rows.join("\n")).unwrap();
    let args = ["batch", "batch.jsonl", "--out-dir", "out", "--json"];
    let pace = ["--poll-interval", "10ms"];
    sandbox.run(folder, &[&args[..], &pace, more].concat())
}

#[test]
fn what_could_not_be_stored_is_not_bought() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let sandbox = Sandbox::start(here, &["--render-time", "1ms"]);
    fs::create_dir_all(here.join("out/folder.wav")).unwrap();
    fs::write(here.join("out/file"), "precious").unwrap();
    #[cfg(target_os = "linux")]
    std::os::unix::fs::symlink("/proc", here.join("out/no-room")).unwrap();
    let long = "x".repeat(242);
    let deep = vec!["y".repeat(200); 30].join("/");
    let with_id = format!("{}-{{id}}.wav", "z".repeat(120));
    for (output, more, said) in [
        (
            long.as_str(),
            &[][..],
            "line 2, column output: a name in it has 242 bytes",
        ),
        ("a\0.wav", &[], "line 2, column output: "),
        (
            &with_id,
            &[],
            "line 2, column output: a name in it has 253 bytes",
        ),
        ("first.wav/b.wav", &[], "line 2: "),
        (&deep, &[], "line 2: "),
        (&deep, &["--dry-run"], "line 2: "),
        ("file/b.wav", &[], "line 2: "),
        ("file/b.wav", &["--dry-run"], "line 2: "),
        ("file/{id}.wav", &["--force"], "line 2: "),
        ("folder.wav", &["--force"], "line 2: "),
        #[cfg(target_os = "linux")]
        ("no-room/b.wav", &[], "line 2: "),
    ] {
        let refused = batch(&sandbox, here, &["first.wav", output], more);
        let failure = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{output:?}: {failure}");
        assert!(
            failure.contains("nothing was sent"),
            "{output:?}: {failure}"
        );
        assert!(failure.contains(said), "{output:?}: {failure}");
        assert_eq!(sandbox.used(here), 0, "{output:?}");
    }
}

/// As long as a name can be.
#[test]
fn what_has_just_room_is_bought_and_stored() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let sandbox = Sandbox::start(here, &["--render-time", "1ms"]);
    let long = "x".repeat(241);
    let below = format!("new/{}/{long}", "y".repeat(241));
    let outputs = [long.as_str(), &below, "{id}.wav"];
    for _ in 0..2 {
        let done = batch(&sandbox, here, &outputs, &[]);
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        assert_eq!(sandbox.used(here), 15);
    }
    for output in [&long, &below] {
        assert!(here.join("out").join(output).is_file(), "{output}");
    }
}
