use std::path::PathBuf;
use std::time::Duration;

use super::MetricsAddress;
use super::values::duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Work {
    /// The ledger, a path or `postgres://…` (also `GENREX_LEDGER`)
    #[arg(long, value_name = "PLACE")]
    pub(crate) ledger: Option<String>,
    /// Where the audio of jobs goes that no batch has said a place for, a folder or an address as
    /// `s3://BUCKET/PREFIX`; without it they are left
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Do not end when no job is open: wait for the next
    #[arg(long)]
    pub(crate) watch: bool,
    /// How many jobs are waited for and downloaded at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    /// How long to wait for each job; it goes on after that
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Ask always so often [default: when it is likely to be ready, by how long others took]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) poll_interval: Option<Duration>,
    /// Tell Prometheus what is done, at this address [default: this machine alone, port 9464]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = MetricsAddress::DEFAULT)]
    pub(crate) metrics: Option<MetricsAddress>,
}
