//! The builder: what it takes, what it refuses, and that it builds nothing that is not used.

use std::sync::Arc;
use std::time::Duration;

use genrex_blocking::core::testing::{Reply, ScriptedTransport};
use genrex_blocking::{Backoff, Client, ClientBuilder, ErrorKind, Pace, Timeouts, Transport};
#[cfg(any(feature = "rustls", feature = "native-tls"))]
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

use crate::support::{ACCEPTED, builder, request};

#[test]
fn clients_are_shared_and_builders_are_sent() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send>(_: &T) {}
    shared::<Client>();
    let built = ClientBuilder::default();
    sent(&built);
}

#[test]
fn settings_arrive_and_a_transport_may_be_shared() {
    let mut timeouts = Timeouts::default();
    timeouts.connect = Duration::from_secs(3);
    timeouts.submit = Duration::from_secs(33);
    let wire = ScriptedTransport::new([Reply::json(201, ACCEPTED)]);
    let shared: Arc<dyn Transport> = Arc::new(wire.clone());
    let client = builder()
        .transport(shared)
        .pace(Pace::Fixed(Duration::from_secs(5)))
        .deadline(None)
        .retry(Backoff::new(Duration::from_secs(1), Duration::from_secs(2)))
        .timeouts(timeouts)
        .build()
        .unwrap();
    assert_eq!(client.settings().deadline, None);
    client.submit(&request()).into_result().unwrap();
    let options = wire.sent()[0].options;
    assert_eq!(options.connect_timeout, Duration::from_secs(3));
    assert_eq!(options.total_timeout, Duration::from_secs(33));
}

#[test]
fn with_a_transport_no_client_of_the_network_is_built() {
    let built = builder()
        .http(|_| panic!("a client of the network is built"))
        .transport(ScriptedTransport::new([]))
        .build();
    built.unwrap();
}

#[test]
fn without_keys_there_is_no_client() {
    let client = Client::builder().transport(ScriptedTransport::new([]));
    let error = client.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Credentials);
}

/// Each would panic at the first connection.
#[cfg(all(
    feature = "rustls",
    not(any(feature = "native-tls", feature = "platform-verifier"))
))]
#[test]
fn tls_that_cannot_work_is_an_error() {
    let garbage = || Certificate::from_der(b"no certificate").to_owned();
    let client = {
        let key = PrivateKey::from_pem(include_bytes!("key.pem")).unwrap();
        ClientCert::new_with_certs(&[garbage()], key)
    };
    let cases = [
        (
            "root",
            TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[])),
        ),
        (
            "root",
            TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[garbage()])),
        ),
        (
            "platform-verifier",
            TlsConfig::builder().root_certs(RootCerts::PlatformVerifier),
        ),
        (
            "NativeTls",
            TlsConfig::builder().provider(TlsProvider::NativeTls),
        ),
        ("client", TlsConfig::builder().client_cert(Some(client))),
    ];
    for (names, tls) in cases {
        let tls = tls.build();
        let refused = builder()
            .http(move |http| http.tls_config(tls.clone()))
            .build();
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(names), "{error}");
    }
}

/// Each would be an error of the first connection, or of every one.
#[cfg(feature = "native-tls")]
#[test]
fn the_operating_systems_tls_that_cannot_work_is_an_error() {
    let native = || TlsConfig::builder().provider(TlsProvider::NativeTls);
    let garbage = || Certificate::from_der(b"no certificate").to_owned();
    let client = || {
        let key = PrivateKey::from_pem(include_bytes!("key.pem")).unwrap();
        ClientCert::new_with_certs(&[garbage()], key)
    };
    let cases = [
        ("root", native().root_certs(RootCerts::new_with_certs(&[]))),
        (
            "root",
            native().root_certs(RootCerts::new_with_certs(&[garbage()])),
        ),
        ("TLS", native().client_cert(Some(client()))),
    ];
    for (names, tls) in cases {
        let tls = tls.build();
        let refused = builder()
            .http(move |http| http.tls_config(tls.clone()))
            .build();
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(names), "{error}");
    }
    let tls = native().build();
    let built = builder().http(move |http| http.tls_config(tls.clone()));
    built.build().unwrap();
}

#[cfg(all(feature = "rustls", not(feature = "socks")))]
#[test]
fn a_socks_proxy_that_would_be_passed_over_is_an_error() {
    let proxy = ureq::Proxy::new("socks5://127.0.0.1:1").unwrap();
    let refused = builder()
        .http(move |http| http.proxy(Some(proxy.clone())))
        .build();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Configuration);
}

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
#[test]
fn without_tls_an_https_base_url_is_refused() {
    let error = builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("TLS"), "{error}");
    crate::server::local(9).build().unwrap();
}

#[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
#[test]
fn without_a_crypto_provider_there_is_no_client() {
    let error = builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("provider"), "{error}");
}
