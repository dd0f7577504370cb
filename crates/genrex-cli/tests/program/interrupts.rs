//! Ctrl-C: before, during and after the paid request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Played, Sandbox, answer};

pub(crate) fn interrupt(process: &Child) {
    signal(process, "-INT");
}

fn signal(process: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &process.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
}

/// Standard error, line by line, up to one that holds `word`.
pub(crate) fn read_until(stderr: &mut impl std::io::BufRead, word: &str) -> String {
    let mut text = String::new();
    while !text.contains(word) {
        let length = stderr.read_line(&mut text).unwrap();
        assert!(length > 0, "it ended without {word:?}: {text}");
    }
    text
}

#[test]
fn an_accepted_job_can_be_resumed_by_the_command_that_is_printed() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "3s"]);
    let mut process = sandbox
        .genrex(
            folder.path(),
            &["generate", "music", "-d", "5", "-o", "a.wav"],
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    read_until(&mut lines, "accepted QRY_");
    interrupt(&process);
    let text = read_until(&mut lines, "genrex wait QRY_");
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    let command = text
        .lines()
        .find(|line| line.contains("genrex wait"))
        .unwrap()
        .trim()
        .to_owned();
    assert!(command.ends_with("--output a.wav"), "{command}");
    let id = command.split(' ').nth(2).unwrap();
    let resumed = sandbox.run(
        folder.path(),
        &["wait", id, "--output", "a.wav", "--poll-interval", "50ms"],
    );
    assert_eq!(resumed.status.code(), Some(0));
    assert!(folder.path().join("a.wav").exists());
}

/// Plays the service by hand: reads the submit, lets the test act, then answers.
#[test]
fn a_submit_on_its_way_is_waited_for_so_that_the_job_is_not_lost() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for (interrupts, expected) in [(1, 130), (2, 7)] {
        let service = Played::start();
        let mut process = sandbox
            .genrex(
                folder.path(),
                &["generate", "music", "--base-url", &service.url],
            )
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = service.next();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        interrupt(&process);
        read_until(&mut lines, "Ctrl-C again");
        if interrupts == 2 {
            interrupt(&process);
        } else {
            let body = r#"{"id":"QRY_late","status":"Processing"}"#;
            write!(
                stream,
                "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
        let mut text = String::new();
        lines.read_to_string(&mut text).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(expected), "{text}");
        let said = if interrupts == 1 {
            "genrex wait QRY_late"
        } else {
            "may have been charged"
        };
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_sandbox_ends_on_a_signal_and_with_its_standard_input() {
    let folder = tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut process = crate::support::genrex(folder.path())
            .args(["sandbox", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("\"url\""), "{line}");
        Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status()
            .unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(0), "{signal}");
    }
    assert_eq!(Sandbox::start(folder.path(), &[]).end(), Some(0));
}

/// A paid request that was refused "for now" is not tried again by a program that was asked to stop.
#[test]
fn nothing_is_bought_after_an_interrupt() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let mut process = sandbox
        .genrex(
            folder.path(),
            &["generate", "music", "--base-url", &service.url],
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = service.next();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    interrupt(&process);
    read_until(&mut lines, "Ctrl-C again");
    write!(
        stream,
        "HTTP/1.1 429 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("nothing was bought"), "{text}");
    assert!(!service.has_more(), "it was tried again");
}

/// A salvaged id is known before it is confirmed, and is not lost by an interrupt between.
#[test]
fn a_salvaged_id_survives_an_interrupt() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let mut process = sandbox
        .genrex(
            folder.path(),
            &["generate", "music", "--base-url", &service.url],
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = service.next();
    write!(
        stream,
        "HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{{\"id\":\"QRY_cut\","
    )
    .unwrap();
    drop(stream);
    let _held = service.next();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    read_until(&mut lines, "held QRY_cut");
    interrupt(&process);
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("genrex wait QRY_cut"), "{text}");
}

/// Once finishes what is in flight and says how to go on; the next run goes on, and nothing is bought twice.
#[test]
fn an_interrupted_batch_finishes_what_is_in_flight_and_is_continued() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "300ms"]);
    let rows: String = (0..40).map(|row| format!("piece {row},5\n")).collect();
    std::fs::write(
        folder.path().join("batch.csv"),
        format!("text,duration\n{rows}"),
    )
    .unwrap();
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--poll-interval",
        "20ms",
        "--concurrency",
        "4",
    ];
    let mut process = sandbox
        .genrex(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    read_until(&mut lines, ".wav");
    interrupt(&process);
    let ended = process.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(
        said.contains("run the same command") && said.contains("0 paid for and still to fetch"),
        "{said}"
    );
    let rest = sandbox.run(folder.path(), &args);
    assert_eq!(
        rest.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&rest.stderr)
    );
    let balance = crate::support::json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 200);
}

/// An earlier try that was refused for now does not make one that is on its way count as unsent.
#[test]
fn an_interrupt_after_a_retry_still_waits_for_what_is_on_its_way() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let mut process = sandbox
        .genrex(
            folder.path(),
            &["generate", "music", "--base-url", &service.url],
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = service.next();
    write!(
        first,
        "HTTP/1.1 429 Later\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut second = service.next();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    interrupt(&process);
    read_until(&mut lines, "Ctrl-C again");
    let body = r#"{"id":"QRY_late","status":"Processing"}"#;
    write!(
        second,
        "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("genrex wait QRY_late"), "{text}");
}

/// Whatever asks the program to end: a paid request that is on its way is waited for.
#[test]
fn every_signal_waits_for_a_submit_that_is_on_its_way() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for name in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        let service = Played::start();
        let mut process = sandbox
            .genrex(
                folder.path(),
                &["generate", "music", "--base-url", &service.url],
            )
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = service.next();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        signal(&process, name);
        read_until(&mut lines, "Ctrl-C again");
        let body = r#"{"id":"QRY_late","status":"Processing"}"#;
        answer(&mut stream, "201 Created", body);
        let mut text = String::new();
        lines.read_to_string(&mut text).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(130), "{name}: {text}");
        assert!(text.contains("genrex wait QRY_late"), "{name}: {text}");
    }
}

/// The kernel and the shell each say that the terminal is closed, before or after somebody ended the program.
#[test]
fn a_terminal_that_is_closed_is_no_second_interrupt() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for first in ["-HUP", "-TERM"] {
        let service = Played::start();
        let mut process = sandbox
            .genrex(
                folder.path(),
                &["generate", "music", "--base-url", &service.url],
            )
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stream = service.next();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        signal(&process, first);
        read_until(&mut lines, "Ctrl-C again");
        signal(&process, "-HUP");
        signal(&process, "-HUP");
        let body = r#"{"id":"QRY_late","status":"Processing"}"#;
        answer(&mut stream, "201 Created", body);
        let mut text = String::new();
        lines.read_to_string(&mut text).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(130), "{first}: {text}");
        assert!(text.contains("genrex wait QRY_late"), "{first}: {text}");
    }
}

/// Who has a program outlive the terminal, as `nohup` does, means it.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let genrex = sandbox.genrex(folder.path(), &[]);
    let program = genrex.get_program().to_str().unwrap().to_owned();
    let mut process = Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", &program])
        .args(["generate", "music", "--no-wait", "--base-url", &service.url])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .envs(
            genrex
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stream = service.next();
    signal(&process, "-HUP");
    let body = r#"{"id":"QRY_late","status":"Processing"}"#;
    answer(&mut stream, "201 Created", body);
    let mut text = String::new();
    let mut stdout = process.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0), "{text}");
}

/// A program that is killed, or stopped at once, while the id in a broken answer is asked after: the ledger has the id,
/// and what it says leads to the job.
#[test]
fn an_unconfirmed_id_leads_out_whatever_ended_the_program() {
    for is_killed in [true, false] {
        let folder = tempdir().unwrap();
        let sandbox = Sandbox::start(folder.path(), &[]);
        let service = Counting::start();
        let at = ["--base-url", &service.url];
        let run = |args: &[&str]| sandbox.run(folder.path(), &[args, &at].concat());
        {
            let mut state = service.state();
            state.retrieve_fails = Some("503 Busy");
            let cut = "HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{\"id\":\"QRY_cut\",";
            state.raw = Some(cut.to_owned());
        }
        let mut process = sandbox
            .genrex(folder.path(), &[&["generate", "music"][..], &at].concat())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        read_until(&mut lines, "held QRY_cut");
        signal(&process, if is_killed { "-KILL" } else { "-INT" });
        let ended = process.wait().unwrap().code();
        assert_eq!(ended, (!is_killed).then_some(130));

        if is_killed {
            // Without a key, and with a service that does not answer, it is told how to go on.
            let offline = crate::support::run(folder.path(), &["jobs", "recover"]);
            let command = "genrex jobs resolve 1 --query-id QRY_cut";
            for recovered in [offline, run(&["jobs", "recover"])] {
                let said = String::from_utf8(recovered.stdout).unwrap();
                assert!(said.contains(command), "{said}");
            }
        }
        service.state().retrieve_fails = None;
        let recovered = run(&["jobs", "recover"]);
        let said = String::from_utf8(recovered.stdout).unwrap();
        assert!(said.contains("genrex wait QRY_cut"), "{said}");
        assert_eq!(service.state().submits, 1);
    }
}
