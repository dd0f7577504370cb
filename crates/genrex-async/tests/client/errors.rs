//! What an error says: one thing a level, down to what the operating system or the TLS library said.

use std::error::Error as StdError;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use genrex_async::{Backoff, ErrorKind, ReqwestTransport, Transport as _, reqwest};

use crate::server::{local, serve};

/// A port that refuses connections. One of those that are given to nobody by chance.
fn closed_port() -> Option<u16> {
    (1..1024).find(|port| {
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        let tried = TcpStream::connect_timeout(&address, Duration::from_secs(1));
        tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    })
}

/// An error's causes; each level says something that the one above has not said.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let chain = std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        error.source()
    });
    let chain: Vec<_> = chain.collect();
    for levels in chain.windows(2) {
        let (above, below) = (levels[0].to_string(), levels[1].to_string());
        assert!(!above.contains(&below), "{above}: {below}");
    }
    chain
}

fn ends_in(error: &(dyn StdError + 'static), kind: io::ErrorKind) -> bool {
    let last = causes(error).pop().unwrap();
    let last = last.downcast_ref::<io::Error>();
    last.is_some_and(|error| error.kind() == kind)
}

#[tokio::test]
async fn a_refused_connection_is_told_to_the_last_level() {
    let port = closed_port().unwrap();
    let soon = Duration::from_millis(1);
    let client = local(port).retry(Backoff::new(soon, soon));
    let error = client.build().unwrap().balance().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(
        ends_in(&error, io::ErrorKind::ConnectionRefused),
        "{error:?}"
    );
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn what_tls_says_is_told_to_the_last_level() {
    let port = serve(|mut stream: TcpStream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
        crate::server::hang(stream);
    });
    let request = http::Request::get(format!("https://127.0.0.1:{port}/"));
    let request = request.body(bytes::Bytes::new()).unwrap();
    let options = genrex_async::core::SendOptions::new(
        genrex_async::core::Route::Paid,
        Duration::from_secs(60),
        genrex_async::core::AddressPolicy::Any,
    );
    let transport = ReqwestTransport::new(reqwest::ClientBuilder::no_proxy).unwrap();
    let error = transport.send(request, options).await.err().unwrap();
    assert!(!error.kind().may_have_left());
    assert!(causes(&error).len() > 1, "{error:?}");
    let said = causes(&error).pop().unwrap().to_string();
    assert!(said.contains("corrupt message"), "{said}");
}
