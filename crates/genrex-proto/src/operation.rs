use std::fmt;

use crate::Error;

/// One call of the API: a request, its place, its price, and its answer.
///
/// Every operation is a `POST` with a JSON body, without a query string. A new one is one file: its
/// request with this trait, and its answer.
///
/// Whether a request may be sent again is a property of the operation and never of the method, since
/// the method is the same for all: a second `generateMusic` is a second purchase, for which the service
/// knows no idempotency key, and a second `retrieve` only reads. So each operation says its
/// [`CHARGE`](Self::CHARGE), and only what is [`Free`](Charge::Free) may be repeated without thought.
///
/// ```
/// use genrex_proto::{Charge, GenerateRequest, Operation, Prompt, Seconds};
///
/// fn describe<O: Operation>(request: &O) -> String {
///     let body = String::from_utf8_lossy(&request.to_json()).into_owned();
///     format!("{} costs: {}; POST {} {body}", O::NAME, O::CHARGE == Charge::Paid, O::PATH)
/// }
///
/// let request = GenerateRequest::new(Prompt::new("music")?, Seconds::new(10)?);
/// assert_eq!(
///     describe(&request),
///     r#"generateMusic costs: true; POST /v1/text2music/generateMusic {"duration":10,"text":"music"}"#,
/// );
/// # Ok::<(), genrex_proto::Error>(())
/// ```
pub trait Operation {
    /// The name in the service's documentation: `generateMusic`.
    const NAME: &'static str;
    /// The path below the base URL, with its leading slash.
    const PATH: &'static str;
    /// Whether a call costs credits, and so whether it may be sent again without thought.
    const CHARGE: Charge;
    /// What a success answers.
    type Answer;

    /// The body: the very bytes to sign and send.
    fn to_json(&self) -> Vec<u8>;

    /// Reads a success's body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnreadableAnswer`](crate::ErrorKind::UnreadableAnswer).
    fn read(answer: &[u8]) -> Result<Self::Answer, Error>;
}

/// Whether a call costs credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charge {
    /// It may cost credits: sending it twice may buy twice.
    Paid,
    /// It only reads: sending it twice does what sending it once does.
    Free,
}

impl Charge {
    /// `paid` or `free`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Free => "free",
        }
    }
}

impl AsRef<str> for Charge {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
