use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerAction {
    /// Print which ledger is used
    Path,
    /// Make the tables of a ledger in PostgreSQL, or bring those of an older version to this one
    Migrate,
    /// Show who uses a ledger, what is in flight, what is unclear, and what is spent of each limit
    Status,
    /// Say that somebody has looked at a database that was restored, and that it may be bought with as it is
    AcceptRestored,
    /// Move all that a ledger holds into another, empty one; jobs keep their numbers
    ///
    /// Nothing is bought with FROM from the first step on, and with TO only after the last. After an interruption the
    /// same command goes on.
    Copy(CopyLedger),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CopyLedger {
    /// The ledger that is left: a path, or postgres://…
    pub(crate) from: String,
    /// The ledger that is used from then on: a path, or postgres://…
    #[arg(required_unless_present = "give_up")]
    pub(crate) to: Option<String>,
    /// Stay with FROM, if it has not been left yet
    #[arg(long)]
    pub(crate) give_up: bool,
}
