use std::sync::Arc;

use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey as Setting, MicrosoftAzureBuilder};

use super::Service;
use super::client::{Connector, retries, unusable, without_credentials};
use crate::command_error::CommandError;

/// A container, as the environment says where it is and who asks.
pub(super) fn open(container: &str) -> Result<Arc<dyn ObjectStore>, CommandError> {
    // Its account and its key are the same everywhere, and its address is a variable of its own.
    let builder = MicrosoftAzureBuilder::from_env().with_use_emulator(false);
    if !has_credentials(&builder) {
        return Err(without_credentials(Service::Azure));
    }
    let address = builder.get_config_value(&Setting::Endpoint);
    let connector = Connector::to("AZURE_ENDPOINT", address.as_deref())?;
    let built = builder
        .with_container_name(container)
        .with_allow_http(connector.is_plain())
        .with_retry(retries())
        .with_http_connector(connector)
        .build();
    Ok(Arc::new(built.map_err(|error| unusable(&error))?))
}

fn has_credentials(builder: &MicrosoftAzureBuilder) -> bool {
    let is_set = |key| {
        let value = builder.get_config_value(&key);
        value.is_some_and(|value| !value.is_empty())
    };
    let by_key = is_set(Setting::AccessKey) || is_set(Setting::SasKey) || is_set(Setting::Token);
    let by_client = is_set(Setting::ClientId)
        && is_set(Setting::AuthorityId)
        && (is_set(Setting::ClientSecret) || is_set(Setting::FederatedTokenFile));
    is_set(Setting::AccountName) && (by_key || by_client)
}
