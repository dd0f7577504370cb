use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program, in a folder of its own, knowing nothing of this machine's set-up.
pub(crate) fn genrex(folder: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("genrex"));
    command
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    genrex(folder).args(args).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", stdout(output), stderr(output)))
}

/// The error document on standard error: its last line.
pub(crate) fn error(output: &Output) -> Value {
    let text = stderr(output);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(last).unwrap_or_else(|_| panic!("{text}"))["error"].clone()
}

/// `genrex sandbox --json` in a process of its own, ended with the test.
pub(crate) struct Sandbox {
    process: Child,
    pub(crate) url: String,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Sandbox {
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut process = genrex(folder)
            .args(["sandbox", "--json"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| started[name].as_str().unwrap().to_owned();
        Self {
            process,
            url: text("url"),
            environment: vec![
                ("GENREX_BASE_URL", text("url")),
                ("GENREX_API_KEY", text("apiKey")),
                ("GENREX_API_SECRET", text("apiSecret")),
            ],
        }
    }

    /// The program with the sandbox's keys in its environment.
    pub(crate) fn genrex(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = genrex(folder);
        command
            .args(args)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    pub(crate) fn run(&self, folder: &Path, args: &[&str]) -> Output {
        self.genrex(folder, args).output().unwrap()
    }

    /// Closes its standard input, which ends it, and says with what code.
    pub(crate) fn end(mut self) -> Option<i32> {
        drop(self.process.stdin.take());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
