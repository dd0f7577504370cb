//! Whether TLS can work as this crate was compiled and set up: where it cannot, ureq panics at the first
//! connection.

#[cfg(feature = "native-tls")]
mod native;

use genrex_core::{BaseUrl, Error, ErrorKind};

use crate::transport::HttpBuilder;

/// Whether the API can be spoken to at all.
pub(crate) fn check_base_url(base_url: &BaseUrl) -> Result<(), Error> {
    let has_tls = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));
    if !has_tls && base_url.as_str().starts_with("https:") {
        return Err(refused(
            "this build has no TLS, which the base URL needs; turn on the feature `rustls`, \
             `rustls-no-provider` or `native-tls` of genrex-blocking",
        ));
    }
    Ok(())
}

/// The operating system's library, where it is the only one.
pub(crate) fn with_backend(http: HttpBuilder) -> HttpBuilder {
    #[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
    let http = {
        let native = ureq::tls::TlsConfig::builder().provider(ureq::tls::TlsProvider::NativeTls);
        http.tls_config(native.build())
    };
    http
}

/// Whether TLS can work as it was configured.
#[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
pub(crate) fn check(config: &ureq::config::Config) -> Result<(), Error> {
    use ureq::tls::TlsProvider;

    let tls = config.tls_config();
    match tls.provider() {
        #[cfg(feature = "rustls-no-provider")]
        TlsProvider::Rustls => check_rustls(tls),
        #[cfg(feature = "native-tls")]
        TlsProvider::NativeTls => native::check(config),
        provider => Err(refused(format!(
            "this build has no TLS by {provider:?}; turn on its feature of genrex-blocking"
        ))),
    }
}

#[cfg(not(any(feature = "rustls-no-provider", feature = "native-tls")))]
pub(crate) fn check(_: &ureq::config::Config) -> Result<(), Error> {
    Ok(())
}

/// Does what ureq does at the first connection.
#[cfg(feature = "rustls-no-provider")]
fn check_rustls(tls: &ureq::tls::TlsConfig) -> Result<(), Error> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use ureq::tls::RootCerts;

    let provider = tls.unversioned_rustls_crypto_provider().clone();
    let Some(provider) = provider.or_else(default_provider) else {
        return Err(refused(
            "no rustls crypto provider is installed; install one, or turn on the feature `rustls`",
        ));
    };
    let failed = |message: &str, error: rustls::Error| refused(message).with_source(error);
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|error| failed("the crypto provider cannot be used", error))?;
    let mut roots = rustls::RootCertStore::empty();
    match tls.root_certs() {
        _ if tls.disable_verification() => {}
        RootCerts::Specific(certificates) => {
            let certificates = certificates.iter();
            let certificates =
                certificates.map(|certificate| CertificateDer::from(certificate.der()));
            if let (0, _) = roots.add_parsable_certificates(certificates) {
                return Err(refused("there is no root certificate that can be read"));
            }
        }
        RootCerts::PlatformVerifier if !cfg!(feature = "platform-verifier") => {
            return Err(refused(
                "the operating system's roots need the feature `platform-verifier` of \
                 genrex-blocking",
            ));
        }
        _ => {}
    }
    let Some(client) = tls.client_cert() else {
        return Ok(());
    };
    let chain = client.certs().iter();
    let chain = chain.map(|certificate| CertificateDer::from(certificate.der()).into_owned());
    let key = PrivateKeyDer::try_from(client.private_key().der())
        .map_err(|why| refused(format!("the client's private key cannot be read: {why}")))?;
    config
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.collect(), key.clone_key())
        .map(drop)
        .map_err(|error| failed("the client certificate cannot be used", error))
}

#[cfg(feature = "rustls-no-provider")]
fn default_provider() -> Option<std::sync::Arc<rustls::crypto::CryptoProvider>> {
    let installed = rustls::crypto::CryptoProvider::get_default().cloned();
    #[cfg(feature = "rustls")]
    let installed = installed.or_else(|| Some(rustls::crypto::ring::default_provider().into()));
    installed
}

fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why)
}
