//! TLS that does not come to stand is proof that nothing left; a refused certificate is final.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use genrex_core::ErrorKind;
use genrex_tests::{Act, FaultServer, Seen, Stack};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::support::{client, outcome, request};

/// A server with a certificate of its own making; how many bytes of requests it read is returned when
/// so many connections are over.
fn self_signed(connections: usize) -> (u16, thread::JoinHandle<usize>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([String::from("localhost")]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut read = 0;
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.unwrap();
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = Stream::new(&mut tls, &mut stream);
            // Fails when the client refuses the certificate, which is what is tested.
            read += stream.read(&mut [0; 1024]).unwrap_or(0);
            let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        }
        read
    });
    (port, server)
}

#[test]
fn a_refused_certificate_is_final_and_nothing_was_sent() {
    for stack in Stack::BOTH {
        let (port, server) = self_signed(2);
        let client = client(stack, &format!("https://localhost:{port}"));
        let submission = stack.run(client.submit(&request()));
        assert_eq!(
            outcome(&submission),
            ("not sent", Some(ErrorKind::Certificate)),
            "{stack:?}"
        );
        let error = stack.run(client.balance()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Certificate);
        assert_eq!(
            server.join().unwrap(),
            0,
            "bytes of a request reached the server"
        );
        let sent = client
            .trace()
            .iter()
            .filter(|seen| matches!(seen, Seen::Sent(..)))
            .count();
        assert_eq!(sent, 2, "a refused certificate is not tried again");
    }
}

#[test]
fn a_connection_cut_before_tls_stood_is_tried_four_times() {
    for stack in Stack::BOTH {
        for act in [
            || Act::Close,
            || Act::ResetUnread,
            || Act::Greet(b"not TLS at all".to_vec()),
        ] {
            let server = FaultServer::start([act(), act(), act(), act(), act()]);
            let client = client(stack, &format!("https://localhost:{}", server.port()));
            let submission = stack.run(client.submit(&request()));
            assert_eq!(
                outcome(&submission),
                ("not sent", Some(ErrorKind::Unreachable)),
                "{stack:?}"
            );
            let sent = client
                .trace()
                .iter()
                .filter(|seen| matches!(seen, Seen::Sent(..)))
                .count();
            assert_eq!(sent, 4, "{stack:?}");
        }
    }
}
