//! What is the same of all stores: how they are asked, and what is refused before.

use std::time::Duration;

use genrex_async::reqwest;
use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientOptions, RetryConfig};

use super::Service;
use crate::command_error::{Code, CommandError};
use crate::connect::roots;

/// How long a request is tried again.
pub(super) fn retries() -> RetryConfig {
    const LONGEST: Duration = Duration::from_secs(60);
    RetryConfig {
        retry_timeout: LONGEST,
        ..RetryConfig::default()
    }
}

/// The program's own way to make an HTTP client: it carries roots, and follows nobody elsewhere.
#[derive(Debug)]
pub(super) struct Connector {
    /// Whether the store is asked over plain http, which never leaves this machine.
    is_plain: bool,
}

impl Connector {
    /// That of a store with this address, which a variable of this name has said.
    pub(super) fn to(variable: &str, address: Option<&str>) -> Result<Self, CommandError> {
        let is_plain = address.map(|address| is_plain_on_loopback(variable, address));
        Ok(Self {
            is_plain: is_plain.transpose()?.unwrap_or(false),
        })
    }

    pub(super) const fn is_plain(&self) -> bool {
        self.is_plain
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        const CONNECT: Duration = Duration::from_secs(10);
        const SILENT: Duration = Duration::from_secs(30);
        let builder = reqwest::Client::builder()
            .tls_certs_merge(roots())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENT)
            .https_only(!self.is_plain);
        let builder = match self.is_plain {
            true => builder.no_proxy(),
            false => builder,
        };
        let client = builder
            .build()
            .map_err(|error| object_store::Error::Generic {
                store: "HTTP",
                source: Box::new(error),
            })?;
        Ok(HttpClient::new(client))
    }
}

fn is_plain_on_loopback(variable: &str, address: &str) -> Result<bool, CommandError> {
    let refused = |why: &str| {
        let message = format!("{variable} {why}; nothing was sent");
        Err(CommandError::new(Code::Usage, "configuration", message)
            .hint("write it as https://HOST, or http://127.0.0.1:PORT for a store on this machine"))
    };
    let Ok(url) = reqwest::Url::parse(address) else {
        return refused("is no URL");
    };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(false),
        "http" if is_here => Ok(true),
        "http" => refused("is plain http, which is for this machine alone"),
        _ => refused("is neither https nor http"),
    }
}

/// Without any, a machine of the cloud's would be asked for its own, and elsewhere nobody answers.
pub(super) fn without_credentials(service: Service) -> CommandError {
    let message = "there are no credentials for the object store; nothing was sent";
    let hint = format!("set {}: genrex help environment", service.credentials());
    CommandError::credentials(message).hint(hint)
}

pub(super) fn unusable(error: &object_store::Error) -> CommandError {
    let message =
        "the object store cannot be used as the variables of the environment say; nothing was sent";
    CommandError::new(Code::Usage, "configuration", message)
        .with_source(error)
        .hint("genrex help environment lists them")
}
