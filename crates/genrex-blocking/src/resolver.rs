use std::net::IpAddr;

use genrex_core::AddressPolicy;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::unversioned::transport::time::Duration;

use crate::interruptible::interruptible;
use crate::transport_error::{BeforeSend, Forbidden};

/// Resolves names to the addresses that a policy allows: what is connected to is what was checked.
///
/// ureq resolves a name before it looks for a connection that is kept. So a target that is reached directly is not
/// resolved there: [`look_up`](Self::look_up) is called where a connection is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FilteringResolver {
    policy: AddressPolicy,
}

impl FilteringResolver {
    pub(crate) const fn new(policy: AddressPolicy) -> Self {
        Self { policy }
    }

    /// Whether a connection to a target goes through no proxy: then the connector looks its name up.
    pub(crate) fn is_direct(config: &Config, uri: &Uri) -> bool {
        config
            .proxy()
            .is_none_or(|proxy| proxy.uri() != uri && proxy.is_no_proxy(uri))
    }

    /// The addresses of a target that may be connected to.
    pub(crate) fn look_up(
        self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.found(uri, config, timeout)?;
        let mut allowed = self.empty();
        for address in &found {
            if self.policy.allows(address.ip()) {
                allowed.push(*address);
            }
        }
        if allowed.is_empty() {
            return Err(Error::Other(Box::new(Forbidden)));
        }
        Ok(allowed)
    }

    fn found(
        self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let resolver = DefaultResolver::default();
        // An address in place of a name is only read: without a limit ureq takes no thread for it.
        let found = if is_address(uri) {
            let at_once = NextTimeout {
                after: Duration::NotHappening,
                ..timeout
            };
            resolver.resolve(uri, config, at_once)
        } else {
            let (name, how) = (uri.clone(), config.clone());
            interruptible(move || resolver.resolve(&name, &how, timeout))
        };
        found.map_err(BeforeSend::mark_resolve)
    }
}

impl Resolver for FilteringResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        if Self::is_direct(config, uri) {
            return Ok(self.empty());
        }
        // The proxy is the user's own choice, and may be private; behind it a target is not resolved here.
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return self.found(uri, config, timeout);
        }
        self.look_up(uri, config, timeout)
    }
}

fn is_address(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::Timeout;

    const URL: &str = "http://a-name-that-leads-nowhere.invalid:1/";

    fn within() -> NextTimeout {
        NextTimeout {
            after: Duration::from_secs(60),
            reason: Timeout::Connect,
            per_read: None,
            per_write: None,
        }
    }

    fn config(proxy: Option<ureq::Proxy>) -> Config {
        Config::builder().proxy(proxy).build()
    }

    #[test]
    fn a_target_that_is_reached_directly_is_not_looked_up_before_a_connection_is_made() {
        let resolver = FilteringResolver::new(AddressPolicy::Any);
        let (uri, config) = (Uri::from_static(URL), config(None));
        let addresses = resolver.resolve(&uri, &config, within()).unwrap();
        assert!(addresses.is_empty(), "{addresses:?}");
        resolver.look_up(&uri, &config, within()).unwrap_err();
    }

    #[test]
    fn a_proxy_is_looked_up_where_ureq_asks_for_it() {
        let resolver = FilteringResolver::new(AddressPolicy::PublicOnly);
        let config = config(Some(ureq::Proxy::new("http://127.0.0.1:9").unwrap()));
        let proxy = config.proxy().unwrap().uri().clone();
        let addresses = resolver.resolve(&proxy, &config, within()).unwrap();
        assert_eq!(addresses.len(), 1, "{addresses:?}");
        let target = Uri::from_static("https://a.example/");
        assert!(!FilteringResolver::is_direct(&config, &target));
    }

    #[test]
    fn only_addresses_that_the_policy_allows_are_connected_to() {
        let config = config(None);
        for (url, policy, is_allowed) in [
            ("http://127.0.0.1:9/", AddressPolicy::Any, true),
            ("http://127.0.0.1:9/", AddressPolicy::PublicOnly, false),
            ("http://[::1]:9/", AddressPolicy::PublicOnly, false),
            ("http://8.8.8.8:9/", AddressPolicy::PublicOnly, true),
        ] {
            let resolver = FilteringResolver::new(policy);
            let found = resolver.look_up(&Uri::from_static(url), &config, within());
            assert_eq!(found.is_ok(), is_allowed, "{url}: {found:?}");
        }
    }
}
