//! The builder: what it takes, what it refuses, and that it builds nothing that is not used.

use std::sync::Arc;
use std::time::Duration;

use genrex_async::core::testing::{Reply, ScriptedTransport};
use genrex_async::{Backoff, Client, ClientBuilder, ErrorKind, Pace, Timeouts, Transport};

use crate::support::{ACCEPTED, builder, request};

#[test]
fn clients_are_shared_and_builders_are_sent() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send>(_: &T) {}
    shared::<Client>();
    let built = ClientBuilder::default();
    sent(&built);
    let client = builder()
        .transport(ScriptedTransport::new([]))
        .build()
        .unwrap();
    let request = request();
    sent(&client.generate(&request));
}

#[tokio::test]
async fn settings_arrive_and_a_transport_may_be_shared() {
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
    client.submit(&request()).await.into_result().unwrap();
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

#[cfg(feature = "rustls")]
#[test]
fn an_http_client_that_cannot_be_built_is_an_error() {
    let refused = builder()
        .http(|http| http.user_agent("not\na header"))
        .build();
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(std::error::Error::source(&error).is_some());
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
