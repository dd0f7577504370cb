use std::fmt;
use std::io;

use super::service::Service;
use crate::command_error::{Code, CommandError};

/// Why an object store did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct StoreError {
    address: String,
    why: Why,
    source: Option<object_store::Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// An object of that name is there already.
    Taken,
    /// The bucket is not there, or what was written a moment ago.
    Missing,
    /// It does not know who asks, or does not let it.
    Refused,
    /// The address is in another store.
    Elsewhere,
    /// The address is longer than one can be.
    TooLong,
    /// It replaces what it was told to keep.
    Overwrites,
    /// It has more than so many bytes.
    TooLarge(usize),
    /// What is there is not what was put there.
    Changed,
    Other,
}

impl StoreError {
    pub(super) fn of(address: &str, error: object_store::Error) -> Self {
        use object_store::Error;
        let why = match error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Why::Taken,
            Error::NotFound { .. } => Why::Missing,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Why::Refused,
            _ => Why::Other,
        };
        Self {
            address: address.to_owned(),
            why,
            source: Some(error),
        }
    }

    /// The same of what was read, which no name can be in the way of: it may be that a store still copies it.
    pub(super) fn unread(address: &str, error: object_store::Error) -> Self {
        let failure = Self::of(address, error);
        match failure.why {
            Why::Taken => Self {
                why: Why::Other,
                ..failure
            },
            _ => failure,
        }
    }

    pub(super) fn elsewhere(address: &str) -> Self {
        Self::because(address, Why::Elsewhere)
    }

    pub(super) fn too_large(address: &str, most: usize) -> Self {
        Self::because(address, Why::TooLarge(most))
    }

    pub(super) fn too_long(address: &str) -> Self {
        Self::because(address, Why::TooLong)
    }

    pub(super) fn overwriting(address: &str) -> Self {
        Self::because(address, Why::Overwrites)
    }

    pub(super) fn changed(address: &str) -> Self {
        Self::because(address, Why::Changed)
    }

    fn because(address: &str, why: Why) -> Self {
        Self {
            address: address.to_owned(),
            why,
            source: None,
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.why == Why::Taken
    }

    /// What a command that has bought nothing so far says.
    pub(crate) fn before_anything(self) -> CommandError {
        let message = format!("{self}; nothing was sent");
        self.told(message)
    }

    fn told(self, message: String) -> CommandError {
        let failure = match self.why {
            Why::Refused => CommandError::new(Code::Credentials, "credentials", message),
            Why::Missing | Why::TooLarge(_) | Why::Elsewhere | Why::TooLong | Why::Overwrites => {
                CommandError::usage(message)
            }
            Why::Taken | Why::Changed | Why::Other => {
                CommandError::new(Code::Other, "storage", message)
            }
        };
        let hint = self.remedy();
        match &self.source {
            Some(source) => failure.with_source(source),
            None => failure,
        }
        .hint(hint)
    }

    /// The service whose store it is.
    fn service(&self) -> Service {
        Service::of(&self.address).map_or(Service::S3, |(service, _)| service)
    }

    fn remedy(&self) -> String {
        let service = self.service();
        let (form, place) = (service.form(), service.place());
        match self.why {
            Why::Taken => {
                String::from("--force replaces it; another --out-dir or another output keeps it")
            }
            Why::Missing => {
                format!("make the bucket, or name another by --out-dir {form}; {place}")
            }
            Why::Refused => format!(
                "{} have to be of one who may get, put, list, copy and delete objects there: genrex help environment",
                service.credentials()
            ),
            Why::Elsewhere | Why::TooLarge(_) | Why::TooLong => {
                format!("name another prefix by --out-dir {form}")
            }
            Why::Overwrites => String::from(
                "use a store that knows conditional writes, as Amazon S3 does, or give --out-dir a folder that all machines \
                 have",
            ),
            Why::Changed | Why::Other => {
                format!("{place}; when it answers, run the same command again")
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        match self.why {
            Why::Taken => write!(f, "{address} is there already, and is another object"),
            Why::Missing => write!(f, "{address}: there is no such bucket or object"),
            Why::Refused => write!(
                f,
                "{address}: the store does not let these credentials do that"
            ),
            Why::Elsewhere => write!(f, "{address} is in another store"),
            Why::TooLong => write!(f, "{address} is longer than stores take"),
            Why::Overwrites => write!(
                f,
                "{address}: the store replaced it though it was to keep it ({}), so that two machines would not see each \
                 other",
                self.service().condition()
            ),
            Why::TooLarge(most) => write!(f, "{address} is larger than {most} bytes"),
            Why::Changed => write!(f, "{address} is not as it was put there"),
            Why::Other => write!(f, "{address}: the store cannot be asked"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        error.told(message)
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.why {
            Why::Taken => io::ErrorKind::AlreadyExists,
            Why::Missing => io::ErrorKind::NotFound,
            Why::Refused => io::ErrorKind::PermissionDenied,
            Why::TooLong => io::ErrorKind::InvalidFilename,
            Why::Elsewhere | Why::Overwrites | Why::TooLarge(_) | Why::Changed | Why::Other => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, error)
    }
}
