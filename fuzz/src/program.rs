use std::collections::HashSet;
use std::path::Component;

use genrex_cli::profiles::{self as files, Wiped};
use genrex_cli::rows::{Defaults, Rows};
use genrex_sign::{ApiKey, ApiSecret};

/// A file of rows: each is what may be bought, once, and is kept in its folder.
pub fn rows(data: &[u8]) {
    let Ok(rows) = Rows::read(data, Defaults::default()) else { return };
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
        Err(bad) => assert!(is_line(bad.0), "{bad:?}"),
    }
    match files::credentials(data, "default") {
        Ok(Some(found)) => {
            assert!(!format!("{found:?}").contains('"'), "it is not shown");
            drop(found.api_secret.map(Wiped::take).map(ApiSecret::new));
        }
        Ok(None) => {}
        Err(bad) => assert!(is_line(bad.0), "{bad:?}"),
    }
}
