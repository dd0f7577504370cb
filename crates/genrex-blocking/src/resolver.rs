use genrex_core::AddressPolicy;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::interruptible::interruptible;
use crate::transport_error::{BeforeSend, Forbidden};

/// Resolves names to the addresses that a policy allows: what is connected to is what was checked.
#[derive(Debug)]
pub(crate) struct FilteringResolver {
    policy: AddressPolicy,
}

impl FilteringResolver {
    pub(crate) const fn new(policy: AddressPolicy) -> Self {
        Self { policy }
    }
}

impl Resolver for FilteringResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (name, how) = (uri.clone(), config.clone());
        let found = interruptible(move || DefaultResolver::default().resolve(&name, &how, timeout));
        let found = found.map_err(BeforeSend::mark_resolve)?;
        // The proxy is the user's own choice, and may be private; behind it a target is not resolved here.
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return Ok(found);
        }
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
}
