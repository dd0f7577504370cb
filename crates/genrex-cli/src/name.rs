use std::ffi::OsString;
use std::path::{Path, PathBuf};

use genrex_async::QueryId;
use genrex_cli::template::slug;

/// Where the audio of a job goes: `--output`, a folder in it, or a name of the job's own.
///
/// The name is made of the prompt and the id, never of a URL or a header. A second asset of one job
/// gets a number.
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
        Some(path) => path.to_owned(),
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
    }
}
