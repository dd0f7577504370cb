use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use genrex_async::{ApiKey, ApiSecret, BaseUrl};
use genrex_cli::profiles::{self, BadLine, Wiped};
use genrex_ledger::{Alias, Limits};

use zeroize::Zeroizing;

use crate::args::Global;
use crate::command_error::{Code, CommandError};
use crate::files::{self, Rights};
use crate::typed;

pub(crate) const KEY: &str = "GENREX_API_KEY";
pub(crate) const SECRET: &str = "GENREX_API_SECRET";
/// The file of profiles and limits.
pub(crate) const CONFIG: &str = "config.toml";
/// The file of secrets.
pub(crate) const CREDENTIALS: &str = "credentials.toml";
const BASE_URL: &str = "GENREX_BASE_URL";
const PROFILE: &str = "GENREX_PROFILE";

/// Where the program calls and as whom, from flags, the environment and the config files.
///
/// A flag beats the environment, which beats the files; so a profile that a flag names beats the
/// environment too. A key and its secret are taken from one place, never mixed.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) base_url: BaseUrl,
    key: Option<ApiKey>,
    secret: Option<ApiSecret>,
    pub(crate) limits: Limits,
}

impl Config {
    pub(crate) fn read(global: &Global) -> Result<Self, CommandError> {
        Self::of(global.profile.as_deref(), global.base_url.as_ref())
    }

    /// What holds under these flags.
    pub(crate) fn of(
        by_flag: Option<&str>,
        base_url: Option<&BaseUrl>,
    ) -> Result<Self, CommandError> {
        let folder = folder()?;
        let profile = Profile::read(&folder, by_flag)?;
        let by_flag = by_flag.is_some();
        let of_environment = || Ok::<_, CommandError>((key_variable()?, secret_variable()?));
        let of_profile = (profile.key, profile.secret);
        let complete =
            |pair: &(Option<ApiKey>, Option<ApiSecret>)| pair.0.is_some() || pair.1.is_some();
        let (key, secret) = if by_flag && complete(&of_profile) {
            of_profile
        } else {
            let environment = of_environment()?;
            if complete(&environment) {
                environment
            } else {
                of_profile
            }
        };
        let base_url = match (base_url, profile.base_url) {
            (Some(url), _) => url.clone(),
            (None, Some(url)) if by_flag => url,
            (None, of_profile) => match variable(BASE_URL)? {
                Some(url) => BaseUrl::new(&url)?,
                None => of_profile.unwrap_or_default(),
            },
        };
        Ok(Self {
            base_url,
            key,
            secret,
            limits: profile.limits,
        })
    }

    /// How the ledger names the key at this address.
    pub(crate) fn alias(&self) -> Option<Alias> {
        let key = self.key.as_ref()?;
        Some(Alias::new(&self.base_url.origin(), key.as_str()))
    }

    /// The API key, or what to do to have one.
    pub(crate) fn take_key(&mut self) -> Result<ApiKey, CommandError> {
        let key = self.key.take();
        key.ok_or_else(|| self.missing("API key", KEY))
    }

    /// The API secret, or what to do to have one.
    pub(crate) fn take_secret(&mut self) -> Result<ApiSecret, CommandError> {
        let secret = self.secret.take();
        secret.ok_or_else(|| self.missing("API secret", SECRET))
    }

    fn missing(&self, what: &str, variable: &str) -> CommandError {
        CommandError::credentials(format!("there is no {what}")).hint(format!(
            "set {variable}, or add --sandbox to try without one; to keep a key: genrex login{}",
            typed::flags()
        ))
    }
}

/// One profile of the two files.
#[derive(Debug, Default)]
struct Profile {
    base_url: Option<BaseUrl>,
    key: Option<ApiKey>,
    secret: Option<ApiSecret>,
    limits: Limits,
}

impl Profile {
    const DEFAULT: &str = "default";

    fn read(folder: &Path, by_flag: Option<&str>) -> Result<Self, CommandError> {
        let asked = match by_flag {
            Some(name) => Some(name.to_owned()),
            None => variable(PROFILE)?,
        };
        let name = asked.as_deref().unwrap_or(Self::DEFAULT);
        let (config, credentials) = (folder.join(CONFIG), folder.join(CREDENTIALS));
        let (settings, limits) = match files::read_own(folder, CONFIG, Rights::Read)? {
            Some(text) => {
                profiles::settings(&text, name).map_err(|bad| unreadable(&config, bad))?
            }
            None => (None, Limits::default()),
        };
        if let (Some(name), None) = (&asked, &settings) {
            let message = format!("there is no profile {name:?} in {}", config.display());
            return Err(CommandError::usage(message).hint(format!("add [profile.{name}] to it")));
        }
        let settings = settings.unwrap_or_default();
        let found = match files::read_own(folder, CREDENTIALS, Rights::None)? {
            Some(text) => profiles::credentials(&text, name)
                .map_err(|bad| unreadable(&credentials, bad))?
                .unwrap_or_default(),
            None => profiles::Credentials::default(),
        };
        let (key, secret) = (settings.api_key, found.api_secret);
        Ok(Self {
            base_url: settings.base_url.as_deref().map(BaseUrl::new).transpose()?,
            key: checked(key, ApiKey::new, "api_key", &config)?,
            secret: checked(secret, ApiSecret::new, "api_secret", &credentials)?,
            limits,
        })
    }
}

/// The names of the profiles in `config.toml`; none if it cannot be read.
pub(crate) fn profiles() -> Vec<String> {
    let Ok(folder) = folder() else {
        return Vec::new();
    };
    let text = files::read_own(&folder, CONFIG, Rights::Read)
        .ok()
        .flatten();
    text.map_or_else(Vec::new, |text| profiles::names(&text))
}

fn unreadable(path: &Path, bad: BadLine) -> CommandError {
    let message = format!("{}, line {}, cannot be read", path.display(), bad.line);
    let failure = CommandError::new(Code::Usage, "configuration", message);
    // What stands where a secret belongs is not repeated.
    let is_told = |unknown: &str| !path.ends_with(CREDENTIALS) && unknown != "api_secret";
    let Some((unknown, known)) = bad.unknown.filter(|(unknown, _)| is_told(unknown)) else {
        return failure.hint(
            "write [profile.default], and under it api_key and base_url in config.toml or api_secret in \
             credentials.toml, each as NAME = \"VALUE\"; the form of both: genrex help config",
        );
    };
    failure.hint(format!(
        "{unknown} is no setting there; write {}. The form of the file: genrex help config",
        known.join(", ")
    ))
}

fn checked<T>(
    text: Option<Wiped>,
    check: impl FnOnce(String) -> Result<T, genrex_sign::Error>,
    name: &str,
    path: &Path,
) -> Result<Option<T>, CommandError> {
    let checked = text.map(|text| check(text.take())).transpose();
    checked.map_err(|error| {
        CommandError::credentials(format!("{name} in {} is refused", path.display()))
            .with_source(&error)
    })
}

fn key_variable() -> Result<Option<ApiKey>, CommandError> {
    of_variable(KEY, ApiKey::new)
}

fn secret_variable() -> Result<Option<ApiSecret>, CommandError> {
    of_variable(SECRET, ApiSecret::new)
}

fn of_variable<T>(
    name: &str,
    check: impl FnOnce(String) -> Result<T, genrex_sign::Error>,
) -> Result<Option<T>, CommandError> {
    let text = variable(name).map_err(|failure| CommandError::credentials(failure.message))?;
    text.map(check).transpose().map_err(|error| {
        CommandError::credentials(format!("{name} is refused")).with_source(&error)
    })
}

/// A variable of the environment; an empty one counts as none. What is not text cannot be used, and is no reason to
/// do as if it were not there.
fn variable(name: &str) -> Result<Option<String>, CommandError> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    value.into_string().map(Some).map_err(|value| {
        // It may be a secret, whatever else it is.
        drop(Zeroizing::new(value.into_encoded_bytes()));
        let message = format!("{name} is not UTF-8; nothing was sent");
        CommandError::new(Code::Usage, "configuration", message)
            .hint(format!("set {name} anew, or unset it"))
    })
}

/// The profile that is asked for, whether it is there or not.
pub(crate) fn profile_name(global: &Global) -> Result<String, CommandError> {
    let asked = match &global.profile {
        Some(name) => Some(name.clone()),
        None => variable(PROFILE)?,
    };
    Ok(asked.unwrap_or_else(|| Profile::DEFAULT.to_owned()))
}

/// Where a profile that may not be there yet calls.
pub(crate) fn base_url_of(global: &Global, profile: &str) -> Result<BaseUrl, CommandError> {
    let folder = folder()?;
    let named = match files::read_own(&folder, CONFIG, Rights::Read)? {
        Some(text) => {
            let read = profiles::settings(&text, profile);
            let (settings, _) = read.map_err(|bad| unreadable(&folder.join(CONFIG), bad))?;
            settings.and_then(|settings| settings.base_url)
        }
        None => None,
    };
    let by_flag = global.profile.is_some();
    match (&global.base_url, named) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(url)) if by_flag => Ok(BaseUrl::new(&url)?),
        (None, named) => match variable(BASE_URL)?.or(named) {
            Some(url) => Ok(BaseUrl::new(&url)?),
            None => Ok(BaseUrl::default()),
        },
    }
}

/// The URL that the environment names.
pub(crate) fn base_url_in_environment() -> Result<Option<String>, CommandError> {
    variable(BASE_URL)
}

/// The key that the environment names.
pub(crate) fn key_in_environment() -> Result<Option<String>, CommandError> {
    let key = key_variable()?;
    Ok(key.map(|key| key.as_str().to_owned()))
}

/// The folder of the two files.
pub(crate) fn folder() -> Result<PathBuf, CommandError> {
    let strategy = etcetera::base_strategy::choose_base_strategy()
        .map_err(|error| CommandError::other("there is no home folder").with_source(&error))?;
    Ok(strategy.config_dir().join("genrex"))
}
