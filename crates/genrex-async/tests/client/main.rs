//! What users meet: the builder, purchases under a ledger, audio streams, the network's limits, the environment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod builder;
#[cfg(any(feature = "rustls", not(feature = "rustls-no-provider")))]
mod conformance;
mod downloads;
#[cfg(any(
    feature = "rustls",
    all(feature = "native-tls", not(feature = "rustls-no-provider"))
))]
mod environment;
#[cfg(any(feature = "rustls", not(feature = "rustls-no-provider")))]
mod errors;
#[cfg(any(feature = "rustls", not(feature = "rustls-no-provider")))]
mod many;
#[cfg(any(feature = "rustls", not(feature = "rustls-no-provider")))]
mod network;
mod purchases;
#[cfg(any(feature = "rustls", not(feature = "rustls-no-provider")))]
mod server;
mod streams;
mod support;
