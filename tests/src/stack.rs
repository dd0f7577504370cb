use std::sync::{Arc, LazyLock};

use genrex_async::{ReqwestTransport, reqwest};
use genrex_blocking::UreqTransport;
use genrex_core::{Transport, block_on};
use tokio::runtime::Runtime;

/// Which HTTP client a test goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
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

impl Stack {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Async, Self::Blocking];

    /// The transport itself.
    ///
    /// # Panics
    ///
    /// If it cannot be built.
    #[must_use]
    pub fn transport(self) -> Arc<dyn Transport> {
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
                Arc::new(ReqwestTransport::new(configure).expect("a transport"))
            }
            Self::Blocking => {
                Arc::new(UreqTransport::new(|http| http.proxy(None)).expect("a transport"))
            }
        }
    }

    /// Runs an operation to its end.
    pub fn run<T>(self, operation: impl Future<Output = T>) -> T {
        match self {
            Self::Async => RUNTIME.block_on(operation),
            Self::Blocking => block_on(operation),
        }
    }

    /// The runtime that servers of tests run on, whichever the HTTP client.
    #[must_use]
    pub fn runtime() -> &'static Runtime {
        &RUNTIME
    }
}
