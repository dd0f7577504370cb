//! `genrex work`: what is open is put where its batch wants it, and nothing is bought.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::service::{Lossy, make_a_file_of};
use crate::support::{Sandbox, code, run, stderr, stdout};

/// A batch of which one row could not be stored: its job is paid for and open.
fn left_open() -> (TempDir, Sandbox) {
    let folder = tempdir().unwrap();
    let rows = "text,duration,output\none,5,sub/{id}.wav\ntwo,5,\n";
    fs::write(folder.path().join("batch.csv"), rows).unwrap();
    let below = folder.path().join("out/sub");
    let mut sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let before = Lossy::before(&sandbox);
    sandbox
        .environment
        .push(("GENREX_BASE_URL", before.url.clone()));
    before.at_submit({
        let below = below.clone();
        move || make_a_file_of(&below)
    });
    let done = batch(&sandbox, folder.path());
    assert_eq!(code(&done), 1, "{}", stderr(&done));
    fs::remove_file(below).unwrap();
    (folder, sandbox)
}

fn batch(sandbox: &Sandbox, folder: &Path) -> std::process::Output {
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--poll-interval",
        "20ms",
    ];
    sandbox.run(folder, &args)
}

#[test]
fn what_a_batch_left_open_is_put_where_it_wants_it() {
    let (folder, sandbox) = left_open();
    let used = sandbox.used(folder.path());
    let worked = sandbox.run(folder.path(), &["work", "--poll-interval", "20ms"]);
    assert_eq!(code(&worked), 0, "{}", stderr(&worked));
    let told = stdout(&worked);
    let path = Path::new(told.trim());
    let within = path.parent().unwrap();
    assert_eq!(
        within,
        folder.path().canonicalize().unwrap().join("out/sub")
    );
    assert!(
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("QRY_"),
        "{told}"
    );
    assert!(fs::metadata(path).unwrap().len() > 44);
    let again = sandbox.run(folder.path(), &["work"]);
    assert_eq!((code(&again), stdout(&again)), (0, String::new()));
    let done = batch(&sandbox, folder.path());
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert_eq!(sandbox.used(folder.path()), used, "something was bought");
}

/// Made here, it would be seen by nobody who has the batch's own.
#[test]
fn a_folder_that_is_not_here_is_not_made() {
    let (folder, sandbox) = left_open();
    let out = folder.path().join("out");
    fs::rename(&out, folder.path().join("elsewhere")).unwrap();
    let worked = sandbox.run(folder.path(), &["work"]);
    assert_eq!(code(&worked), 2, "{}", stderr(&worked));
    assert!(
        stderr(&worked).contains("is not on this machine"),
        "{}",
        stderr(&worked)
    );
    assert!(!out.exists());
}

/// Such as the place where a share is mounted at other times.
#[test]
fn a_folder_that_is_not_the_batchs_own_is_left_as_it_is() {
    let (folder, sandbox) = left_open();
    let out = folder.path().join("out");
    fs::rename(&out, folder.path().join("share")).unwrap();
    fs::create_dir(&out).unwrap();
    let worked = sandbox.run(folder.path(), &["work"]);
    assert_eq!(code(&worked), 2, "{}", stderr(&worked));
    let said = stderr(&worked);
    assert!(
        said.contains("job 1: ") && said.contains("is not the folder of its batch"),
        "{said}"
    );
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    fs::remove_dir(&out).unwrap();
    fs::rename(folder.path().join("share"), &out).unwrap();
    let worked = sandbox.run(folder.path(), &["work"]);
    assert_eq!(code(&worked), 0, "{}", stderr(&worked));
}

#[test]
fn a_job_of_no_batch_goes_where_the_command_says() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let bought = sandbox.run(folder.path(), &["generate", "alone", "--no-wait"]);
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    let worked = sandbox.run(folder.path(), &["work", "--poll-interval", "20ms"]);
    assert_eq!(code(&worked), 2, "{}", stderr(&worked));
    assert!(
        stderr(&worked).contains("genrex wait 1"),
        "{}",
        stderr(&worked)
    );
    let args = ["work", "--poll-interval", "20ms", "--out-dir", "others"];
    let worked = sandbox.run(folder.path(), &args);
    assert_eq!(code(&worked), 0, "{}", stderr(&worked));
    assert_eq!(
        fs::read_dir(folder.path().join("others")).unwrap().count(),
        1
    );
}

#[test]
fn an_address_that_is_of_no_store_is_refused_before_anything_is_sent() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("batch.csv"), "text,duration\none,5\n").unwrap();
    for other in [
        "ftp://bucket/x",
        "s3:///x",
        "gs:///x",
        "az://",
        "file://host/x",
    ] {
        let args = ["batch", "batch.csv", "--out-dir", other];
        let refused = run(folder.path(), &args);
        assert_eq!(code(&refused), 2, "{other}: {}", stderr(&refused));
        assert!(
            stderr(&refused).contains("nothing was sent"),
            "{}",
            stderr(&refused)
        );
    }
    let names = fs::read_dir(folder.path()).unwrap().flatten();
    let made: Vec<_> = names
        .map(|name| name.file_name())
        .filter(|name| name.to_string_lossy().contains(':'))
        .collect();
    assert!(made.is_empty(), "{made:?}");
}
