//! What `--metrics` tells, and what it never does.

mod asked;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

use tempfile::tempdir;

use crate::support::{Sandbox, code, run, stderr};

const PROMPT: &str = "a-prompt-that-nobody-else-writes";

/// A command that is on its way, and where it tells its numbers.
struct Running {
    process: Child,
    address: String,
    _words: BufReader<ChildStderr>,
}

impl Running {
    fn start(sandbox: &Sandbox, folder: &Path) -> Self {
        let rows = format!("text,duration\n{PROMPT},5\n{PROMPT}-2,5\n");
        fs::write(folder.join("rows.csv"), rows).unwrap();
        Self::of(sandbox, folder, &["batch", "rows.csv", "--out-dir", "out"])
    }

    fn of(sandbox: &Sandbox, folder: &Path, command: &[&str]) -> Self {
        let told = ["--metrics", "0", "--poll-interval", "10ms"];
        let mut process = sandbox
            .genrex(folder, &[command, &told].concat())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut words = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert_ne!(words.read_line(&mut line).unwrap(), 0, "it ended");
            if let Some((_, rest)) = line.split_once("metrics: http://") {
                break rest.trim().trim_end_matches("/metrics").to_owned();
            }
        };
        Self {
            process,
            address,
            _words: words,
        }
    }

    fn ask(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn page(&self) -> String {
        let answer = self.ask("GET /metrics HTTP/1.1\r\nHost: localhost");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Who holds connections and says nothing takes only what there is for the numbers, and not for long: the first have to
/// go before the last is answered.
#[test]
fn connections_are_few_and_a_silent_one_ends() {
    const SILENT: usize = 20;
    const AT_ONCE: usize = 16;
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let running = Running::start(&sandbox, folder.path());
    let connect = || TcpStream::connect(&running.address).unwrap();
    let silent: Vec<_> = std::iter::repeat_with(connect).take(SILENT).collect();
    running.page();
    let is_closed = |mut stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        matches!(stream.read(&mut [0]), Ok(0))
    };
    let closed = silent.iter().filter(|stream| is_closed(stream)).count();
    assert!(closed > SILENT - AT_ONCE, "{closed} of {SILENT}");
}

/// The jobs are made for as long as the test looks.
#[test]
fn a_batch_tells_its_numbers_and_nothing_that_is_somebody_s() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let running = Running::start(&sandbox, folder.path());
    let bought = "genrex_submits_total{outcome=\"accepted\"} 2";
    // What stands in the ledger is told for some seconds before it is read again.
    let both = "genrex_open_jobs{state=\"accepted\"} 2";
    let page = loop {
        let page = running.page();
        if page.contains(bought) && page.contains(both) {
            break page;
        }
    };
    for line in [
        "genrex_intents_total{result=\"begun\"} 2",
        "genrex_queue_wait_seconds_count 2",
        "genrex_submit_seconds_count 2",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let exported = run(folder.path(), &["jobs", "export"]);
    assert_eq!(code(&exported), 0, "{}", stderr(&exported));
    let jobs = String::from_utf8(exported.stdout).unwrap();
    let mut secrets: Vec<String> = sandbox
        .environment
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    secrets.push(PROMPT.to_owned());
    for job in jobs.lines() {
        let job: serde_json::Value = serde_json::from_str(job).unwrap();
        secrets.push(job["queryId"].as_str().unwrap().to_owned());
        secrets.push(job["account"].as_str().unwrap().to_owned());
    }
    assert!(secrets.len() >= 8, "{secrets:?}");
    for secret in secrets {
        assert!(!page.contains(&secret), "{secret}: {page}");
    }
}

#[test]
fn who_takes_up_what_is_open_tells_its_numbers_too() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let buyer = Running::start(&sandbox, folder.path());
    while !buyer
        .page()
        .contains("genrex_submits_total{outcome=\"accepted\"} 2")
    {}
    drop(buyer);
    let worker = Running::of(&sandbox, folder.path(), &["work", "--watch"]);
    while !worker
        .page()
        .contains("genrex_open_jobs{state=\"accepted\"} 2")
    {}
    assert!(
        worker
            .page()
            .contains("genrex_intents_total{result=\"begun\"} 0")
    );
}

/// What was observed of nothing is told too, and a limit once one is set.
#[test]
fn what_the_rules_and_the_dashboard_ask_for_is_told() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let config = folder.path().join("config/genrex");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("config.toml"),
        "[limits]\nday = 200\nper_job = 60\n",
    )
    .unwrap();
    let running = Running::start(&sandbox, folder.path());
    while !running.page().contains("genrex_submit_seconds_count 2") {}
    let page = running.page();
    asked::is_told(&page);
    for (name, longest) in [
        ("genrex_queue_wait_seconds", 3_600.0),
        ("genrex_submit_seconds", 3_600.0),
        ("genrex_poll_lag_seconds", 60.0),
        ("genrex_job_seconds", 86_400.0),
        ("genrex_ledger_call_seconds", 60.0),
    ] {
        asked::tells_times_up_to(&page, name, longest);
    }
}

#[test]
fn the_numbers_are_this_machine_s_alone() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let running = Running::start(&sandbox, folder.path());
    assert!(
        running.address.starts_with("127.0.0.1:"),
        "{}",
        running.address
    );
    for (head, status) in [
        ("GET /metrics HTTP/1.1\r\nHost: evil.example", "403"),
        (
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost",
            "403",
        ),
        ("GET / HTTP/1.1\r\nHost: localhost", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: localhost", "405"),
    ] {
        let answer = running.ask(head);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{head}: {answer}"
        );
        assert!(!answer.contains("genrex_"), "{answer}");
    }
}

#[test]
fn an_address_that_cannot_be_had_is_said_before_anything_is_bought() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    fs::write(folder.path().join("rows.csv"), "text,duration\na,5\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = sandbox.batch(folder.path(), "rows.csv", &["--metrics", &port]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert!(
        stderr(&refused).contains("--metrics"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(sandbox.used(folder.path()), 0);
}
