mod ledger;
mod metrics;
mod sandbox;
mod values;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use genrex_async::{BaseUrl, QueryId, Seconds};
use genrex_cli::settings::Key;
use genrex_cli::template::{Template, other_format};
use genrex_ledger::{LocalId, State};

pub(crate) use self::ledger::{CopyLedger, LedgerAction};
pub(crate) use self::metrics::MetricsAddress;
pub(crate) use self::sandbox::Sandbox;
use self::values::{base_url, duration, instant, job_name, query_id, seconds, state, template};
pub(crate) use self::work::Work;
use crate::command_error::CommandError;
use crate::name;
use crate::output::{self, Output};

/// Music from a prompt, by the GenreX API.
///
/// A prompt costs credits. Whatever is interrupted can be taken up again by its id, with `genrex wait`.
/// With --sandbox everything happens on this machine: no key, no network, no credits.
#[derive(Debug, Parser)]
#[command(name = "genrex", version, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Run against a sandbox inside this process: no key, no network
    #[arg(long, global = true, conflicts_with_all = ["base_url", "profile"])]
    pub(crate) sandbox: bool,
    /// Where the API is (also `GENREX_BASE_URL`)
    #[arg(long, global = true, value_name = "URL", value_parser = base_url)]
    pub(crate) base_url: Option<BaseUrl>,
    /// Which profile of the config file to use (also `GENREX_PROFILE`)
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Write one JSON document to standard output, and errors as JSON to standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: each poll; twice, each request
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make music from a prompt: submit it, wait, download. Costs credits
    Generate(Box<Generate>),
    /// Make music from a file of prompts; running it again continues it. Costs credits
    Batch(Box<Batch>),
    /// Wait for jobs that were submitted before, and download them
    Wait(Wait),
    /// Take jobs of a shared ledger that are paid for and not here: wait for them, and download them. Buys nothing
    Work(Work),
    /// Play a piece that is here
    Play(Play),
    /// Open a piece that is here, or its folder, as a double click does
    Open(Open),
    /// Ask once how jobs are doing
    Status(WhichJobs),
    /// The ledger: what was sent, paid for, finished, unclear
    Jobs(Jobs),
    /// Show the account's credits, once or again and again
    Balance(Balance),
    /// Read and change settings, without an editor
    Config {
        #[command(subcommand)]
        action: Option<ConfigAction>,
    },
    /// Keep an API key and its secret: asked for on a terminal, or from a pipe
    Login(Login),
    /// The ledger's storage
    Ledger {
        #[command(subcommand)]
        action: Option<LedgerAction>,
    },
    /// Sign a body from standard input, and print the value of gx-signature
    Sign(Sign),
    /// Check a signature of a body from standard input
    Verify(Verify),
    /// Run a faithful GenreX on this machine
    Sandbox(Box<Sandbox>),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Print the manual page of genrex, or of one of its commands
    Man(Man),
    /// Explain a command or a topic: money, config, batch-file, exit-codes, environment
    Help {
        /// A command, such as `jobs show`, or a topic
        topic: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// What to make, in 1 to 250 characters; `-` reads it from standard input
    pub(crate) text: String,
    /// How much of it, in seconds: 5 to 60
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Seconds,
    /// Print the job's id and leave it to `genrex wait`
    #[arg(long, conflicts_with_all = ["no_download", "output", "force", "play"])]
    pub(crate) no_wait: bool,
    /// Print the links and download nothing
    #[arg(long, conflicts_with_all = ["output", "force", "play"])]
    pub(crate) no_download: bool,
    /// Buy it again, though the same was asked for before and is not here yet
    #[arg(long)]
    pub(crate) new: bool,
    /// Spend no more than this; what a piece costs is learned from the account's balance
    #[arg(long, value_name = "CREDITS", conflicts_with = "no_ledger")]
    pub(crate) max_credits: Option<u64>,
    /// Do not look at the balance first: an ambiguous submit can then not be held against it
    #[arg(long, conflicts_with = "max_credits")]
    pub(crate) no_balance_check: bool,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Batch {
    /// CSV with a header (text, duration, and output if wanted), JSON Lines or a JSON array with those keys, or
    /// plain lines with --duration; `-` reads standard input
    pub(crate) file: PathBuf,
    /// The folder for the audio, or a part of an object store, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or
    /// `az://CONTAINER/PREFIX`: the batch is known by it, so that running it again continues it, and machines that share
    /// a ledger share its rows
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) out_dir: PathBuf,
    /// How long a piece is whose row does not say it; with it, each line of a file without a header is a prompt
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Seconds>,
    /// The name of each file in the folder, unless its row says it; `{id}`, `{prompt}` and `{line}` stand for the
    /// job's id, the prompt and the row's line: see `genrex help batch-file` [default: {prompt}-{id}.wav]
    #[arg(short, long, value_name = "NAME", value_parser = template)]
    pub(crate) output: Option<Template>,
    /// Say what would be bought and for how much, and buy nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace files that are there already
    #[arg(long)]
    pub(crate) force: bool,
    /// How many jobs are waited for and downloaded at once; submits go one by one
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) concurrency: u16,
    /// Spend no more than this in this run
    #[arg(long, value_name = "CREDITS")]
    pub(crate) max_credits: Option<u64>,
    /// Do not look at the balance before each row: an ambiguous submit can then not be held against it
    #[arg(long, conflicts_with = "max_credits")]
    pub(crate) no_balance_check: bool,
    /// Buy those again whose generation failed
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Buy rows that another batch, or this one by another ledger, has bought already
    #[arg(long)]
    pub(crate) new: bool,
    /// What to do about a submit that may have been charged
    #[arg(long, value_name = "POLICY", default_value = "skip")]
    pub(crate) on_ambiguous: OnAmbiguous,
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

/// There is no plain resubmit: that would buy twice in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnAmbiguous {
    /// Leave it and go on with the next
    Skip,
    /// Send nothing more
    Stop,
    /// Hold it against the balance, and ask on a terminal before buying again what was not charged
    Ask,
    /// Hold it against the balance, and buy again what was not charged
    ResubmitIfUncharged,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Balance {
    /// Ask again and again, and write a record of each reading: the time, what is left, the change
    #[arg(long)]
    pub(crate) watch: bool,
    /// End with exit code 6 when fewer credits are left
    #[arg(long, value_name = "CREDITS", requires = "watch")]
    pub(crate) below: Option<u64>,
    /// How long to wait between two readings
    #[arg(long, value_name = "TIME", default_value = "1m", requires = "watch", value_parser = duration)]
    pub(crate) interval: Duration,
    /// End after so many readings [default: never]
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Print where the settings are
    Path,
    /// List what is set; secrets are not shown
    List,
    /// Print one setting
    Get {
        /// Its name, such as `limits.day`
        #[arg(value_parser = Key::new)]
        key: Key,
    },
    /// Change one setting; comments and order stay
    Set {
        /// Its name, such as `profile.default.base_url` or `limits.day`
        #[arg(value_parser = Key::new)]
        key: Key,
        /// What it is to be; an empty value takes it out
        value: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Keep them without asking the service whether they are right
    #[arg(long)]
    pub(crate) no_check: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The command, such as `batch` or `jobs show` [default: genrex itself]
    pub(crate) command: Vec<String>,
    /// Write a page a command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) out_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    pub(crate) action: Option<JobsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsAction {
    /// List the jobs, newest first
    List(ListJobs),
    /// Show all that is known of one
    Show {
        /// Its number in the list, or its id at the service
        id: String,
    },
    /// Find submits that ended without an outcome, and say how to go on with what is open
    Recover,
    /// Hold an ambiguous submit against the account's balance
    Reconcile {
        /// Its number in the list
        id: String,
    },
    /// Settle a submit by hand, as support or your own records say
    Resolve(ResolveJob),
    /// Write all that the ledger holds, a JSON line a job
    Export,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct ListJobs {
    /// Only jobs in this state; may be given more than once
    #[arg(long, value_name = "STATE", value_parser = state())]
    pub(crate) state: Vec<State>,
    /// Only jobs of this account, as `jobs show` names it
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Only jobs that were intended at this time or later, such as 2026-11-23T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) since: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("resolution").required(true)))]
pub(crate) struct ResolveJob {
    /// Its number in the list
    pub(crate) id: String,
    /// The service took it, and this is its id: it is asked after first
    #[arg(long, value_name = "ID", value_parser = query_id, group = "resolution")]
    pub(crate) query_id: Option<QueryId>,
    /// It was charged, and its id is lost
    #[arg(long, group = "resolution")]
    pub(crate) charged: bool,
    /// It was not charged: the same may be bought again
    #[arg(long, group = "resolution")]
    pub(crate) not_charged: bool,
    /// Why: it is kept with the job
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    pub(crate) which: WhichJobs,
    #[command(flatten)]
    pub(crate) delivery: Delivery,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Play {
    /// A job's id, its number in `genrex jobs list`, or a path
    ///
    /// The first of pw-play, paplay, mpv, ffplay, afplay and aplay that is here plays it. `GENREX_PLAYER` names
    /// another, with its first arguments.
    #[arg(value_name = "JOB|PATH")]
    pub(crate) piece: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Open {
    /// A job's id, its number in `genrex jobs list`, or a path
    #[arg(value_name = "JOB|PATH")]
    pub(crate) piece: String,
    /// Open the folder that it is in
    #[arg(long)]
    pub(crate) folder: bool,
}

/// The jobs that a command is about.
#[derive(Debug, clap::Args)]
pub(crate) struct WhichJobs {
    /// The jobs: each by its id, as `generate` printed it, or by its number in `genrex jobs list`
    #[arg(value_name = "JOB", value_parser = job_name, required_unless_present = "open")]
    pub(crate) jobs: Vec<JobName>,
    /// All jobs of the account that are paid for and not here yet
    #[arg(long, conflicts_with = "jobs")]
    pub(crate) open: bool,
}

impl WhichJobs {
    /// Whether the result is a list, whatever is in it.
    pub(crate) fn is_list(&self) -> bool {
        self.open || self.jobs.len() > 1
    }
}

/// What a job is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobName {
    Number(LocalId),
    Id(QueryId),
}

impl JobName {
    pub(crate) const fn number(&self) -> Option<LocalId> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Id(_) => None,
        }
    }
}

/// How a job is waited for, and where its audio goes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Delivery {
    /// The file or folder to write to; `-` for standard output. In a name, `{id}` and `{prompt}` stand for the job's
    /// id and prompt [default: {prompt}-{id}.wav]
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Replace a file of that name
    #[arg(long)]
    pub(crate) force: bool,
    /// Play it when it is here
    #[arg(long)]
    pub(crate) play: bool,
    /// How long to wait; the job goes on after that
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Keep nothing in the ledger: what is lost then is lost
    #[arg(long)]
    pub(crate) no_ledger: bool,
    /// Ask always so often [default: when it is likely to be ready, by how long others took]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) poll_interval: Option<Duration>,
}

impl Delivery {
    /// Whether the audio goes to standard output.
    pub(crate) fn to_stdout(&self) -> bool {
        self.output.as_deref() == Some(Path::new("-"))
    }

    /// Refuses what would put both the audio and the document into one stream, or audio on a terminal, and a name that
    /// is none or says that it holds something else.
    pub(crate) fn check(&self, output: &Output) -> Result<(), CommandError> {
        let message = match self.to_stdout() {
            true if output.is_json() => "--json and --output - both want standard output",
            true if output::is_on_terminal() => {
                "standard output is a terminal, which audio would garble"
            }
            true => return Ok(()),
            false => return self.check_name(output),
        };
        Err(CommandError::usage(message)
            .hint("give --output a file, or send standard output into a pipe or a file"))
    }
}

impl Delivery {
    fn check_name(&self, output: &Output) -> Result<(), CommandError> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        name::template(path).map_err(CommandError::usage)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name::is_folder(path) {
            return Ok(());
        }
        if let Some(other) = other_format(&name) {
            let message = format!("{name} would not hold {other} but WAV; nothing was sent");
            return Err(CommandError::usage(message)
                .hint("end the name with .wav, and convert the file when it is here"));
        }
        match path.extension() {
            Some(extension) if !extension.eq_ignore_ascii_case("wav") => {
                output.warning(format_args!("{name} will hold WAV, whatever its name says"));
            }
            Some(_) | None => {}
        }
        Ok(())
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Sign {
    /// The time to sign at, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MS")]
    pub(crate) timestamp: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The value of gx-signature: `t=…,v=…`
    #[arg(long, value_name = "VALUE")]
    pub(crate) signature: String,
    /// How old the signature may be, or how far ahead
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) tolerance: Duration,
    /// The time to check at, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MS")]
    pub(crate) now: Option<u64>,
}
