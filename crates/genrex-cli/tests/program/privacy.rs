//! What the program holds is not another process's to read.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use crate::support::{genrex, install};

const NOBODY: u32 = 65_534;

/// The kernel gives what `/proc` shows of such a process to root, whoever runs it.
#[test]
fn the_process_cannot_be_dumped_or_read() {
    let folder = tempdir().unwrap();
    let own = fs::metadata(folder.path()).unwrap().uid();
    let mut command = if own == 0 {
        // Root's processes are root's in any case: it runs as another.
        let program = folder.path().join("genrex");
        let built = genrex(folder.path());
        install(Path::new(built.get_program()), &program);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(folder.path(), Some(NOBODY), None).unwrap();
        let mut command = Command::new(program);
        command.uid(NOBODY).env_clear().env("HOME", folder.path());
        command
    } else {
        genrex(folder.path())
    };
    let mut process = command
        .current_dir(folder.path())
        .args(["sandbox", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("apiSecret"), "it runs: {line}");
    let shown = format!("/proc/{}/environ", process.id());
    let owner = fs::metadata(shown).unwrap().uid();
    let parent = fs::metadata(format!("/proc/{}", std::process::id()))
        .unwrap()
        .uid();
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    assert_eq!((owner, parent), (0, own));
}
