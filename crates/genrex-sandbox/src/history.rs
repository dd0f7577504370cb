/// Something that a client's claims can be held against, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When, in milliseconds since 1970, by the service's clock.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What happened at the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A job was taken, or will be after a 504.
    Taken {
        /// Its id.
        id: String,
        /// Its prompt.
        text: String,
        /// Its duration.
        seconds: u8,
        /// What it costs.
        credits: u64,
        /// Whether the answer to its submit told its id.
        told: bool,
    },
    /// So many credits were charged, or given back if negative.
    Moved {
        /// What for.
        cause: Cause,
        /// How many.
        credits: i64,
    },
    /// Somebody was told how many credits are used.
    Looked {
        /// So many.
        used: u64,
    },
}

/// Why credits moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The job of this id.
    Job(String),
    /// A submit that was refused.
    Refusal,
    /// Another client.
    Others,
}
