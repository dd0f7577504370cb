use std::path::Path;
use std::process::Output;

use tempfile::{TempDir, tempdir};

use crate::service::Counting;
use crate::support::{Sandbox, genrex};

/// Where errors are provoked: a folder, and a service that does what it is told.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) service: Counting,
}

/// What came of it.
pub(crate) struct Provoked {
    pub(crate) output: Output,
    /// In which the commands that it names are typed.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Kept for those commands.
    pub(crate) sandbox: Option<Sandbox>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempdir().unwrap(),
            service: Counting::start(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The keys with which the service is called.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let word = String::from;
        vec![
            ("GENREX_BASE_URL", self.service.url.clone()),
            ("GENREX_API_KEY", word("k")),
            ("GENREX_API_SECRET", word("s")),
        ]
    }

    /// Runs a command against the service.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, &[])
    }

    /// The same with more in the environment.
    pub(crate) fn run_with(&self, args: &[&str], more: &[(&str, &str)]) -> Output {
        genrex(self.folder())
            .args(args)
            .arg("--json")
            .envs(self.environment())
            .envs(more.iter().copied())
            .output()
            .unwrap()
    }

    /// The same, as the error that is looked at.
    pub(crate) fn provoke(&self, args: &[&str]) -> Provoked {
        self.provoked(self.run(args))
    }

    pub(crate) fn provoked(&self, output: Output) -> Provoked {
        Provoked {
            output,
            environment: self.environment(),
            sandbox: None,
        }
    }

    /// The same against a sandbox of its own.
    pub(crate) fn in_sandbox(&self, options: &[&str], args: &[&str]) -> Provoked {
        let sandbox = Sandbox::start(self.folder(), options);
        let args = [args, &["--json"]].concat();
        Provoked {
            output: sandbox.run(self.folder(), &args),
            environment: sandbox.environment.clone(),
            sandbox: Some(sandbox),
        }
    }

    /// What was bought so far, anywhere.
    pub(crate) fn bought(&self, provoked: &Provoked) -> (u64, Option<u64>) {
        (self.service.state().submits, super::used(self, provoked))
    }

    /// From now on every job is done, and its audio is this.
    pub(crate) fn complete(&self, audio: Vec<u8>) {
        let mut state = self.service.state();
        state.status = "Completed";
        state.audio = audio;
    }

    /// An answer with audio.
    pub(crate) fn music() -> Vec<u8> {
        let audio = genrex_tests::wav();
        let length = audio.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.into_bytes(), audio].concat()
    }

    /// An answer without a body.
    pub(crate) fn empty(status: &str) -> String {
        Self::answer(status, "")
    }

    pub(crate) fn answer(status: &str, body: &str) -> String {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
    }
}
