//! A piece into a file: hashed, and synced before it has its name.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};

use crate::meter::Meter;
use crate::polls::{KEY, SECRET};

pub fn run(by: &str, url: &str, folder: &str) -> anyhow::Result<()> {
    let path = Path::new(folder).join("audio.wav");
    // It may not be there.
    let _ = std::fs::remove_file(&path);
    match by {
        "genrex-async" => on_runtime(by_async(url, &path)),
        "reqwest" => on_runtime(by_reqwest(url, &path)),
        "genrex-blocking" => by_blocking(url, &path),
        "ureq" => by_ureq(url, &path),
        _ => bail!("nobody downloads by {by}"),
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(work)
}

async fn by_async(url: &str, path: &Path) -> anyhow::Result<()> {
    use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, QueryId, Track};

    let client = Client::builder()
        .key_pair(KeyPair::new(ApiKey::new(KEY)?, ApiSecret::new(SECRET)?))
        .base_url(BaseUrl::new(url)?)
        .build()?;
    let track = Track::try_from(client.retrieve(&QueryId::new("QRY_done")?).await?)?;
    let meter = Meter::start()?;
    client.download(track.audio(), path).await?;
    meter.told(1)
}

fn by_blocking(url: &str, path: &Path) -> anyhow::Result<()> {
    use genrex_blocking::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, QueryId, Track};

    let client = Client::builder()
        .key_pair(KeyPair::new(ApiKey::new(KEY)?, ApiSecret::new(SECRET)?))
        .base_url(BaseUrl::new(url)?)
        .build()?;
    let track = Track::try_from(client.retrieve(&QueryId::new("QRY_done")?)?)?;
    let meter = Meter::start()?;
    client.download(track.audio(), path)?;
    meter.told(1)
}

async fn by_reqwest(url: &str, path: &Path) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let meter = Meter::start()?;
    let mut target = Target::create(path)?;
    let mut answer = client
        .get(format!("{url}/audio/a.wav"))
        .send()
        .await?
        .error_for_status()?;
    while let Some(chunk) = answer.chunk().await? {
        target.write(&chunk)?;
    }
    target.commit()?;
    meter.told(1)
}

fn by_ureq(url: &str, path: &Path) -> anyhow::Result<()> {
    let config = ureq::config::Config::builder().proxy(None).build();
    let agent = ureq::Agent::new_with_config(config);
    let meter = Meter::start()?;
    let mut target = Target::create(path)?;
    let mut body = agent
        .get(format!("{url}/audio/a.wav"))
        .call()?
        .into_body()
        .into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            length => target.write(&buffer[..length])?,
        }
    }
    target.commit()?;
    meter.told(1)
}

/// As little as is needed for the file to be whole and kept.
struct Target<'a> {
    path: &'a Path,
    part: std::path::PathBuf,
    file: File,
    hash: Sha256,
}

impl<'a> Target<'a> {
    fn create(path: &'a Path) -> anyhow::Result<Self> {
        let part = path.with_extension("part");
        Ok(Self {
            path,
            file: File::create(&part)?,
            part,
            hash: Sha256::new(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    fn commit(self) -> anyhow::Result<()> {
        std::hint::black_box(self.hash.finalize());
        self.file.sync_all()?;
        std::fs::rename(&self.part, self.path)?;
        let folder = self.path.parent().context("a folder")?;
        Ok(File::open(folder)?.sync_all()?)
    }
}
