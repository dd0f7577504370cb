use std::io::{self, BufRead as _, Read as _};

use genrex_async::{ApiKey, ApiSecret, KeyPair};
use genrex_cli::settings::Key;
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{Global, Login};
use crate::command_error::{Code, CommandError};
use crate::commands::config::{text, unreadable};
use crate::config::{self, CONFIG, CREDENTIALS, folder};
use crate::connect::{ask_balance, quoted};
use crate::files::{self, Rights};
use crate::output::{self, Output};

/// `genrex login`: takes a key and its secret, sees by one free call that they are right, and keeps them apart.
pub(crate) async fn run(
    login: Login,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let profile = config::profile_name(global)?;
    let key_of = |name| Key::of_profile(&profile, name).map_err(CommandError::usage);
    let (in_config, in_credentials) = (key_of("api_key")?, key_of("api_secret")?);
    let known = match config::key_in_environment()? {
        Some(key) => Some(key),
        None => in_config.read(&text()?).map_err(|_| unreadable())?,
    };
    let (key, secret) = read(known, output)?;
    let keys = pair(&key, &secret)?;
    let credits_left = match login.no_check {
        true => None,
        false => Some(ask_balance(config::base_url_of(global, &profile)?, keys).await?),
    };

    let folder = folder()?;
    let _held = files::hold(&folder)?;
    let secrets = files::read_own(&folder, CREDENTIALS, Rights::None)?.unwrap_or_default();
    let secrets = str::from_utf8(&secrets).map_err(|_| secrets_unreadable())?;
    let item = in_credentials.check(&secret).map_err(CommandError::usage)?;
    let secrets = in_credentials.write(secrets, item).map(Zeroizing::new);
    let secrets = secrets.map_err(|_| secrets_unreadable())?;
    let item = in_config.check(&key).map_err(CommandError::usage)?;
    let mut config = in_config.write(&text()?, item).map_err(|_| unreadable())?;
    let url_in_config = key_of("base_url")?;
    if let Some(url) = &global.base_url {
        let item = url_in_config.check(url.as_str());
        let item = item.map_err(CommandError::usage)?;
        config = url_in_config
            .write(&config, item)
            .map_err(|_| unreadable())?;
    }
    let kept_url = url_in_config.read(&config).map_err(|_| unreadable())?;
    let secret_path = files::write_own(&folder, CREDENTIALS, Rights::None, secrets.as_bytes())?;
    let key_path = files::write_own(&folder, CONFIG, Rights::Read, config.as_bytes())?;
    if output.is_json() {
        return output.document(&json!({
            "profile": profile, "config": key_path, "credentials": secret_path, "creditsLeft": credits_left,
        }));
    }
    output.line(format_args!(
        "profile {profile}: the key is in {}, the secret in {}",
        key_path.display(),
        secret_path.display()
    ))?;
    if let Some(left) = credits_left {
        output.line(format_args!("the service knows them: {left} credits left"))?;
    }
    say_what_is_not_kept(&profile, kept_url.as_deref(), global, output)
}

/// A URL of the environment holds for as long as it is there: without it, the profile's keys would go elsewhere.
fn say_what_is_not_kept(
    profile: &str,
    kept: Option<&str>,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    // A flag beats the environment, and so does a profile that a flag names.
    if global.base_url.is_some() || global.profile.is_some() && kept.is_some() {
        return Ok(());
    }
    let named = config::base_url_in_environment()?;
    if let Some(url) = named.filter(|url| Some(url.as_str()) != kept) {
        output.note(format_args!(
            "the service is the one that GENREX_BASE_URL names, and that is not kept. To keep it: genrex config set \
             profile.{profile}.base_url {}",
            quoted(&url)
        ));
    }
    Ok(())
}

/// Both, asked for on a terminal, or from a pipe: two lines, or the secret alone where the key is known.
fn read(
    known: Option<String>,
    output: &Output,
) -> Result<(String, Zeroizing<String>), CommandError> {
    let cannot = |error: io::Error| {
        CommandError::usage("the key and the secret cannot be read").with_source(&error)
    };
    if output::can_ask() {
        let question = match &known {
            Some(_) => "API key [Enter keeps the one that is known]:",
            None => "API key:",
        };
        output.ask(question).map_err(cannot)?;
        let key = line().map_err(cannot)?;
        let key = Some(key.trim().to_owned())
            .filter(|key| !key.is_empty())
            .or(known);
        output
            .ask("API secret, which is not shown:")
            .map_err(cannot)?;
        let secret = rpassword::read_password()
            .map(Zeroizing::new)
            .map_err(cannot)?;
        return Ok((
            key.ok_or_else(no_key)?,
            Zeroizing::new(secret.trim().to_owned()),
        ));
    }
    let first = line().map_err(cannot)?;
    let second = line().map_err(cannot)?;
    match (first.trim(), second.trim()) {
        ("", _) => Err(CommandError::credentials("no secret was given")
            .hint("type genrex login on a terminal, or give the key and the secret as two lines on standard input")),
        (secret, "") => Ok((known.ok_or_else(no_key)?, Zeroizing::new(secret.to_owned()))),
        (key, secret) => Ok((key.to_owned(), Zeroizing::new(secret.to_owned()))),
    }
}

/// A line of standard input; no key is longer than its bound.
fn line() -> io::Result<Zeroizing<String>> {
    const LONGEST: u64 = 4096;
    let mut line = Zeroizing::new(String::with_capacity(
        usize::try_from(LONGEST).unwrap_or_default(),
    ));
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    Ok(line)
}

fn pair(key: &str, secret: &str) -> Result<KeyPair, CommandError> {
    let refused = |what| {
        move |error| {
            CommandError::credentials(format!("the {what} is refused; nothing was kept"))
                .with_source(&error)
        }
    };
    let key = ApiKey::new(key.to_owned()).map_err(refused("API key"))?;
    let secret = ApiSecret::new(secret.to_owned()).map_err(refused("API secret"))?;
    Ok(KeyPair::new(key, secret))
}

fn no_key() -> CommandError {
    CommandError::credentials("there is no API key; nothing was kept")
        .hint("give it before the secret, as a line of its own, or by GENREX_API_KEY")
}

fn secrets_unreadable() -> CommandError {
    let message = "credentials.toml is not TOML, or has something else where a secret belongs; nothing was changed";
    CommandError::new(Code::Usage, "configuration", message)
        .hint("genrex help config shows its form, genrex config path the folder in which it is")
}
