//! For tests of code that uses a client, and of transports.
//!
//! [`ScriptedTransport`] answers by a script, on a clock that only sleeping moves.
//!
//! No socket, no runtime and no waiting: every future is ready at once, so a plain `#[test]` runs an
//! operation with [`block_on`](crate::block_on) and asserts the exact times at which it sent.
//!
//! ```
//! use genrex_core::testing::{Reply, ScriptedTransport, keys};
//! use genrex_core::{BaseUrl, Client, ErrorKind, Settings, TransportErrorKind, block_on};
//! use genrex_core::proto::{GenerateRequest, Prompt, Seconds};
//!
//! // The connection dies after the request may have left.
//! let wire = ScriptedTransport::new([Reply::fails(TransportErrorKind::Closed)]);
//! let client = Client::new(wire.clone(), BaseUrl::default(), keys(), Settings::default())?;
//! let request = GenerateRequest::new(Prompt::new("rain on a tin roof")?, Seconds::new(5)?);
//!
//! let error = block_on(client.generate(&request)).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Ambiguous);
//! assert_eq!(wire.sent().len(), 1, "and it is not sent again");
//! # Ok::<(), genrex_core::Error>(())
//! ```
//!
//! [`transport`] holds a transport of your own to the contract of [`Transport`](crate::Transport), over real
//! sockets: it is the one module of this crate that has any.

#[doc(hidden)]
pub mod machines;
#[doc(hidden)]
pub mod parsers;
mod script;
pub mod transport;

pub use self::script::{Reply, ScriptedTransport, Sent, keys};
