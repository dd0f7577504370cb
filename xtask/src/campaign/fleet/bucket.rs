//! An object store that is not ours: `moto` of Python's, which speaks S3, and boto3, which asks it without anything of
//! ours in between.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::cluster::{free_port, run};

const NAME: &str = "studio";

/// A running store with an empty bucket.
pub(crate) struct Bucket {
    python: PathBuf,
    server: Child,
    port: u16,
}

/// What lies there: its address, its length in bytes, and the SHA-256 of what is read.
pub(crate) type Object = (String, u64, String);

impl Bucket {
    /// `None` if it cannot be installed, and that is said.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let tools = match installed() {
            Ok(tools) => tools,
            Err(why) => {
                println!(
                    "NOT RUN: a shared batch in an object store, since moto cannot be installed: {why:#}"
                );
                return Ok(None);
            }
        };
        let port = free_port()?;
        let server = Command::new(tools.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let bucket = Self {
            python: tools.join("bin/python"),
            server,
            port,
        };
        bucket.wait()?;
        bucket.ask("s3.create_bucket(Bucket=bucket)", &[])?;
        Ok(Some(bucket))
    }

    /// The address of a part of it.
    pub(crate) fn url(&self, prefix: &str) -> String {
        format!("s3://{NAME}/{prefix}")
    }

    /// What the environment of a program says that uses it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
            ("AWS_ACCESS_KEY_ID", String::from("studio")),
            ("AWS_SECRET_ACCESS_KEY", String::from("a secret")),
            ("AWS_REGION", String::from("us-east-1")),
        ]
    }

    /// All that lies in a part of it.
    pub(crate) fn objects(&self, prefix: &str) -> anyhow::Result<Vec<Object>> {
        const LIST: &str = "
for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=sys.argv[2] + '/'):
    for it in page.get('Contents', []):
        body = s3.get_object(Bucket=bucket, Key=it['Key'])['Body'].read()
        print(json.dumps(['s3://' + bucket + '/' + it['Key'], len(body), hashlib.sha256(body).hexdigest()]))";
        let told = self.ask(LIST, &[prefix])?;
        told.lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }

    /// Changes a byte of an object.
    pub(crate) fn spoil(&self, address: &str) -> anyhow::Result<()> {
        const SPOIL: &str = "
key = sys.argv[2].split('/', 3)[3]
body = bytearray(s3.get_object(Bucket=bucket, Key=key)['Body'].read())
body[-1] ^= 1
s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))";
        self.ask(SPOIL, &[address]).map(drop)
    }

    fn ask(&self, what: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let program = format!(
            "import boto3, hashlib, json, sys
bucket = '{NAME}'
s3 = boto3.client('s3', endpoint_url=sys.argv[1])
{what}"
        );
        let url = format!("http://127.0.0.1:{}", self.port);
        let ended = Command::new(&self.python)
            .args(["-c", &program, &url])
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
        bail!("moto does not listen")
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The folder of moto's programs; they are installed if that can be.
fn installed() -> anyhow::Result<PathBuf> {
    let tools = std::env::current_dir()?.join("target/tools/moto");
    if tools.join("bin/moto_server").exists() {
        return Ok(tools);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
    let mut install = Command::new(tools.join("bin/pip"));
    install.args([
        "install",
        "-q",
        "--disable-pip-version-check",
        "moto[server,s3]>=5,<6",
    ]);
    run(&mut install).context("pip")?;
    Ok(tools)
}
