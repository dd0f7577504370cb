//! What many waiting jobs cost in one client, beside reqwest with a semaphore that does the same polls: CPU, memory,
//! connections, and how late polls are. Each runs in a process of its own; the server in another. Prints JSON.
//!
//! ```sh
//! cargo bench -p genrex-async --bench many_jobs            # 10,000 jobs, three rounds
//! cargo bench -p genrex-async --bench many_jobs -- 1000 1
//! ```

#![allow(clippy::print_stdout, reason = "what it finds is printed")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

#[path = "many_jobs/clients.rs"]
mod clients;
#[path = "many_jobs/server.rs"]
mod server;

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// How long between an answer and the next poll.
const PACE: Duration = Duration::from_secs(5);
/// How often each job is asked after.
const POLLS: u32 = 4;

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server"] => server::run(),
        ["genrex", url, jobs] => client(url, jobs, clients::genrex),
        ["reqwest", url, jobs] => client(url, jobs, clients::reqwest),
        [] => measure(10_000, 3),
        [jobs, rounds] => measure(jobs.parse().unwrap(), rounds.parse().unwrap()),
        _ => panic!("expected nothing, or a number of jobs and one of rounds"),
    }
}

fn measure(jobs: usize, rounds: usize) {
    let mut found = Vec::new();
    for round in 0..rounds {
        // Neither is always the first.
        let mut order = ["genrex", "reqwest"];
        order.rotate_left(round % 2);
        for name in order {
            found.push(run(name, jobs));
        }
    }
    let of = |name: &str, key: &str| {
        let values = found.iter().filter(|one| one["client"] == name);
        let mut values: Vec<f64> = values.map(|one| one[key].as_f64().unwrap()).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let ratio = of("genrex", "cpu_seconds") / of("reqwest", "cpu_seconds");
    let summary = json!({
        "jobs": jobs,
        "polls": jobs * usize::try_from(POLLS).unwrap(),
        "rounds": found,
        "median_cpu_ratio": ratio,
        "median_peak_kib": { "genrex": of("genrex", "peak_kib"), "reqwest": of("reqwest", "peak_kib") },
        "median_late_p99_ms": { "genrex": of("genrex", "late_p99_ms"), "reqwest": of("reqwest", "late_p99_ms") },
    });
    println!("{summary:#}");
}

/// One client and a server of its own.
fn run(name: &str, jobs: usize) -> Value {
    let mut server = start(&["server"]);
    let url = server.line();
    let mut client = start(&[name, &url, &jobs.to_string()]);
    let mut found: Value = serde_json::from_str(&client.line()).unwrap();
    assert!(client.0.wait().unwrap().success());
    // It says what it has seen when its input ends.
    drop(server.0.stdin.take());
    let seen: Value = serde_json::from_str(&server.line()).unwrap();
    server.0.wait().unwrap();
    let found_of = found.as_object_mut().unwrap();
    found_of.extend(seen.as_object().unwrap().clone());
    found_of.insert("client".into(), name.into());
    found
}

struct Running(Child, BufReader<std::process::ChildStdout>);

impl Running {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

fn start(args: &[&str]) -> Running {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    Running(child, output)
}

fn client(url: &str, jobs: &str, wait: impl AsyncFnOnce(&str, usize)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(wait(url, jobs.parse().unwrap()));
    let found = json!({ "cpu_seconds": cpu_seconds(), "peak_kib": peak_kib() });
    println!("{found}");
    std::io::stdout().flush().unwrap();
}

/// Of this process, by the kernel's own count, in hundredths.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks = |field: &str| field.parse::<f64>().unwrap();
    (ticks(fields[11]) + ticks(fields[12])) / 100.0
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}
