/// One of the three signed calls. All are `POST` with a JSON body and no query string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Submits a prompt: costs credits.
    Generate,
    /// Asks how a job is doing: free, reads only.
    Retrieve,
    /// Asks for the account's credits: free, reads only.
    Balance,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Generate, Self::Retrieve, Self::Balance];

    /// The path below the base URL, with its leading slash.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Generate => "/v1/text2music/generateMusic",
            Self::Retrieve => "/v1/text2music/retrieve",
            Self::Balance => "/v1/text2music/getBalance",
        }
    }

    /// Whether sending the same request twice does what sending it once does.
    ///
    /// A property of the endpoint, never of the method: all three are `POST`, and a second
    /// `generateMusic` is a second purchase, for which the service knows no idempotency key.
    #[must_use]
    pub const fn is_repeatable(self) -> bool {
        match self {
            Self::Generate => false,
            Self::Retrieve | Self::Balance => true,
        }
    }
}
