use std::collections::HashSet;
use std::path::Component;

use genrex_cli::profiles::{self as files, Wiped};
use genrex_cli::rows::{Defaults, Rows};
use genrex_sign::{ApiKey, ApiSecret};

/// A file of rows: each is what may be bought, once, and is kept in its folder.
pub fn rows(data: &[u8]) {
    let Ok(rows) = Rows::read(data, Defaults::default()) else {
        return;
    };
    let lines = data.split(|byte| matches!(byte, b'\n' | b'\r'));
    // An array may hold many in a line.
    let braces = data.iter().filter(|byte| **byte == b'{').count();
    let most = lines.filter(|line| !line.is_empty()).count() + braces;
    let mut names = HashSet::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        match row {
            Ok(row) => {
                assert!((1..=250).contains(&row.text.as_str().chars().count()));
                assert!((5..=60).contains(&row.duration.get()));
                let output = row.output(Some("QRY_1"));
                let mut parts = output.iter().flat_map(|path| path.components());
                assert!(parts.all(|part| matches!(part, Component::Normal(_))));
                assert!(names.insert(row.name), "two rows have one name");
            }
            Err(bad) => assert!(bad.line >= 1, "{bad}"),
        }
    }
    assert!(
        count <= most,
        "{count} rows in {most} lines: one is bought twice"
    );
}

/// The two files of settings: a bad line is in the file, and the error holds nothing of it.
pub fn profiles(data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n').count();
    let is_line =
        |line: u64| line >= 1 && usize::try_from(line).is_ok_and(|line| line <= lines + 1);
    match files::settings(data, "default") {
        Ok((Some(settings), _)) => {
            let key = settings.api_key.map(Wiped::take);
            // It may be refused, and is not shown.
            drop(key.map(ApiKey::new));
        }
        Ok((None, _)) => {}
        Err(bad) => assert!(is_line(bad.line), "{bad:?}"),
    }
    match files::credentials(data, "default") {
        Ok(Some(found)) => {
            assert!(!format!("{found:?}").contains('"'), "it is not shown");
            drop(found.api_secret.map(Wiped::take).map(ApiSecret::new));
        }
        Ok(None) => {}
        Err(bad) => assert!(is_line(bad.line), "{bad:?}"),
    }
}

/// What the program calls and as whom: the name of a profile, and under it the text of `config.toml`. What is taken of
/// it stands there under that name, as another reader of TOML says; what nobody knows is refused.
pub fn config(data: &[u8]) {
    let (name, text) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&b"default"[..], data),
    };
    let (Ok(name), Ok(whole)) = (str::from_utf8(name), str::from_utf8(text)) else {
        return;
    };
    let Ok((found, limits)) = files::settings(text, name) else {
        return;
    };
    let Ok(table) = whole.parse::<toml::Table>() else {
        // The one thing that is read beyond TOML: credits past its largest number.
        let all = [limits.day, limits.month, limits.total, limits.per_job];
        let largest = all.into_iter().flatten().max();
        assert!(largest.is_some_and(|largest| i64::try_from(largest).is_err()));
        return;
    };
    let known = |table: &toml::Table, names: &[&str]| {
        let mut keys = table.keys();
        assert!(keys.all(|key| names.contains(&key.as_str())), "{table:?}");
    };
    known(&table, &["profile", "limits"]);
    let limit = |name: &str| {
        let credits = table.get("limits").and_then(|limits| limits.get(name));
        credits
            .map(|credits| u64::try_from(credits.as_integer().expect("a number")).expect("credits"))
    };
    assert_eq!((limits.day, limits.month), (limit("day"), limit("month")));
    let rest = (limits.total, limits.per_job);
    assert_eq!(rest, (limit("total"), limit("per_job")));
    let of_name = |table: &toml::Table| Some(table.get("profile")?.get(name)?.as_table()?.clone());
    let profile = of_name(&table);
    assert_eq!(found.is_some(), profile.is_some());
    let (Some(found), Some(profile)) = (found, profile) else {
        return;
    };
    known(&profile, &["base_url", "api_key"]);
    let text_of = |name: &str| profile.get(name).and_then(toml::Value::as_str);
    assert_eq!(found.base_url.as_deref(), text_of("base_url"));
    if let Some(url) = &found.base_url {
        crate::address::base_url(url.as_bytes());
    }
    let shown = format!("{found:?}");
    let key = found.api_key.map(Wiped::take);
    assert_eq!(key.as_deref(), text_of("api_key"));
    let Some(key) = key.filter(|key| key.len() >= 12) else {
        return;
    };
    let is_in_url = found.base_url.is_some_and(|url| url.contains(&key));
    assert!(is_in_url || !shown.contains(&key), "the key is shown");
    drop(ApiKey::new(key));
}
