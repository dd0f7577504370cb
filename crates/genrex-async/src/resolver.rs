use std::error::Error as StdError;
use std::fmt;
use std::net::SocketAddr;

use genrex_core::AddressPolicy;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.policy;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| policy.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(Box::new(Forbidden) as Box<dyn StdError + Send + Sync>);
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// A name led to no address that may be connected to.
#[derive(Debug)]
pub(crate) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no public address")
    }
}

impl StdError for Forbidden {}
