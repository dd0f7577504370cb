//! The quick start's own programs are the best proof that the sandbox is faithful: they were written
//! for the service, and run here with only host and keys changed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

const HOST: &str = "https://api.genrex.com";

pub(crate) fn run(shell: &Shell, page: &Path) -> anyhow::Result<()> {
    let text = shell.read_file(page)?;
    let programs = programs(&text);
    let [submit, poll, balance] = programs.as_slice() else {
        bail!(
            "the page holds {} whole programs, and not three",
            programs.len()
        );
    };
    let folder = shell.current_dir().join("target/quick-start");
    shell.create_dir(&folder)?;
    install_axios(shell, &folder)?;
    cmd!(shell, "cargo build --quiet --package genrex-cli")
        .quiet()
        .run()?;
    let sandbox = Sandbox::start(&shell.current_dir().join("target/debug/genrex"))?;

    let printed = sandbox.node(&folder, "submit.js", submit, "")?;
    let id = printed.trim().strip_prefix("queryId: ");
    let id = id.with_context(|| format!("the submit printed {printed:?}"))?;
    println!("submit: {}", printed.trim());

    let printed = sandbox.node(&folder, "poll.js", poll, id)?;
    let (progress, url) = printed
        .split_once("Audio URL: ")
        .with_context(|| format!("the poll printed {printed:?}"))?;
    ensure!(
        progress.contains("in progress"),
        "the poll did not have to wait: {printed:?}"
    );
    println!("poll: {}", printed.trim().replace('\n', " / "));
    let check = format!(
        "fetch({:?}).then(r => r.arrayBuffer()).then(b => console.log(Buffer.from(b).toString('latin1', 0, 4), b.byteLength))",
        url.trim()
    );
    let audio = sandbox.node(&folder, "audio.js", &check, "")?;
    ensure!(audio.starts_with("RIFF "), "the URL gave {audio:?}");
    println!("audio: {}", audio.trim());

    let printed = sandbox.node(&folder, "balance.js", balance, "")?;
    for field in ["creditQuota: 100", "usedCredit: 10", "durationLimit: 60"] {
        ensure!(printed.contains(field), "the balance printed {printed:?}");
    }
    println!("balance: {}", printed.replace('\n', " "));
    println!("the quick start's three programs ran against the sandbox");
    Ok(())
}

/// The whole programs of the page, in order: each begins with its `require`s, and ends before the first
/// line of prose outside all brackets.
fn programs(text: &str) -> Vec<String> {
    let mut programs: Vec<String> = Vec::new();
    let mut inside = false;
    let mut depth = 0;
    for line in text.lines() {
        let begins = line.starts_with("const ") && line.contains("= require(");
        if begins && !inside {
            programs.push(String::new());
            (inside, depth) = (true, 0);
        }
        if inside && depth == 0 && line.starts_with(|first: char| first.is_ascii_uppercase()) {
            inside = false;
        }
        if let (true, Some(program)) = (inside, programs.last_mut()) {
            depth += balance(line);
            program.push_str(line);
            program.push('\n');
        }
    }
    programs
}

/// How many more brackets a line opens than it closes.
fn balance(line: &str) -> i32 {
    let is_comment = line.trim_start().starts_with("//");
    let code = if is_comment { "" } else { line };
    code.chars()
        .map(|character| match character {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        })
        .sum()
}

fn install_axios(shell: &Shell, folder: &Path) -> anyhow::Result<()> {
    if folder.join("node_modules/axios").exists() {
        return Ok(());
    }
    cmd!(
        shell,
        "npm install --silent --no-fund --no-audit --prefix {folder} axios@1"
    )
    .quiet()
    .run()
    .context("axios cannot be installed: this needs Node and npm")
}

/// `genrex sandbox` in a process of its own; it ends with its standard input.
struct Sandbox {
    process: Child,
    url: String,
    key: String,
    secret: String,
}

impl Sandbox {
    fn start(genrex: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new(genrex)
            // Longer than the way from the submit to the first poll, shorter than the poll's own 5 s.
            .args(["sandbox", "--json", "--quota", "100", "--render-time", "3s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let started: Value = serde_json::from_str(&line)?;
        let text = |name: &str| {
            started[name]
                .as_str()
                .map(str::to_owned)
                .context("no sandbox")
        };
        Ok(Self {
            url: text("url")?,
            key: text("apiKey")?,
            secret: text("apiSecret")?,
            process,
        })
    }

    /// Runs a program with only host, keys and id changed.
    fn node(&self, folder: &Path, name: &str, program: &str, id: &str) -> anyhow::Result<String> {
        let program = program
            .replace(HOST, &self.url)
            .replace("<YOUR-API-KEY>", &self.key)
            .replace("<YOUR-API-SECRET>", &self.secret)
            .replace("<YOUR-QUERY-ID>", id);
        std::fs::write(folder.join(name), program)?;
        let output = Command::new("node")
            .current_dir(folder)
            .arg(name)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() && said.is_empty(),
            "{name} failed: {said}"
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
