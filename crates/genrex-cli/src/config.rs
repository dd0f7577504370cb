use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use genrex_async::{ApiKey, ApiSecret, BaseUrl};
use genrex_ledger::Limits;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::args::Global;
use crate::failure::{Code, Failure};

pub(crate) const KEY: &str = "GENREX_API_KEY";
pub(crate) const SECRET: &str = "GENREX_API_SECRET";
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
    folder: PathBuf,
}

impl Config {
    pub(crate) fn read(global: &Global) -> Result<Self, Failure> {
        let folder = folder()?;
        let profile = Profile::read(&folder, global)?;
        let by_flag = global.profile.is_some();
        let of_environment = || Ok::<_, Failure>((key_variable()?, secret_variable()?));
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
        let of_environment = variable(BASE_URL);
        let base_url = match (&global.base_url, profile.base_url, of_environment) {
            (Some(url), _, _) => url.clone(),
            (None, Some(url), _) if by_flag => url,
            (None, _, Some(url)) => BaseUrl::new(&url)?,
            (None, Some(url), None) => url,
            (None, None, None) => BaseUrl::default(),
        };
        Ok(Self {
            base_url,
            key,
            secret,
            limits: profile.limits,
            folder,
        })
    }

    /// The API key, or what to do to have one.
    pub(crate) fn take_key(&mut self) -> Result<ApiKey, Failure> {
        let key = self.key.take();
        key.ok_or_else(|| self.missing("API key", KEY))
    }

    /// The API secret, or what to do to have one.
    pub(crate) fn take_secret(&mut self) -> Result<ApiSecret, Failure> {
        let secret = self.secret.take();
        secret.ok_or_else(|| self.missing("API secret", SECRET))
    }

    fn missing(&self, what: &str, variable: &str) -> Failure {
        Failure::credentials(format!("there is no {what}")).hint(format!(
            "set {variable}, or put it into {}; to try without keys, add --sandbox",
            self.folder.display()
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    #[serde(default = "BTreeMap::new")]
    profile: BTreeMap<String, T>,
    /// In `config.toml` alone: in credits, over all that the ledger holds for the account.
    #[serde(default)]
    limits: LimitsTable,
}

#[derive(Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    day: Option<u64>,
    month: Option<u64>,
    total: Option<u64>,
    per_job: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    base_url: Option<String>,
    api_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    api_secret: Option<String>,
}

impl Profile {
    const DEFAULT: &str = "default";

    fn read(folder: &Path, global: &Global) -> Result<Self, Failure> {
        let asked = global.profile.clone().or_else(|| variable(PROFILE));
        let name = asked.as_deref().unwrap_or(Self::DEFAULT);
        let config = folder.join("config.toml");
        let credentials = folder.join("credentials.toml");
        let (settings, limits) = profile_of::<Settings>(&config, name)?;
        if let (Some(name), None) = (&asked, &settings) {
            let message = format!("there is no profile {name:?} in {}", config.display());
            return Err(Failure::usage(message).hint(format!("add [profile.{name}] to it")));
        }
        let Settings { base_url, api_key } = settings.unwrap_or(Settings {
            base_url: None,
            api_key: None,
        });
        let secret = match read_private(&credentials)? {
            true => {
                let (found, _) = profile_of::<Credentials>(&credentials, name)?;
                found.and_then(|found| found.api_secret)
            }
            false => None,
        };
        Ok(Self {
            base_url: base_url.as_deref().map(BaseUrl::new).transpose()?,
            key: api_key
                .map(|key| checked(ApiKey::new(key), "api_key", &config))
                .transpose()?,
            secret: secret
                .map(|secret| checked(ApiSecret::new(secret), "api_secret", &credentials))
                .transpose()?,
            limits,
        })
    }
}

fn profile_of<T: DeserializeOwned>(
    path: &Path,
    name: &str,
) -> Result<(Option<T>, Limits), Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((None, Limits::default()));
        }
        Err(error) => {
            let message = format!("{} cannot be read", path.display());
            return Err(Failure::other(message).because(&error));
        }
    };
    // The parser's own message repeats values, and with them a secret.
    let mut file: File<T> = toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text.get(..start).unwrap_or_default().matches('\n').count();
        let message = format!("{}, line {line}, cannot be read", path.display());
        Failure::new(Code::Usage, "configuration", message).hint(
            "write [profile.default], and under it api_key and base_url in config.toml or api_secret in \
             credentials.toml, each as NAME = \"VALUE\"",
        )
    })?;
    let mut limits = Limits::default();
    (limits.day, limits.month) = (file.limits.day, file.limits.month);
    (limits.total, limits.per_job) = (file.limits.total, file.limits.per_job);
    Ok((file.profile.remove(name), limits))
}

/// Whether the file is there; an error when others than its owner may read it, or it is a link.
fn read_private(path: &Path) -> Result<bool, Failure> {
    let Ok(metadata) = path.symlink_metadata() else {
        return Ok(false);
    };
    if metadata.is_symlink() {
        let message = format!(
            "{} is a symbolic link, which is not followed",
            path.display()
        );
        return Err(Failure::credentials(message).hint("put the file itself there"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o077 != 0 {
            let message = format!("{} can be read by others", path.display());
            return Err(Failure::credentials(message).hint(format!("chmod 600 {}", path.display())));
        }
    }
    Ok(true)
}

fn checked<T>(
    credential: Result<T, genrex_sign::Error>,
    name: &str,
    path: &Path,
) -> Result<T, Failure> {
    credential.map_err(|error| {
        Failure::credentials(format!("{name} in {} is refused", path.display())).because(&error)
    })
}

fn key_variable() -> Result<Option<ApiKey>, Failure> {
    let refused = |error| Failure::credentials(format!("{KEY} is refused")).because(&error);
    variable(KEY).map(ApiKey::new).transpose().map_err(refused)
}

fn secret_variable() -> Result<Option<ApiSecret>, Failure> {
    let refused = |error| Failure::credentials(format!("{SECRET} is refused")).because(&error);
    variable(SECRET)
        .map(ApiSecret::new)
        .transpose()
        .map_err(refused)
}

/// A variable of the environment; an empty one counts as none.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn folder() -> Result<PathBuf, Failure> {
    let strategy = etcetera::base_strategy::choose_base_strategy()
        .map_err(|error| Failure::other("there is no home folder").because(&error))?;
    Ok(strategy.config_dir().join("genrex"))
}
