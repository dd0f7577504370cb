//! A session of the database's own program, for what has to stay open.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};

use super::cluster::PASSWORD;

/// A session of the database's, by its own program, which ends with this one.
pub(crate) struct Session {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Session {
    pub(crate) fn start(program: &Path, database: &str) -> anyhow::Result<Self> {
        let mut process = Command::new(program)
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                database,
            ])
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let answers = process.stdout.take().context("no answers")?;
        Ok(Self {
            process,
            answers: BufReader::new(answers),
        })
    }

    /// The first line of what a statement returns.
    pub(crate) fn ask(&mut self, sql: &str) -> anyhow::Result<String> {
        let asked = self.process.stdin.as_mut().context("no questions")?;
        writeln!(asked, "{sql};")?;
        let mut said = String::new();
        ensure!(self.answers.read_line(&mut said)? > 0, "the session ended");
        Ok(said.trim().to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
