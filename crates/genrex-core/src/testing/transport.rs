//! A suite for a [`Transport`] of your own, in one call.
//!
//! [`conformance`] holds a transport to each sentence of the contract of [`Transport`], and says which [`Rule`]
//! it breaks. It starts servers of its own on loopback, on threads of the standard library, so that it needs no
//! runtime and works in each of them. A blocking transport is driven by [`block_on`](crate::block_on):
//!
//! ```no_run
//! use genrex_core::testing::transport::conformance;
//! use genrex_core::{Transport, block_on};
//!
//! fn my_transport() -> impl Transport {
//! #   genrex_core::testing::ScriptedTransport::new([])
//! }
//!
//! block_on(conformance(&my_transport()))?;
//! # Ok::<(), genrex_core::testing::transport::Finding>(())
//! ```
//!
//! An asynchronous one by its own runtime: `conformance(&my_transport()).await?`. The future is `Send`.
//!
//! # What it needs
//!
//! A transport that reaches loopback over plain HTTP/1.1, without a proxy, and that nothing else uses meanwhile.
//! No network: a resolver knows by itself every name that is asked for. The suite takes about nine seconds
//! where every rule is kept, most of them for time-outs that must pass. It never asserts that something was
//! fast; what must end and does not is waited for ten seconds, or a minute.
//!
//! # What it does not check
//!
//! - TLS, and the kinds of error that go with it: the servers speak plain HTTP/1.1.
//! - `connect_timeout`: no address of this machine is sure to leave a connection unanswered.
//! - The kinds `Cancelled` and `Abandoned`, and [`Cancelled`](crate::Cancelled) of `sleep`: how a caller
//!   gives up is a transport's own.
//! - Dropping the future of a `send`, where its first poll does everything, as a blocking transport's does:
//!   such a future cannot be dropped half way. Dropping a [`Body`](crate::Body) is checked with each transport.
//! - Connections to `[::1]`, on a machine that has no such address, and to `localhost`, on a machine where that
//!   name has no address; `127.0.0.1` is checked always. A refused connection, on a machine where every port
//!   below 1024 takes one.
//! - A `100 Continue` that has fields: some HTTP clients take it for a broken answer. To a transport that is
//!   `Malformed`, so that a submit is ambiguous; nothing is bought twice.
//! - A transport that blocks its thread for ever: the suite does not end then.

mod addresses;
mod answer;
mod attempts;
mod clock;
mod connections;
mod exchange;
mod failures;
mod given_up;
mod limits;
mod request;
mod rule;
mod server;

pub use self::rule::{Finding, Rule};
use crate::transport::Transport;

/// Checks whether `transport` keeps every [`Rule`], in their order.
///
/// # Errors
///
/// The first rule that it breaks, and what shows it.
///
/// # Panics
///
/// If loopback has no free port.
pub async fn conformance(transport: &dyn Transport) -> Result<(), Finding> {
    clock::check(transport).await?;
    request::check(transport).await?;
    answer::check_statuses(transport).await?;
    answer::check_bodies(transport).await?;
    answer::check_compressed(transport).await?;
    attempts::check_redirects(transport).await?;
    attempts::check_one(transport).await?;
    failures::check_kinds(transport).await?;
    failures::check_body_end(transport).await?;
    connections::check_paid(transport).await?;
    addresses::check(transport).await?;
    limits::check_idle(transport).await?;
    limits::check_total(transport).await?;
    given_up::check(transport).await
}
