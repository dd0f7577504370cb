use genrex_cli::settings::{self, Key};
use serde_json::{Map, Value, json};

use crate::args::ConfigAction;
use crate::command_error::{Code, CommandError};
use crate::config::{CONFIG, CREDENTIALS, folder};
use crate::files::{self, Rights};
use crate::output::Output;

/// `genrex config`: the settings, without an editor. Secrets are neither shown nor taken.
pub(crate) fn run(action: Option<&ConfigAction>, output: &Output) -> Result<(), CommandError> {
    match action {
        None | Some(ConfigAction::List) => list(output),
        Some(ConfigAction::Path) => path(output),
        Some(ConfigAction::Get { key }) => {
            let found = key.read(&text()?).map_err(|_| unreadable())?;
            let found = found.ok_or_else(|| {
                CommandError::other("it is not set").hint("genrex config list shows what is")
            })?;
            match output.is_json() {
                true => output.document(&found),
                false => output.line(found),
            }
        }
        Some(ConfigAction::Set { key, value }) => set(key, value, output),
    }
}

fn list(output: &Output) -> Result<(), CommandError> {
    let found = settings::all(&text()?).map_err(|_| unreadable())?;
    if output.is_json() {
        let found = found.into_iter().map(|(name, value)| (name, value.into()));
        return output.document(&found.collect::<Map<String, Value>>());
    }
    for (name, value) in &found {
        output.line(format_args!("{name} = {value}"))?;
    }
    if found.is_empty() {
        output.note("nothing is set; genrex login, or genrex config set KEY VALUE");
    }
    Ok(())
}

fn path(output: &Output) -> Result<(), CommandError> {
    let folder = folder()?;
    let (config, credentials) = (folder.join(CONFIG), folder.join(CREDENTIALS));
    if output.is_json() {
        return output.document(&json!({"config": config, "credentials": credentials}));
    }
    output.line(config.display())
}

fn set(key: &Key, value: &str, output: &Output) -> Result<(), CommandError> {
    let item = key.check(value).map_err(CommandError::usage)?;
    let folder = folder()?;
    let _held = files::hold(&folder)?;
    let changed = key.write(&text()?, item).map_err(|_| unreadable())?;
    let path = files::write_own(&folder, CONFIG, Rights::Read, changed.as_bytes())?;
    output.note(format_args!("written to {}", path.display()));
    Ok(())
}

/// The text of `config.toml`; empty if there is none.
pub(crate) fn text() -> Result<String, CommandError> {
    let bytes = files::read_own(&folder()?, CONFIG, Rights::Read)?;
    let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec()));
    text.transpose()
        .map(Option::unwrap_or_default)
        .map_err(|_| unreadable())
}

pub(crate) fn unreadable() -> CommandError {
    let message = "config.toml is not TOML, or has something else where a setting belongs; nothing was changed";
    CommandError::new(Code::Usage, "configuration", message)
        .hint("genrex help config shows its form, genrex config path where it is")
}
