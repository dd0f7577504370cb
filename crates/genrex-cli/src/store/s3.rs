use std::time::Duration;

use genrex_async::reqwest;
use object_store::aws::{
    AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3CopyIfNotExists,
};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{ClientOptions, RetryConfig};

use crate::command_error::{Code, CommandError};
use crate::connect::roots;

/// A bucket, as the environment says where it is and who asks. Nobody is asked yet.
///
/// Each object is sent with its SHA-256, which the store holds against what has come.
pub(super) fn open(bucket: &str) -> Result<AmazonS3, CommandError> {
    const LONGEST: Duration = Duration::from_secs(60);
    let builder = AmazonS3Builder::from_env();
    refuse_without_credentials(&builder)?;
    let is_plain = is_plain_on_loopback(&builder)?;
    let retries = RetryConfig {
        retry_timeout: LONGEST,
        ..RetryConfig::default()
    };
    let built = builder
        .with_bucket_name(bucket)
        .with_allow_http(is_plain)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retries)
        .with_http_connector(Connector { is_plain })
        .build();
    built.map_err(|error| {
        let message =
            "the object store cannot be used as the AWS_… variables say; nothing was sent";
        CommandError::new(Code::Usage, "configuration", message)
            .with_source(&error)
            .hint("genrex help environment lists them")
    })
}

/// Without any, a machine of Amazon's would be asked for its own, and elsewhere nobody answers.
fn refuse_without_credentials(builder: &AmazonS3Builder) -> Result<(), CommandError> {
    use AmazonS3ConfigKey as Setting;
    let is_set = |key| {
        builder
            .get_config_value(&key)
            .is_some_and(|it| !it.is_empty())
    };
    let by_key = is_set(Setting::AccessKeyId) && is_set(Setting::SecretAccessKey);
    let by_role = is_set(Setting::WebIdentityTokenFile)
        || is_set(Setting::ContainerCredentialsRelativeUri)
        || is_set(Setting::ContainerCredentialsFullUri);
    if by_key || by_role {
        return Ok(());
    }
    let message = "there are no credentials for the object store; nothing was sent";
    Err(CommandError::credentials(message)
        .hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: genrex help environment"))
}

/// Whether the store is asked over plain http, which never leaves this machine.
fn is_plain_on_loopback(builder: &AmazonS3Builder) -> Result<bool, CommandError> {
    use AmazonS3ConfigKey as Setting;
    let named = builder
        .get_config_value(&Setting::S3Endpoint)
        .or_else(|| builder.get_config_value(&Setting::Endpoint));
    let Some(named) = named else {
        return Ok(false);
    };
    let refused = |why: &str| {
        let message = format!("AWS_ENDPOINT_URL {why}; nothing was sent");
        Err(CommandError::new(Code::Usage, "configuration", message)
            .hint("write it as https://HOST, or http://127.0.0.1:PORT for a store on this machine"))
    };
    let Ok(url) = reqwest::Url::parse(&named) else {
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

/// The program's own way to make an HTTP client: it carries roots, and follows nobody elsewhere.
#[derive(Debug)]
struct Connector {
    is_plain: bool,
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
                store: "S3",
                source: Box::new(error),
            })?;
        Ok(HttpClient::new(client))
    }
}
