use std::error::Error as StdError;

/// Why no usable response came.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind, without a cause.
    #[must_use]
    pub const fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error of this kind, with the HTTP client's own as its cause.
    pub fn with_source(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

/// The kinds of [`TransportError`], told apart by what may have happened on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host's name has no address. Nothing left.
    #[error("the host's name could not be resolved")]
    Resolve,
    /// No connection stood. Nothing left.
    #[error("no connection could be made")]
    Connect,
    /// This machine had no file descriptor left for a connection. Nothing left.
    #[error("this machine has no file descriptor left")]
    NoDescriptor,
    /// No connection stood in time. Nothing left.
    #[error("no connection could be made in time")]
    ConnectTimeout,
    /// The connection was cut before TLS stood. Nothing left.
    #[error("TLS could not be set up")]
    Tls,
    /// The peer's certificate was refused. Nothing left.
    #[error("the server's certificate was refused")]
    Certificate,
    /// The address lies where this route may not go. Nothing left.
    #[error("the address is not a public one")]
    ForbiddenAddress,
    /// The caller gave up before the request was sent. Nothing left.
    #[error("cancelled by the caller")]
    Cancelled,
    /// The caller gave up after the request may have left.
    #[error("given up by the caller on its way")]
    Abandoned,
    /// The request could not be put into HTTP. Nothing left.
    #[error("the request could not be built")]
    Request,
    /// A limit of [`SendOptions`](crate::SendOptions) passed. The request may have left.
    #[error("no answer came in time")]
    Timeout,
    /// The connection died. The request may have left.
    #[error("the connection broke off")]
    Closed,
    /// What came is not HTTP. The request may have left.
    #[error("the answer is not HTTP")]
    Malformed,
    /// Anything else. The request may have left.
    #[error("the exchange failed")]
    Other,
}

impl TransportErrorKind {
    /// Whether the request may have left this machine.
    #[must_use]
    pub const fn may_have_left(self) -> bool {
        match self {
            Self::Abandoned | Self::Timeout | Self::Closed | Self::Malformed | Self::Other => true,
            Self::Resolve
            | Self::Connect
            | Self::NoDescriptor
            | Self::ConnectTimeout
            | Self::Tls
            | Self::Certificate
            | Self::ForbiddenAddress
            | Self::Cancelled
            | Self::Request => false,
        }
    }

    /// Whether it was a limit that passed.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout)
    }
}
