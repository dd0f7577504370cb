//! Over which connections a request goes.

use std::time::Duration;

use super::exchange::{ROUTES, answer, exchange, options, usual};
use super::rule::{Finding, Rule, require};
use super::server::Server;
use crate::transport::{Route, Transport};

/// Paid sends after each other and after every other way, to a server that keeps all its connections open.
pub(super) async fn check_paid(transport: &dyn Transport) -> Result<(), Finding> {
    let server = Server::keeping(answer(200, &["Keep-Alive: timeout=600, max=1000"], "{}"));
    let mut sent = Vec::new();
    for other in ROUTES {
        for route in [other, Route::Paid, Route::Paid] {
            let request = usual(route, &server.url("/asked"));
            let outcome =
                exchange(transport, Rule::PaidConnection, request, options(route)).await?;
            require(outcome.status() == Some(200), Rule::Status, || {
                format!(
                    "a request on {route:?} was answered 200, and {}",
                    outcome.said()
                )
            })?;
            sent.push(route);
            // A client may put a connection back only some time after the body's end.
            let _ = transport.sleep(Duration::from_millis(20)).await;
        }
    }
    let seen = server.stop();
    require(seen.requests.len() == sent.len(), Rule::OneAttempt, || {
        format!(
            "{} sends came as {} requests",
            sent.len(),
            seen.requests.len()
        )
    })?;
    for (place, (route, request)) in sent.iter().zip(&seen.requests).enumerate() {
        let own = *route != Route::Paid || request.before == 0;
        require(own, Rule::PaidConnection, || {
            let way = &sent[..=place];
            format!(
                "the last of the sends {way:?} came on a connection that had carried {} before",
                request.before
            )
        })?;
    }
    Ok(())
}
