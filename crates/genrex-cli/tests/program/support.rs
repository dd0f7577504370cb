use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
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

/// Puts a program into a place. Another process writes it: whatever a thread of this one starts meanwhile would have the
/// file open to write for a moment too, and a program that is open to write cannot be run.
pub(crate) fn install(program: &Path, place: &Path) {
    let installed = Command::new("install")
        .args(["-m", "755"])
        .args([program, place])
        .status();
    assert!(installed.unwrap().success());
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

    /// Buys the rows of a file into the folder `out`.
    pub(crate) fn batch(&self, folder: &Path, rows: &str, more: &[&str]) -> Output {
        let args = ["batch", rows, "--out-dir", "out", "--json"];
        let pace = ["--poll-interval", "10ms"];
        self.run(folder, &[&args[..], &pace, more].concat())
    }

    /// The credits that it says are used.
    pub(crate) fn used(&self, folder: &Path) -> u64 {
        let balance = json(&self.run(folder, &["balance", "--json"]));
        balance["creditsUsed"].as_u64().unwrap()
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

/// A service played by hand, but for the balance, which it tells by itself.
pub(crate) struct Played {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Played {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// The next request that does not ask for the balance.
    pub(crate) fn next(&self) -> TcpStream {
        loop {
            let (mut stream, _) = self.listener.accept().unwrap();
            if let Some(stream) = unless_balance(&mut stream).then_some(stream) {
                return stream;
            }
        }
    }

    /// Whether anything but questions for the balance is still to be accepted.
    pub(crate) fn has_more(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        while let Ok((mut stream, _)) = self.listener.accept() {
            stream.set_nonblocking(false).unwrap();
            if unless_balance(&mut stream) {
                return true;
            }
        }
        false
    }
}

/// Reads a request, and answers it if it asks for the balance.
fn unless_balance(stream: &mut TcpStream) -> bool {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap_or(0);
    if !String::from_utf8_lossy(&request[..length]).contains("getBalance") {
        return true;
    }
    answer(
        stream,
        "200 OK",
        r#"{"creditQuota":100,"usedCredit":0,"userId":"played"}"#,
    );
    false
}

/// Answers with a status and a body.
pub(crate) fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    answer_with(stream, status, "", body);
}

/// The same with more lines in its head.
pub(crate) fn answer_with(stream: &mut TcpStream, status: &str, lines: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{lines}Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    // Whoever has gone away need not hear it.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
