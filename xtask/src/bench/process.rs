//! Processes: what is measured, and the servers that it talks to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// What a run took, of one time that its work was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Nanoseconds by the clock.
    pub(crate) wall: f64,
    /// Nanoseconds of processor, in all threads.
    pub(crate) cpu: f64,
    /// Of the server that was asked, if it was looked at.
    pub(crate) server_cpu: f64,
    /// The most memory, in kilobytes, if it was looked at.
    pub(crate) memory: f64,
    /// Whatever else was told, by its name.
    pub(crate) others: BTreeMap<String, f64>,
}

impl Reading {
    /// What was told besides. What was not told is no number, which meets no goal.
    pub(crate) fn other(&self, name: &str) -> f64 {
        self.others.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Adds what somebody else told of the same run.
    pub(crate) fn add(&mut self, told: &Value) {
        self.others.extend(numbers(told));
    }
}

fn numbers(told: &Value) -> BTreeMap<String, f64> {
    let told = told.as_object().into_iter().flatten();
    let numbers = told.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    numbers.collect()
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
        others: numbers(&told),
    })
}

/// A server in a process of its own, until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// What it says after its URL.
    said: Option<JoinHandle<String>>,
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
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            // It may be ended in the middle of a word.
            let _ = stdout.read_to_string(&mut said);
            said
        });
        let url = match serde_json::from_str::<Value>(&line) {
            Ok(told) => told["url"].as_str().unwrap_or_default().to_owned(),
            Err(_) => line.trim().to_owned(),
        };
        let said = Some(said);
        let server = Self { process, url, said };
        ensure!(
            server.url.starts_with("http://"),
            "{command:?} said {line:?}"
        );
        Ok(server)
    }

    /// Ends its input, and waits for what it tells at its end.
    pub(crate) fn told(mut self) -> anyhow::Result<Value> {
        drop(self.process.stdin.take());
        let said = self.said.take().and_then(|said| said.join().ok());
        let said = said.context("the server said nothing")?;
        serde_json::from_str(said.trim()).with_context(|| format!("the server said {said:?}"))
    }

    /// The most memory so far, in kilobytes.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("the kernel does not say")?.parse()?)
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
