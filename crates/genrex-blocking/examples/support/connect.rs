//! Whose credits an example spends: those of `GENREX_API_KEY`, or of a sandbox on this machine.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use genrex_blocking::{ApiKey, ApiSecret, BaseUrl, Client, ClientBuilder, KeyPair};
use genrex_sandbox::{Options, Sandbox};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

pub(crate) struct Connection {
    pub(crate) builder: ClientBuilder,
    /// Where the example keeps its ledger and its files.
    pub(crate) folder: PathBuf,
    /// It runs until this is dropped, and its folder goes with it. The runtime is the sandbox's: the client
    /// needs none.
    _sandbox: Option<(Sandbox, Runtime, TempDir)>,
}

pub(crate) fn connect() -> Result<Connection, Box<dyn Error>> {
    if env::var_os("GENREX_API_KEY").is_some() {
        return Ok(Connection {
            builder: ClientBuilder::from_env()?,
            folder: PathBuf::from("genrex-example"),
            _sandbox: None,
        });
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let sandbox = runtime.block_on(Sandbox::start(Options::default()))?;
    let folder = TempDir::new()?;
    let Options {
        api_key,
        api_secret,
        ..
    } = sandbox.options();
    let keys = KeyPair::new(
        ApiKey::new(api_key.as_str())?,
        ApiSecret::new(api_secret.as_str())?,
    );
    let base_url = BaseUrl::new(sandbox.url())?;
    Ok(Connection {
        builder: Client::builder().key_pair(keys).base_url(base_url),
        folder: folder.path().to_owned(),
        _sandbox: Some((sandbox, runtime, folder)),
    })
}
