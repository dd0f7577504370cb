use crate::credentials::MAX_LENGTH;

/// Why a credential, a header or a signature was refused.
///
/// Its text never repeats what was given: a refused secret must not reach a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    kind: ErrorKind,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind) -> Self {
        Self { kind }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a credential was refused before anything was signed.
    #[must_use]
    pub const fn is_credential(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::EmptyCredential
                | ErrorKind::LongCredential
                | ErrorKind::CredentialCharacter { .. }
        )
    }

    /// Whether the signature itself was right and only its time was outside the window.
    #[must_use]
    pub const fn is_outside_window(&self) -> bool {
        matches!(self.kind, ErrorKind::Expired | ErrorKind::FromTheFuture)
    }
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A key or secret of no characters.
    #[error("the credential is empty")]
    EmptyCredential,
    /// A key or secret of more than 512 characters.
    #[error("the credential is longer than {MAX_LENGTH} characters")]
    LongCredential,
    /// A character that is not visible ASCII (0x21 to 0x7E): CR, LF, NUL, a space, an accent.
    #[error(
        "the credential has a character at position {position} that is not visible ASCII; \
         copy it again without spaces or line ends"
    )]
    CredentialCharacter {
        /// The byte offset of the first such character, from 0.
        position: usize,
    },
    /// A header that is not exactly `t=<decimal>,v=<64 lower-case hexadecimal digits>`.
    #[error("the signature header is not `t=<unix ms>,v=<64 lower-case hex digits>`")]
    MalformedHeader,
    /// A time that is not `0` or a decimal count without sign and leading zeros, of 64 bits at most.
    #[error("the time is not a decimal count of milliseconds without sign or leading zeros")]
    MalformedTime,
    /// A signature that is not exactly 64 lower-case hexadecimal digits.
    #[error("the signature is not 64 lower-case hex digits")]
    MalformedSignature,
    /// The MAC is not that of this time and body under this secret.
    #[error("the signature does not match the time and the bytes of the body")]
    Mismatch,
    /// The signature is right, its time is further in the past than the tolerance.
    #[error("the signature's time is older than the tolerance allows")]
    Expired,
    /// The signature is right, its time is further in the future than the tolerance.
    #[error("the signature's time is further in the future than the tolerance allows")]
    FromTheFuture,
}
