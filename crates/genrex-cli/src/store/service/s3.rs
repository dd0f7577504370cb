use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{
    AmazonS3Builder, AmazonS3ConfigKey as Setting, Checksum, S3CopyIfNotExists,
};

use super::Service;
use super::client::{Connector, retries, unusable, without_credentials};
use crate::command_error::CommandError;

/// A bucket, as the environment says where it is and who asks.
///
/// Each object is sent with its SHA-256, which the store holds against what has come.
pub(super) fn open(bucket: &str) -> Result<Arc<dyn ObjectStore>, CommandError> {
    let builder = AmazonS3Builder::from_env();
    if !has_credentials(&builder) {
        return Err(without_credentials(Service::S3));
    }
    let address = builder
        .get_config_value(&Setting::S3Endpoint)
        .or_else(|| builder.get_config_value(&Setting::Endpoint));
    let connector = Connector::to("AWS_ENDPOINT_URL", address.as_deref())?;
    let built = builder
        .with_bucket_name(bucket)
        .with_allow_http(connector.is_plain())
        .with_checksum_algorithm(Checksum::SHA256)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retries())
        .with_http_connector(connector)
        .build();
    Ok(Arc::new(built.map_err(|error| unusable(&error))?))
}

fn has_credentials(builder: &AmazonS3Builder) -> bool {
    let is_set = |key| {
        let value = builder.get_config_value(&key);
        value.is_some_and(|value| !value.is_empty())
    };
    let by_key = is_set(Setting::AccessKeyId) && is_set(Setting::SecretAccessKey);
    let by_role = is_set(Setting::WebIdentityTokenFile)
        || is_set(Setting::ContainerCredentialsRelativeUri)
        || is_set(Setting::ContainerCredentialsFullUri);
    by_key || by_role
}
