//! Changing one setting in the text of `config.toml` or `credentials.toml`, and nothing else in it.

use genrex_async::BaseUrl;
use genrex_sign::ApiKey;
use toml_edit::{DocumentMut, Item, Table, value};

/// A setting that can be read and changed by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    table: Vec<String>,
    name: &'static str,
}

/// Why a name or a value is none: what is wrong, and what to write.
pub type Fault = String;

/// A file that is not TOML, or has something else where a setting belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

const LIMITS: [&str; 4] = ["day", "month", "total", "per_job"];

impl Key {
    /// Reads a name such as `profile.work.base_url` or `limits.day`.
    ///
    /// # Errors
    ///
    /// It is no setting, or one that is not set this way.
    pub fn new(name: &str) -> Result<Self, Fault> {
        const NAMES: &str = "write profile.NAME.base_url, profile.NAME.api_key, limits.day, limits.month, limits.total or \
                             limits.per_job";
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            ["limits", limit] => {
                let limit = LIMITS.into_iter().find(|known| known == limit);
                let name = limit.ok_or_else(|| format!("{name:?} is no setting; {NAMES}"))?;
                let table = vec![String::from("limits")];
                Ok(Self { table, name })
            }
            ["profile", profile, "api_secret"] => Err(format!(
                "a secret is not taken from the command line; genrex login --profile {profile} asks for it"
            )),
            ["profile", profile, "base_url"] => Self::of_profile(profile, "base_url"),
            ["profile", profile, "api_key"] => Self::of_profile(profile, "api_key"),
            _ => Err(format!("{name:?} is no setting; {NAMES}")),
        }
    }

    /// A setting of a profile.
    ///
    /// # Errors
    ///
    /// The profile's name is none.
    pub fn of_profile(profile: &str, name: &'static str) -> Result<Self, Fault> {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        if profile.is_empty() || !profile.chars().all(is_plain) {
            return Err(format!(
                "{profile:?} is no name of a profile; write letters, digits, - and _"
            ));
        }
        let table = vec![String::from("profile"), profile.to_owned()];
        Ok(Self { table, name })
    }

    /// What a value becomes in the file; none for an empty one, which takes the setting out.
    ///
    /// # Errors
    ///
    /// It is not what the setting takes.
    pub fn check(&self, text: &str) -> Result<Option<Item>, Fault> {
        if text.is_empty() {
            return Ok(None);
        }
        match self.name {
            "base_url" => BaseUrl::new(text)
                .map(drop)
                .map_err(|error| error.to_string())?,
            "api_key" => ApiKey::new(text.to_owned())
                .map(drop)
                .map_err(|error| error.to_string())?,
            "api_secret" => {}
            _ => {
                let number = text.parse::<u32>().map(i64::from);
                let number = number
                    .map_err(|_| format!("{text:?} is no number of credits; write a whole one"))?;
                return Ok(Some(value(number)));
            }
        }
        Ok(Some(value(text)))
    }

    /// What the text of a file says of it.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn read(&self, text: &str) -> Result<Option<String>, Unreadable> {
        let document = parse(text)?;
        let mut item = Some(document.as_item());
        for part in self.table.iter().map(String::as_str).chain([self.name]) {
            item = item.and_then(|item| item.get(part));
        }
        Ok(item.map(shown))
    }

    /// The text of a file with the setting in it, or without it; comments and order stay.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn write(&self, text: &str, item: Option<Item>) -> Result<String, Unreadable> {
        let mut document = parse(text)?;
        let mut table = document.as_table_mut();
        let last = self.table.len() - 1;
        for (depth, part) in self.table.iter().enumerate() {
            let entry = table.entry(part).or_insert_with(|| {
                let mut table = Table::new();
                // Only what holds a setting needs a header.
                table.set_implicit(depth < last);
                Item::Table(table)
            });
            table = entry.as_table_mut().ok_or(Unreadable)?;
        }
        match (item, table.get_mut(self.name)) {
            (Some(Item::Value(mut new)), Some(Item::Value(old))) => {
                *new.decor_mut() = old.decor().clone();
                *old = new;
            }
            (Some(item), _) => {
                table.insert(self.name, item);
            }
            (None, _) => {
                table.remove(self.name);
            }
        }
        Ok(document.to_string())
    }
}

/// Every setting of a file, as `name = value`, in its order.
///
/// # Errors
///
/// [`Unreadable`].
pub fn all(text: &str) -> Result<Vec<(String, String)>, Unreadable> {
    fn collect(item: &Item, path: &str, found: &mut Vec<(String, String)>) {
        match item.as_table_like() {
            Some(table) => {
                for (name, item) in table.iter() {
                    let path = if path.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{path}.{name}")
                    };
                    collect(item, &path, found);
                }
            }
            None => found.push((path.to_owned(), shown(item))),
        }
    }
    let document = parse(text)?;
    let mut found = Vec::new();
    collect(document.as_item(), "", &mut found);
    Ok(found)
}

fn parse(text: &str) -> Result<DocumentMut, Unreadable> {
    // The parser's message repeats what is there, which may be a secret.
    text.parse().map_err(|_| Unreadable)
}

fn shown(item: &Item) -> String {
    match item.as_str() {
        Some(text) => text.to_owned(),
        None => item.to_string().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[limits]\nday = 5 # a day\n\n[profile.default]\n# the key\napi_key = \"k\"\nbase_url = \"https://a.example\"\n";

    fn set(text: &str, name: &str, new: &str) -> String {
        let key = Key::new(name).unwrap();
        key.write(text, key.check(new).unwrap()).unwrap()
    }

    #[test]
    fn a_change_keeps_comments_and_order() {
        let changed = set(FILE, "limits.day", "7");
        assert_eq!(changed, FILE.replace("day = 5", "day = 7"));
        let changed = set(FILE, "profile.default.base_url", "https://b.example");
        assert_eq!(changed, FILE.replace("a.example", "b.example"));
        assert_eq!(
            set(FILE, "profile.default.base_url", ""),
            FILE.replace("base_url = \"https://a.example\"\n", "")
        );
        let added = set(FILE, "profile.work.api_key", "w");
        assert_eq!(added, format!("{FILE}\n[profile.work]\napi_key = \"w\"\n"));
        assert_eq!(set("", "limits.per_job", "9"), "[limits]\nper_job = 9\n");
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for (name, new) in [
            ("limits.month", "12"),
            ("profile.a-b_C1.api_key", "k y\"é"),
            ("profile.default.base_url", "https://x.example/base"),
        ] {
            let key = Key::new(name).unwrap();
            let Ok(item) = key.check(new) else {
                // A key that no header can hold.
                assert_eq!(new, "k y\"é");
                continue;
            };
            let text = key.write(FILE, item).unwrap();
            assert_eq!(key.read(&text).unwrap().as_deref(), Some(new));
            assert!(
                all(&text)
                    .unwrap()
                    .contains(&(name.to_owned(), new.to_owned()))
            );
        }
    }

    #[test]
    fn what_is_no_setting_or_no_value_is_refused() {
        for name in [
            "",
            "limits",
            "limits.week",
            "profile.default",
            "profile..api_key",
            "profile.a b.api_key",
            "profile.default.api_secret",
            "profile.default.x",
            "api_key",
            "profile.a.b.api_key",
        ] {
            Key::new(name).unwrap_err();
        }
        for (name, bad) in [
            ("limits.day", "-1"),
            ("limits.day", "ten"),
            ("limits.day", "1.5"),
            ("profile.default.base_url", "http://a.example"),
            ("profile.default.base_url", "a"),
            ("profile.default.api_key", "two\nlines"),
        ] {
            Key::new(name).unwrap().check(bad).unwrap_err();
        }
        let key = Key::new("limits.day").unwrap();
        assert_eq!(
            key.write("limits = 5", key.check("1").unwrap()),
            Err(Unreadable)
        );
        assert_eq!(key.read("x = \"s3cr3t"), Err(Unreadable));
    }
}
