use std::thread::available_parallelism;

use anyhow::Context as _;
use xshell::{Shell, cmd};

/// Where and when it was measured, and how busy it was.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Of the last minute: how many threads ran or wanted to.
    pub(crate) load: String,
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn read(shell: &Shell) -> anyhow::Result<Self> {
        let processors = shell.read_file("/proc/cpuinfo")?;
        let model = processors
            .lines()
            .find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(':'));
        let load = shell.read_file("/proc/loadavg")?;
        let format = "+%Y-%m-%d %H:%M UTC";
        let commit = cmd!(shell, "git rev-parse --short HEAD").quiet().read();
        Ok(Self {
            date: cmd!(shell, "date -u {format}").quiet().read()?,
            processor: model
                .map_or("unknown", |(_, model)| model.trim())
                .to_owned(),
            cores: available_parallelism()?.get(),
            kernel: cmd!(shell, "uname -sr").quiet().read()?,
            load: load
                .split(' ')
                .next()
                .context("the load is not told")?
                .to_owned(),
            commit: commit.unwrap_or_default(),
        })
    }
}
