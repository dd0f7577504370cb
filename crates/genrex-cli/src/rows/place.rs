use std::path::{Component, Path, PathBuf};

use genrex_async::QueryId;
use genrex_file::PartFile;

use crate::template::other_format;

/// The most bytes of a name in a folder that file systems take, where a download's part has a longer one beside it.
const LONGEST_NAME: usize = 255 - PartFile::ADDED;

/// Refuses a place that is not in the folder, and one that says that it holds something else.
pub(super) fn inside(output: &str) -> Result<(), String> {
    let path = PathBuf::from(output);
    let mut parts = path.components();
    let is_inside = parts.all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || path.file_name().is_none() {
        return Err(format!("{output:?} leads out of the folder; write a name"));
    }
    match other_format(output) {
        Some(other) => Err(format!(
            "{output:?} would not hold {other} but WAV; end it with .wav"
        )),
        None => Ok(()),
    }
}

/// Refuses names that no file system takes: the audio would be paid for, and have no place.
pub(super) fn storable(output: &Path) -> Result<(), String> {
    if output.to_string_lossy().chars().any(char::is_control) {
        return Err(format!(
            "{output:?} has a control character; write a name without it"
        ));
    }
    match output.iter().find(|name| name.len() > LONGEST_NAME) {
        Some(long) => Err(format!(
            "a name in it has {} bytes, where an id can have {}, and {LONGEST_NAME} have room; shorten it",
            long.len(),
            QueryId::MAX_LENGTH
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Defaults, Rows};

    /// A download has a longer name first, and an id may be as long as ids are.
    #[test]
    fn an_output_that_no_file_system_has_room_for_is_a_bad_row() {
        let read = |output: &str| {
            let row =
                serde_json::json!({"text": "ok", "duration": 5, "output": output}).to_string();
            let mut rows = Rows::read(row.as_bytes(), Defaults::default()).unwrap();
            rows.next()
                .unwrap()
                .map(drop)
                .map_err(|bad| bad.to_string())
        };
        let fits = ["x".repeat(241), format!("{}{{id}}", "é".repeat(56))];
        let fits = fits
            .into_iter()
            .flat_map(|name| [format!("a/{name}"), format!("{name}/a.wav")]);
        for output in fits {
            assert_eq!(read(&output), Ok(()), "{output}");
        }
        let (long, longer) = ("x".repeat(242), format!("{}{{id}}", "é".repeat(57)));
        for (output, said) in [
            (format!("a/{long}"), "a name in it has 242 bytes"),
            (format!("{long}/a.wav"), "a name in it has 242 bytes"),
            (longer, "a name in it has 242 bytes"),
            (String::from("a\0.wav"), "has a control character"),
            (String::from("a\u{1b}[31m.wav"), "has a control character"),
            (String::from("a\n/b.wav"), "has a control character"),
        ] {
            let error = read(&output).unwrap_err();
            let is_told = error.starts_with("line 1, column output: ") && error.contains(said);
            assert!(is_told, "{output:?}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }
}
