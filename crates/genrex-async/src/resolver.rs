use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genrex_core::{AddressPolicy, TransportError, TransportErrorKind};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves names to the addresses that a policy allows: what is connected to is what was checked.
///
/// Only the hosts that assets are asked of are filtered. Any other name is that of a proxy, which the
/// user chose and which may be private; behind a proxy a target is resolved by it and not checked here.
#[derive(Debug)]
pub(crate) struct FilteringResolver {
    policy: AddressPolicy,
    targets: Targets,
}

impl FilteringResolver {
    pub(crate) const fn new(policy: AddressPolicy, targets: Targets) -> Self {
        Self { policy, targets }
    }
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = match self.targets.has(name.as_str()) {
            true => self.policy,
            false => AddressPolicy::Any,
        };
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

/// The hosts that assets are asked of now, and by how many requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets(Arc<Mutex<HashMap<String, usize>>>);

impl Targets {
    /// Counts a host in, until what is returned is dropped; an address that may not be connected to is
    /// refused.
    pub(crate) fn hold(&self, host: &str, policy: AddressPolicy) -> Result<Target, TransportError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = bare.parse().ok();
        if address.is_some_and(|address| !policy.allows(address)) {
            let kind = TransportErrorKind::ForbiddenAddress;
            return Err(TransportError::with_source(kind, Forbidden));
        }
        *self.locked().entry(host.to_owned()).or_default() += 1;
        Ok(Target {
            host: host.to_owned(),
            among: self.clone(),
        })
    }

    fn has(&self, host: &str) -> bool {
        self.locked().contains_key(host)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host that an asset is asked of.
#[derive(Debug)]
pub(crate) struct Target {
    host: String,
    among: Targets,
}

impl Drop for Target {
    fn drop(&mut self) {
        let mut hosts = self.among.locked();
        if let Some(count) = hosts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                hosts.remove(&self.host);
            }
        }
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
