use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::super::cluster::run;

/// Whose protocol a store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Amazon's: moto, of Python's registry, asked by boto3.
    S3,
    /// Microsoft's: its own Azurite, of npm's registry, asked by azure-storage-blob.
    Azure,
}

/// Azurite's account, and the same for everybody.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

impl Kind {
    /// The program's name.
    pub(super) const fn server(self) -> &'static str {
        match self {
            Self::S3 => "moto",
            Self::Azure => "Azurite",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Azure => "azure",
        }
    }

    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Azure => "az://",
        }
    }

    /// Python with its library, and the store's program; they are installed if that can be.
    pub(super) fn installed(self) -> anyhow::Result<(PathBuf, Command)> {
        let tools = std::env::current_dir()?.join("target/tools");
        match self {
            Self::S3 => {
                let python = python(&tools.join("moto"), "moto[server,s3]>=5,<6")?;
                let server = Command::new(python.with_file_name("moto_server"));
                Ok((python, server))
            }
            Self::Azure => {
                let tools = tools.join("azurite");
                let python = python(&tools, "azure-storage-blob>=12,<13")?;
                let program = tools.join("node_modules/.bin/azurite-blob");
                if !program.exists() {
                    let mut install = Command::new("npm");
                    install.args(["install", "--silent", "--no-audit", "--no-fund"]);
                    run(install.arg("--prefix").arg(&tools).arg("azurite@3")).context("npm")?;
                }
                Ok((python, Command::new(program)))
            }
        }
    }

    pub(super) fn arguments(self, port: u16) -> Vec<String> {
        let port = port.to_string();
        let arguments: &[&str] = match self {
            Self::S3 => &["-H", "127.0.0.1", "-p", &port],
            Self::Azure => &[
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port,
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--silent",
            ],
        };
        arguments.iter().map(|&it| it.to_owned()).collect()
    }

    pub(super) fn address(self, port: u16) -> String {
        match self {
            Self::S3 => format!("http://127.0.0.1:{port}"),
            Self::Azure => format!("http://127.0.0.1:{port}/{ACCOUNT}"),
        }
    }

    pub(super) fn environment(self, port: u16) -> [(&'static str, String); 4] {
        let address = self.address(port);
        match self {
            Self::S3 => [
                ("AWS_ENDPOINT_URL", address),
                ("AWS_ACCESS_KEY_ID", String::from("studio")),
                ("AWS_SECRET_ACCESS_KEY", String::from("a secret")),
                ("AWS_REGION", String::from("us-east-1")),
            ],
            Self::Azure => [
                ("AZURE_ENDPOINT", address),
                ("AZURE_STORAGE_ACCOUNT_NAME", String::from(ACCOUNT)),
                ("AZURE_STORAGE_ACCOUNT_KEY", String::from(KEY)),
                // A machine has a proxy for others.
                ("NO_PROXY", String::from("127.0.0.1")),
            ],
        }
    }

    /// `create()`, `names(prefix)`, `read(key)` and `write(key, body)`, in Python.
    pub(super) const fn client(self) -> &'static str {
        match self {
            Self::S3 => {
                "
import boto3
s3 = boto3.client('s3', endpoint_url=sys.argv[1])
def create(): s3.create_bucket(Bucket=bucket)
def names(prefix):
    for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix=prefix):
        yield from (it['Key'] for it in page.get('Contents', []))
def read(key): return s3.get_object(Bucket=bucket, Key=key)['Body'].read()
def write(key, body): s3.put_object(Bucket=bucket, Key=key, Body=body)"
            }
            Self::Azure => {
                "
from azure.storage.blob import ContainerClient
blobs = ContainerClient(sys.argv[1], bucket, credential=os.environ['AZURE_STORAGE_ACCOUNT_KEY'])
def create(): blobs.create_container()
def names(prefix): return list(blobs.list_blob_names(name_starts_with=prefix))
def read(key): return blobs.download_blob(key).readall()
def write(key, body): blobs.upload_blob(key, body, overwrite=True)"
            }
        }
    }
}

/// Python with a package, in a folder of its own.
fn python(tools: &Path, package: &str) -> anyhow::Result<PathBuf> {
    let python = tools.join("bin/python");
    let done = tools.join("bin/installed");
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(tools))?;
        let mut install = Command::new(tools.join("bin/pip"));
        install.args(["install", "-q", "--disable-pip-version-check", package]);
        run(&mut install).context("pip")?;
        std::fs::write(done, "")?;
    }
    Ok(python)
}
