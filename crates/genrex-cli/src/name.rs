use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use genrex_async::QueryId;
use genrex_cli::template::{Field, Template, Values, slug};

/// Where the audio of a job goes: `--output`, whose name may have fields; a folder in it; or a name of the job's own.
///
/// The name is made of the prompt and the id, never of a URL or a header. A second asset of one job
/// gets a number, unless the name has one.
pub(crate) fn target(
    output: Option<&Path>,
    text: Option<&str>,
    id: &QueryId,
    index: usize,
) -> PathBuf {
    let own = || file_name(text, id);
    let path = match output {
        None => PathBuf::from(own()),
        Some(path) if is_folder(path) => path.join(own()),
        Some(path) => {
            let number = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
            match template(path) {
                Ok(Some(template)) => {
                    let (id, prompt, line) = (id.as_str(), text.unwrap_or_default(), 1);
                    let name = template.name(&Values {
                        id,
                        prompt,
                        line,
                        number,
                    });
                    let path = path.with_file_name(name);
                    if template.has(Field::Number) {
                        return path;
                    }
                    path
                }
                // What has no fields, and what was refused before.
                Ok(None) | Err(_) => path.to_owned(),
            }
        }
    };
    if index == 0 {
        return path;
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("-{}", index + 1));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// As long an id as a job can have: what has room with it has room with any.
pub(crate) fn longest_id() -> QueryId {
    let id = QueryId::new("Q".repeat(QueryId::MAX_LENGTH));
    id.unwrap_or_else(|_| unreachable!("letters are safe in an id"))
}

/// The fields of a path's name, if it has any.
///
/// # Errors
///
/// What is wrong with them.
pub(crate) fn template(path: &Path) -> Result<Option<Template>, String> {
    let has_brace = |text: &OsStr| text.to_string_lossy().contains(['{', '}']);
    if path
        .parent()
        .is_some_and(|folder| has_brace(folder.as_os_str()))
    {
        return Err(String::from(
            "a field or a brace stands in the folder of --output; fields can stand in the file's name only",
        ));
    }
    let name = path.file_name().filter(|name| has_brace(name));
    let template = name
        .map(|name| Template::new(&name.to_string_lossy()))
        .transpose()?;
    match template {
        Some(template) if template.has(Field::Line) => Err(String::from(
            "{line} stands for a line of a batch's file, and here is none; write {id}, {prompt} or {n}",
        )),
        template => Ok(template),
    }
}

/// `intense-edm-QRY_….wav`.
fn file_name(text: Option<&str>, id: &QueryId) -> String {
    match slug(text.unwrap_or_default()) {
        slug if slug.is_empty() => format!("{id}.wav"),
        slug => format!("{slug}-{id}.wav"),
    }
}

/// Whether a path is meant as a folder: it is one, or ends with a slash.
pub(crate) fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.to_string_lossy().ends_with(std::path::is_separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_prompt_and_the_id_and_safe() {
        let id = QueryId::new("QRY_1").unwrap();
        for (text, name) in [
            (Some("intense EDM"), "intense-edm-QRY_1.wav"),
            (Some("../../etc/passwd\0"), "etc-passwd-QRY_1.wav"),
            (Some("  Übung: 音楽!  "), "übung-音楽-QRY_1.wav"),
            (Some("-rf *"), "rf-QRY_1.wav"),
            (Some("\u{1b}[31m…"), "31m-QRY_1.wav"),
            (Some("🎵"), "QRY_1.wav"),
            // Letters by their category, which nobody sees.
            (
                Some("a\u{3164}b\u{115f}\u{1160}\u{ffa0}c"),
                "a-b-c-QRY_1.wav",
            ),
            (Some("\u{3164}"), "QRY_1.wav"),
            (None, "QRY_1.wav"),
        ] {
            assert_eq!(file_name(text, &id), name);
        }
        let long = file_name(Some(&"é".repeat(250)), &id);
        assert!(long.len() <= 48 + "-QRY_1.wav".len(), "{long}");
    }

    #[test]
    fn further_assets_are_numbered() {
        let id = QueryId::new("QRY_1").unwrap();
        let at = |output: &str, index| target(Some(Path::new(output)), Some("a"), &id, index);
        assert_eq!(at("x/song.wav", 0), Path::new("x/song.wav"));
        assert_eq!(at("x/song.wav", 1), Path::new("x/song-2.wav"));
        assert_eq!(at("x/song", 2), Path::new("x/song-3"));
        assert_eq!(at("new/", 0), Path::new("new/a-QRY_1.wav"));
        assert_eq!(at("x/{prompt}_{id}.wav", 1), Path::new("x/a_QRY_1-2.wav"));
        assert_eq!(at("x/{n}.wav", 1), Path::new("x/2.wav"));
    }

    #[test]
    fn fields_stand_in_the_name_only() {
        for path in ["{id}/a.wav", "a{b}.wav", "{line}.wav", "{"] {
            template(Path::new(path)).unwrap_err();
        }
        for path in ["a.wav", "x/a", "-", "/"] {
            assert_eq!(template(Path::new(path)).unwrap(), None);
        }
    }
}
