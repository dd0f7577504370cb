//! The kinds of object stores: what an address looks like, who asks, and where it is looked for.

#[cfg(feature = "stores")]
mod azure;
#[cfg(feature = "stores")]
mod client;
#[cfg(feature = "stores")]
mod google;
#[cfg(feature = "stores")]
mod s3;

use std::sync::Arc;

use object_store::ObjectStore;

use crate::command_error::CommandError;

/// Whose protocol a store speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Google,
    Azure,
}

impl Service {
    pub(super) const ALL: [Self; 3] = [Self::S3, Self::Google, Self::Azure];

    /// That of an address, and what follows its scheme.
    pub(crate) fn of(address: &str) -> Option<(Self, &str)> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|service| Some((service, address.strip_prefix(service.scheme())?)))
    }

    /// What an address begins with.
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Google => "gs://",
            Self::Azure => "az://",
        }
    }

    /// How an address is written.
    pub(super) const fn form(self) -> &'static str {
        match self {
            Self::S3 => "s3://BUCKET/PREFIX",
            Self::Google => "gs://BUCKET/PREFIX",
            Self::Azure => "az://CONTAINER/PREFIX",
        }
    }

    /// The variables that say who asks.
    pub(super) const fn credentials(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            Self::Google => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
            Self::Azure => {
                "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN"
            }
        }
    }

    /// Which variables say where the store is.
    pub(super) const fn place(self) -> &'static str {
        match self {
            Self::S3 => "AWS_REGION and AWS_ENDPOINT_URL say where it is looked for",
            Self::Google => {
                "GOOGLE_BASE_URL says where it is looked for, if that is not at Google's own"
            }
            Self::Azure => {
                "AZURE_STORAGE_ACCOUNT_NAME and AZURE_ENDPOINT say where it is looked for"
            }
        }
    }

    /// What it is told so that nothing is replaced.
    pub(super) const fn condition(self) -> &'static str {
        match self {
            Self::S3 | Self::Azure => "If-None-Match",
            Self::Google => "x-goog-if-generation-match",
        }
    }

    /// Whether it holds what has come against the SHA-256 that was sent with it.
    pub(super) const fn checks(self) -> bool {
        matches!(self, Self::S3)
    }

    /// A bucket; nobody is asked yet.
    pub(super) fn open(self, bucket: &str) -> Result<Arc<dyn ObjectStore>, CommandError> {
        #[cfg(feature = "stores")]
        return match self {
            Self::S3 => s3::open(bucket),
            Self::Google => google::open(bucket),
            Self::Azure => azure::open(bucket),
        };
        #[cfg(not(feature = "stores"))]
        {
            let message = format!(
                "{}{bucket}: this genrex was built without object stores; nothing was sent",
                self.scheme()
            );
            Err(CommandError::usage(message)
                .hint("cargo install genrex-cli has them; or give --out-dir a folder"))
        }
    }
}
