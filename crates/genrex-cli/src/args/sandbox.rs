//! How a sandbox is to behave.

use std::net::SocketAddr;
use std::time::Duration;

use genrex_sandbox::{ChargeTime, Dialect, Incident, Others, Price, PriceChange};

use super::values::{dialect, duration, signed_millis};

#[derive(Debug, clap::Args)]
pub(crate) struct Sandbox {
    /// Where to listen: a loopback address, port 0 for any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// What ids and music are made from; another each time unless it is given
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// How long a job takes
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(crate) render_time: Duration,
    /// How many credits the account has
    #[arg(long, value_name = "CREDITS", default_value_t = 10_000)]
    pub(crate) quota: u64,
    /// What a piece costs: `1` a second, `flat:10`, or `8+1/5s`, which is 8 and 1 for each 5 seconds
    #[arg(long, value_name = "PRICE", default_value = "1", value_parser = str::parse::<Price>)]
    pub(crate) price: Price,
    /// Another price after so many jobs, such as `20:flat:15`
    #[arg(long, value_name = "JOBS:PRICE", value_parser = str::parse::<PriceChange>)]
    pub(crate) price_change: Option<PriceChange>,
    /// When a job is charged: at its `submit`, at its `completion`, `completion+2s`, or in `parts:1`, which is 1
    /// credit at the submit and the others at completion
    #[arg(long, value_name = "WHEN", default_value = "submit", value_parser = str::parse::<ChargeTime>)]
    pub(crate) charge: ChargeTime,
    /// Give back what a failed job was charged
    #[arg(long)]
    pub(crate) refund_failures: bool,
    /// What happens at the nth submit: `3:303` and `3:504+40s` take the job, at once or later; `3:429` charges and
    /// refuses; at `3:others:-4` another client is given 4 credits back. May be given more than once
    #[arg(long, value_name = "N:WHAT", value_parser = str::parse::<Incident>)]
    pub(crate) incident: Vec<Incident>,
    /// Other clients of the account: `5/10s` moves at most 5 credits either way every 10 seconds
    #[arg(long, value_name = "CREDITS/TIME", value_parser = str::parse::<Others>)]
    pub(crate) others: Option<Others>,
    /// How far its clock is ahead, such as `25h`, or behind, such as `-25h`
    #[arg(long, value_name = "TIME", default_value = "0s", allow_hyphen_values = true, value_parser = signed_millis)]
    pub(crate) clock_offset: i64,
    /// The longest piece, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u8).range(5..=60))]
    pub(crate) max_duration: u8,
    /// How far a signature's time may be off
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) tolerance: Duration,
    /// How long a link to audio works
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) link_lifetime: Duration,
    /// Which form the answers have: `quick-start` or `reference`
    #[arg(long, value_name = "FORM", default_value = "quick-start", value_parser = dialect())]
    pub(crate) dialect: Dialect,
}
