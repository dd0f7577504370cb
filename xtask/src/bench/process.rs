//! Processes: what is measured, and the servers that it talks to.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// What a run took, of one time that its work was done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// Nanoseconds by the clock.
    pub(crate) wall: f64,
    /// Nanoseconds of processor, in all threads.
    pub(crate) cpu: f64,
    /// Of the server that was asked, if it was looked at.
    pub(crate) server_cpu: f64,
    /// The most memory, in kilobytes, if it was looked at.
    pub(crate) memory: f64,
}

/// Which processor a process runs on: clients on the first, servers on the second.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Core {
    Client,
    Server,
    Any,
}

/// A command that runs there.
pub(crate) fn on(core: Core, program: &Path) -> Command {
    let place = match core {
        Core::Client => "0",
        Core::Server => "1",
        Core::Any => return Command::new(program),
    };
    let mut command = Command::new("taskset");
    command.args(["-c", place]).arg(program);
    command
}

/// Runs a unit to its end: the line of JSON that it prints.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<Reading> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{command:?} cannot be run"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {said}",
        output.status
    );
    let told: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{command:?} told {output:?}"))?;
    if let Some(code) = told["code"].as_i64() {
        ensure!(code == 0, "{command:?}: it ended with {code}: {said}");
    }
    let number = |name: &str| told[name].as_f64();
    let count = number("count").context("it did not say how often")?;
    Ok(Reading {
        wall: number("wall_ns").context("no time")? / count,
        cpu: number("cpu_ns").context("no processor time")? / count,
        server_cpu: 0.0,
        memory: number("most_kb").unwrap_or(0.0),
    })
}

/// A server in a process of its own, until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts it and waits for the line with its URL, bare or as JSON.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?} cannot be run"))?;
        let mut line = String::new();
        let stdout = process.stdout.take().context("it has no output")?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line)?;
        // Whatever else it says is not read.
        std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let url = match serde_json::from_str::<Value>(&line) {
            Ok(told) => told["url"].as_str().unwrap_or_default().to_owned(),
            Err(_) => line.trim().to_owned(),
        };
        let server = Self { process, url };
        ensure!(
            server.url.starts_with("http://"),
            "{command:?} said {line:?}"
        );
        Ok(server)
    }

    /// Nanoseconds of processor so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let threads = format!("/proc/{}/task", self.process.id());
        let mut sum = 0.0;
        for thread in std::fs::read_dir(threads)? {
            let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let ran = told.split(' ').next().context("no time")?;
            sum += ran.parse::<f64>()?;
        }
        Ok(sum)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
