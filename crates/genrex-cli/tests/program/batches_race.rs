//! Batches of the same rows that are begun at the same moment, each in a folder of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Output, Stdio};

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{code, error, genrex, stderr};

const ROWS: &str = "text,duration\none,5\n";

fn begun(service: &Counting, folder: &Path, out: &str, more: &[&str]) -> Child {
    let args = ["batch", "batch.csv", "--poll-interval", "10ms", "--json"];
    genrex(folder)
        .args(args)
        .args(["--base-url", &service.url, "--out-dir", out])
        .args(more)
        .env("GENREX_LEDGER", folder.join("ledger.db"))
        // By another key of the same user, so that the service can tell them apart.
        .env("GENREX_API_KEY", format!("the-key-of-{out}"))
        .env("GENREX_API_SECRET", "a-secret-that-is-long-enough")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run(service: &Counting, folder: &Path, out: &str, more: &[&str]) -> Output {
    begun(service, folder, out, more)
        .wait_with_output()
        .unwrap()
}

/// Both have found that nobody has bought the row before either buys it.
#[test]
fn batches_that_begin_at_once_in_two_folders_buy_a_row_once() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("batch.csv"), ROWS).unwrap();
    let service = Counting::meeting_before_purchases(2);
    service.state().serve_audio();
    let both = ["a", "b"].map(|out| (out, begun(&service, here, out, &[])));
    let mut ended = both.map(|(out, child)| (out, child.wait_with_output().unwrap()));
    ended.sort_by_key(|(_, output)| code(output));
    let [(winner, bought), (loser, refused)] = ended;
    assert_eq!(service.state().submits, 1, "{}", stderr(&refused));
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    let said = error(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    let message = said["message"].as_str().unwrap();
    let named = format!("line 2 was bought by another batch: job 1, in {winner}; ");
    assert!(message.contains(&named), "{message}");
    let hint = said["hint"].as_str().unwrap();
    let go_on = format!("--out-dir {winner} goes on with it; --new buys them again for {loser}");
    assert_eq!(hint, go_on);

    // From then on the one is there, and the other refused before anything is sent, unless it is told to buy.
    assert_eq!(code(&run(&service, here, winner, &[])), 0);
    let refused = run(&service, here, loser, &[]);
    let said = error(&refused).to_string();
    assert_eq!(code(&refused), 2, "{said}");
    assert!(said.contains("nothing was sent"), "{said}");
    assert_eq!(service.state().submits, 1);
    for more in [&["--new"][..], &[]] {
        let bought = run(&service, here, loser, more);
        assert_eq!(code(&bought), 0, "{}", stderr(&bought));
        assert_eq!(service.state().submits, 2);
    }
    assert_eq!(code(&run(&service, here, winner, &[])), 0);
}
