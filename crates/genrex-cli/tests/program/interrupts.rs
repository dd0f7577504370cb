//! Ctrl-C: before, during and after the paid request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Played, Sandbox, answer, answer_with};

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

/// The service has taken a submit.
const TAKEN: &str = r#"{"id":"QRY_late","status":"Processing"}"#;

/// The same, whose answer breaks off after the id.
const CUT: &str = "HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{\"id\":\"QRY_cut\",";

/// A program whose submit is on its way: the service has read it, and has not answered.
struct Submitting {
    process: Child,
    said: BufReader<ChildStderr>,
    service: Played,
    request: TcpStream,
}

impl Submitting {
    fn start(sandbox: &Sandbox, folder: &Path) -> Self {
        let service = Played::start();
        let args = ["generate", "music", "--base-url", &service.url];
        let mut process = sandbox
            .genrex(folder, &args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            request: service.next(),
            said: BufReader::new(process.stderr.take().unwrap()),
            process,
            service,
        }
    }

    /// Sends it a signal, which it has heard.
    fn interrupted_by(&mut self, name: &str) {
        signal(&self.process, name);
        read_until(&mut self.said, "Ctrl-C again");
    }

    /// What it says from now on, and how it ends.
    fn end(&mut self) -> (String, Option<i32>) {
        let mut text = String::new();
        self.said.read_to_string(&mut text).unwrap();
        (text, self.process.wait().unwrap().code())
    }
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
    for (is_twice, expected, said) in [
        (false, 130, "genrex wait QRY_late"),
        (true, 7, "may have been charged"),
    ] {
        let mut submit = Submitting::start(&sandbox, folder.path());
        submit.interrupted_by("-INT");
        if is_twice {
            signal(&submit.process, "-INT");
        } else {
            answer(&mut submit.request, "201 Created", TAKEN);
        }
        let (text, code) = submit.end();
        assert_eq!(code, Some(expected), "{text}");
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
    let mut submit = Submitting::start(&sandbox, folder.path());
    submit.interrupted_by("-INT");
    answer_with(&mut submit.request, "429 Later", "Retry-After: 0\r\n", "");
    let (text, code) = submit.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("nothing was bought"), "{text}");
    assert!(!submit.service.has_more(), "it was tried again");
}

/// A salvaged id is known before it is confirmed, and is not lost by an interrupt between.
#[test]
fn a_salvaged_id_survives_an_interrupt() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let mut submit = Submitting::start(&sandbox, folder.path());
    submit.request.write_all(CUT.as_bytes()).unwrap();
    submit.request.shutdown(Shutdown::Both).unwrap();
    submit.request = submit.service.next();
    read_until(&mut submit.said, "held QRY_cut");
    signal(&submit.process, "-INT");
    let (text, code) = submit.end();
    assert_eq!(code, Some(130), "{text}");
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
    let mut submit = Submitting::start(&sandbox, folder.path());
    answer_with(&mut submit.request, "429 Later", "Retry-After: 0\r\n", "");
    submit.request = submit.service.next();
    submit.interrupted_by("-INT");
    answer(&mut submit.request, "201 Created", TAKEN);
    let (text, code) = submit.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(text.contains("genrex wait QRY_late"), "{text}");
}

/// Whatever asks the program to end: a paid request that is on its way is waited for.
#[test]
fn every_signal_waits_for_a_submit_that_is_on_its_way() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for name in ["-INT", "-TERM", "-HUP", "-QUIT"] {
        let mut submit = Submitting::start(&sandbox, folder.path());
        submit.interrupted_by(name);
        answer(&mut submit.request, "201 Created", TAKEN);
        let (text, code) = submit.end();
        assert_eq!(code, Some(130), "{name}: {text}");
        assert!(text.contains("genrex wait QRY_late"), "{name}: {text}");
    }
}

/// The kernel and the shell each say that the terminal is closed, before or after somebody ended the program.
#[test]
fn a_terminal_that_is_closed_is_no_second_interrupt() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for first in ["-HUP", "-TERM"] {
        let mut submit = Submitting::start(&sandbox, folder.path());
        submit.interrupted_by(first);
        signal(&submit.process, "-HUP");
        signal(&submit.process, "-HUP");
        answer(&mut submit.request, "201 Created", TAKEN);
        let (text, code) = submit.end();
        assert_eq!(code, Some(130), "{first}: {text}");
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
    answer(&mut stream, "201 Created", TAKEN);
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
            state.raw = Some(CUT.to_owned());
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
