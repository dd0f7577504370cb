//! The async client, waited for on the runtime that the sandboxes run on.

use genrex_async as door;

fn run<T>(operation: impl Future<Output = T>) -> T {
    genrex_tests::Door::runtime().block_on(operation)
}

fn builder() -> door::ClientBuilder {
    // A second installation is refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    door::Client::builder().http(|http| {
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok());
        http.no_proxy().tls_certs_merge(roots)
    })
}

#[path = "behaviours.rs"]
mod behaviours;
