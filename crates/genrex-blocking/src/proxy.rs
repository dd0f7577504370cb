//! The proxy that the environment names, put into ureq's terms.

use genrex_core::{EnvironmentProxy, Error, ErrorKind};
use ureq::config::Config;
use ureq::{Proxy, ProxyProtocol};

/// The proxy, as it is named; ureq's own reading of the environment passes over what it cannot use.
pub(crate) fn named(environment: &EnvironmentProxy) -> Result<Proxy, Error> {
    let refused = |error: ureq::Error| {
        let variable = environment.variable;
        let message = format!("the proxy in {variable} cannot be used");
        Error::new(ErrorKind::Configuration, message).with_source(error)
    };
    let parsed = Proxy::new(&environment.url).map_err(refused)?;
    let mut proxy = Proxy::builder(parsed.protocol())
        .host(parsed.host())
        .port(parsed.port());
    if let Some(username) = parsed.username() {
        proxy = proxy.username(username);
    }
    if let Some(password) = parsed.password() {
        proxy = proxy.password(password);
    }
    for exempt in environment.exempt.split(',').map(str::trim) {
        let domain = exempt.trim_start_matches('.');
        if domain == "*" {
            proxy = proxy.no_proxy(domain);
        } else if !domain.is_empty() {
            // A domain stands for itself and for what is below it.
            proxy = proxy.no_proxy(domain).no_proxy(&format!(".{domain}"));
        }
    }
    proxy.build().map_err(refused)
}

/// Without the feature `socks` ureq panics, or goes directly.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    let protocol = config.proxy().map(Proxy::protocol);
    let is_socks = match protocol {
        None | Some(ProxyProtocol::Http | ProxyProtocol::Https) => false,
        Some(_) => true,
    };
    if is_socks && !cfg!(feature = "socks") {
        let message = "a SOCKS proxy needs the feature `socks` of genrex-blocking";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}
