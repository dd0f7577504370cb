//! Whether TLS can work as this crate was compiled and set up.

use genrex_core::{BaseUrl, Error, ErrorKind};

/// Whether the API can be spoken to at all.
pub(crate) fn check_base_url(base_url: &BaseUrl) -> Result<(), Error> {
    let has_tls = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));
    if !has_tls && base_url.as_str().starts_with("https:") {
        let message = "this build has no TLS, which the base URL needs; turn on the feature \
                       `rustls`, `rustls-no-provider` or `native-tls` of genrex-async";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

/// Without a crypto provider reqwest panics; a library says so instead.
pub(crate) fn check_provider() -> Result<(), Error> {
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let message =
            "no rustls crypto provider is installed; install one, or turn on the feature `rustls`";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

/// With two TLS libraries compiled in, reqwest would change over to the operating system's.
pub(crate) fn with_backend(http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(feature = "rustls-no-provider")]
    let http = http.tls_backend_rustls();
    http
}

/// For plain `http`: roots take long to load, the operating system's and those that a caller brings.
pub(crate) fn without_roots(http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
    let http = http.tls_certs_only([]);
    #[cfg(feature = "rustls-no-provider")]
    let http = match trusting_nobody() {
        Some(tls) => http.tls_backend_preconfigured(tls),
        None => http,
    };
    http
}

/// Where the program has installed a provider. reqwest's own cannot be asked for.
#[cfg(feature = "rustls-no-provider")]
fn trusting_nobody() -> Option<rustls::ClientConfig> {
    let provider = rustls::crypto::CryptoProvider::get_default()?;
    let provider = std::sync::Arc::clone(provider);
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    let nobody = rustls::RootCertStore::empty();
    Some(tls.with_root_certificates(nobody).with_no_client_auth())
}
