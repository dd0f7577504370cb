//! A recording of the program: a session on a terminal, run against a sandbox, and drawn into the documentation.

mod svg;

#[path = "../../crates/genrex-cli/tests/program/pty.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "what a test does with a terminal is more, and fails"
)]
mod pty;
#[path = "../../crates/genrex-cli/tests/program/screen.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "what a test does with a screen is more, and fails"
)]
pub(crate) mod screen;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use self::pty::Terminal;
use self::screen::Screen;
use self::svg::Frame;

/// Where the drawing lies.
const DRAWING: &str = "docs/terminal.svg";

const COLUMNS: u16 = 104;
const ROWS: u16 = 22;

const PROMPTS: &str = "text,duration,output
\"rain on a tin roof, slow piano\",30,rain.wav
intense EDM for the last lap,20,lap.wav
lullaby on a music box,15,lullaby.wav
brass fanfare,5,fanfare.wav
upright bass and brushes,20,bass.wav
church organ at night,25,organ.wav
";

pub(crate) fn run(shell: &Shell) -> anyhow::Result<()> {
    cmd!(shell, "cargo build --quiet --package genrex-cli")
        .quiet()
        .run()?;
    let root = shell.current_dir();
    let program = root.join("target/debug/genrex");
    let folder = root.join("target/recording");
    shell.remove_path(&folder)?;
    shell.create_dir(&folder)?;
    shell.write_file(folder.join("prompts.csv"), PROMPTS)?;

    let frames = Session::start(&program, &folder)?.record()?;
    let drawing = svg::draw(&frames, COLUMNS, ROWS);
    let kept = shell.read_file(DRAWING).unwrap_or_default();
    if is_same(&kept, &drawing) {
        println!("{DRAWING} is as it was, but for times");
        return Ok(());
    }
    shell.write_file(DRAWING, drawing)?;
    println!("{DRAWING} is drawn anew, in {} frames", frames.len());
    Ok(())
}

/// Whether two drawings differ by nothing but times and by which of two files came first.
fn is_same(one: &str, other: &str) -> bool {
    svg::without_times(one) == svg::without_times(other)
}

/// What is shown, one command after another.
struct Session<'a> {
    program: &'a Path,
    folder: &'a Path,
    sandbox: Child,
    environment: Vec<(&'static str, String)>,
    screen: Screen,
    frames: Vec<Frame>,
}

impl<'a> Session<'a> {
    fn start(program: &'a Path, folder: &'a Path) -> anyhow::Result<Self> {
        let mut sandbox = Command::new(program)
            .args(["sandbox", "--json", "--seed", "5", "--render-time", "3s"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = sandbox.stdout.take().context("it has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line)?;
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            program,
            folder,
            environment: vec![
                ("GENREX_BASE_URL", text("url")),
                ("GENREX_API_KEY", text("apiKey")),
                ("GENREX_API_SECRET", text("apiSecret")),
            ],
            sandbox,
            screen: Screen::new(COLUMNS.into(), ROWS.into()),
            frames: Vec::new(),
        })
    }

    fn record(mut self) -> anyhow::Result<Vec<Frame>> {
        let generate = ["generate", "intense EDM", "--duration", "10"];
        let mut terminal = self.begin("genrex generate \"intense EDM\" --duration 10", &generate);
        terminal.until(|screen| screen.seen().contains("Processing"));
        self.keep(&terminal.screen, 2_000);
        self.end(terminal, 2_500)?;

        let batch = [
            "batch",
            "prompts.csv",
            "--out-dir",
            "music",
            "--concurrency",
            "3",
        ];
        let mut terminal = self.begin(
            "genrex batch prompts.csv --out-dir music --concurrency 3",
            &batch,
        );
        let is_working = |screen: &Screen, total: &str, rows: usize| {
            let seen = screen.seen();
            seen.matches("Processing").count() == rows && seen.contains(total)
        };
        terminal.until(|screen| is_working(screen, "0/6 rows", 3));
        self.keep(&terminal.screen, 2_000);
        terminal.until(|screen| is_working(screen, "3/6 rows", 3));
        self.keep(&terminal.screen, 3_000);
        self.end(terminal, 3_500)?;

        let terminal = self.begin("genrex balance", &["balance"]);
        self.end(terminal, 4_000)?;
        Ok(std::mem::take(&mut self.frames))
    }

    /// The prompt, the command, and then the command at work.
    fn begin(&mut self, typed: &str, args: &[&str]) -> Terminal {
        self.screen
            .write(&format!("\u{1b}[1m$ {typed}\u{1b}[0m\r\n"));
        self.keep(&self.screen.clone(), 1_200);
        let mut command = Command::new(self.program);
        command
            .args(args)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)));
        let mut terminal = Terminal::start(&mut command, COLUMNS, ROWS);
        terminal.screen = self.screen.clone();
        terminal
    }

    fn end(&mut self, mut terminal: Terminal, shown: u32) -> anyhow::Result<()> {
        let code = terminal.end();
        ensure!(
            code == 0,
            "it ended with {code}:\n{}",
            terminal.screen.all()
        );
        self.screen = terminal.screen.clone();
        self.keep(&terminal.screen, shown);
        Ok(())
    }

    /// Adds what is seen, for so many milliseconds. A path of this machine is nobody's to know.
    fn keep(&mut self, screen: &Screen, shown: u32) {
        let folder = format!("{}/", self.folder.display());
        self.frames.push(Frame::of(screen, shown).without(&folder));
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}
