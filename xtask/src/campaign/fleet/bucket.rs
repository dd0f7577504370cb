//! Object stores that are not ours, and libraries that ask them without anything of ours in between.

mod kind;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure};

pub(crate) use self::kind::Kind;
use super::cluster::free_port;

const NAME: &str = "studio";

/// A running store with an empty bucket.
pub(crate) struct Bucket {
    kind: Kind,
    python: PathBuf,
    server: Child,
    port: u16,
}

/// What lies there: its address, its length in bytes, and the SHA-256 of what is read.
pub(crate) type Object = (String, u64, String);

impl Bucket {
    /// `None` if it cannot be installed, and that is said.
    pub(crate) fn start(kind: Kind) -> anyhow::Result<Option<Self>> {
        let (python, mut server) = match kind.installed() {
            Ok(installed) => installed,
            Err(why) => {
                println!(
                    "NOT RUN: a shared batch in an object store, since {} cannot be installed: {why:#}",
                    kind.server()
                );
                return Ok(None);
            }
        };
        let port = free_port()?;
        let server = server
            .args(kind.arguments(port))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let bucket = Self {
            kind,
            python,
            server,
            port,
        };
        bucket.wait()?;
        bucket.ask("create()", &[])?;
        Ok(Some(bucket))
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The address of a part of it.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("{}{NAME}/{prefix}", self.kind.scheme())
    }

    /// What the environment of a program says that uses it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        self.kind.environment(self.port)
    }

    /// All that lies in a part of it.
    pub(crate) fn objects(&self, prefix: &str) -> anyhow::Result<Vec<Object>> {
        const LIST: &str = "
for key in names(sys.argv[2] + '/'):
    body = read(key)
    print(json.dumps([key, len(body), hashlib.sha256(body).hexdigest()]))";
        let told = self.ask(LIST, &[prefix])?;
        let objects = told.lines().map(|line| {
            let (key, bytes, sha256) = serde_json::from_str::<Object>(line)?;
            Ok((self.url(&key), bytes, sha256))
        });
        objects.collect()
    }

    /// Changes a byte of an object.
    pub(crate) fn spoil(&self, address: &str) -> anyhow::Result<()> {
        const SPOIL: &str = "
key = sys.argv[2].split('/', 3)[3]
body = bytearray(read(key))
body[-1] ^= 1
write(key, bytes(body))";
        self.ask(SPOIL, &[address]).map(drop)
    }

    fn ask(&self, what: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let client = self.kind.client();
        let program = format!(
            "import hashlib, json, os, sys
bucket = '{NAME}'
{client}
{what}"
        );
        let ended = Command::new(&self.python)
            .args(["-c", &program, &self.kind.address(self.port)])
            .args(arguments)
            .envs(self.environment())
            .output()?;
        ensure!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        Ok(String::from_utf8(ended.stdout)?)
    }

    #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
    fn wait(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("{} does not listen", self.kind.server())
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
