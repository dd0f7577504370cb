use std::env;
use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Setting};

use super::Service;
use super::client::{Connector, retries, unusable, without_credentials};
use crate::command_error::CommandError;

/// A bucket, as the environment says where it is and who asks.
pub(super) fn open(bucket: &str) -> Result<Arc<dyn ObjectStore>, CommandError> {
    let builder = GoogleCloudStorageBuilder::from_env();
    if !has_credentials(&builder) {
        return Err(without_credentials(Service::Google));
    }
    let address = builder.get_config_value(&Setting::BaseUrl);
    let connector = Connector::to("GOOGLE_BASE_URL", address.as_deref())?;
    let built = builder
        .with_bucket_name(bucket)
        .with_retry(retries())
        .with_http_connector(connector)
        .build();
    Ok(Arc::new(built.map_err(|error| unusable(&error))?))
}

fn has_credentials(builder: &GoogleCloudStorageBuilder) -> bool {
    let said = [
        Setting::ApplicationCredentials,
        Setting::ServiceAccount,
        Setting::ServiceAccountKey,
        Setting::BearerToken,
    ];
    let is_set = |key| {
        let value = builder.get_config_value(&key);
        value.is_some_and(|value| !value.is_empty())
    };
    said.into_iter().any(is_set) || is_logged_in()
}

/// Whether `gcloud auth application-default login` has left its file.
fn is_logged_in() -> bool {
    const FILE: &str = ".config/gcloud/application_default_credentials.json";
    env::var_os("HOME").is_some_and(|home| Path::new(&home).join(FILE).exists())
}
