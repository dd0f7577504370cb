//! The folder that a file is in, and which files are there.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Those whose names are as asked, in order. A folder that cannot be read has none.
pub(crate) fn files_named(folder: &Path, is_so: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.filter(|file| is_so(&file.file_name().to_string_lossy()));
    let mut found: Vec<PathBuf> = names.map(|file| file.path()).collect();
    found.sort();
    found
}
