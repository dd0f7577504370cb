use std::sync::LazyLock;

use genrex_async::{ReqwestTransport, reqwest};
use genrex_blocking::UreqTransport;
use genrex_core::{AddressPolicy, Transport, run_ready};
use tokio::runtime::Runtime;

/// Which way to the network a test takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// reqwest, on a runtime.
    Async,
    /// ureq, on this thread.
    Blocking,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
});

impl Door {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Async, Self::Blocking];

    /// The transport itself.
    ///
    /// # Panics
    ///
    /// If it cannot be built.
    #[must_use]
    pub fn transport(self, policy: AddressPolicy) -> Box<dyn Transport> {
        // A second installation is refused, and harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        match self {
            Self::Async => {
                let roots = || {
                    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
                    roots.filter_map(|root| reqwest::Certificate::from_der(root).ok())
                };
                let configure =
                    |http: reqwest::ClientBuilder| http.no_proxy().tls_certs_merge(roots());
                Box::new(ReqwestTransport::new(policy, configure).expect("a transport"))
            }
            Self::Blocking => {
                Box::new(UreqTransport::new(policy, |http| http.proxy(None)).expect("a transport"))
            }
        }
    }

    /// Runs an operation to its end.
    pub fn run<T>(self, operation: impl Future<Output = T>) -> T {
        match self {
            Self::Async => RUNTIME.block_on(operation),
            Self::Blocking => run_ready(operation),
        }
    }

    /// The runtime that servers of tests run on, whichever the door.
    #[must_use]
    pub fn runtime() -> &'static Runtime {
        &RUNTIME
    }
}
