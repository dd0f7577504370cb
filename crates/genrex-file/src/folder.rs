use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::named;

/// Makes a folder, and those above it that are missing, so that they last: the name of each is synced.
///
/// One that is there already is left as it is.
///
/// # Errors
///
/// What the file system refuses, and [`io::ErrorKind::AlreadyExists`] where a file has the name. Each names the path.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let music = folder.path().join("music/of/mine");
/// genrex_file::make_folder(&music)?;
/// assert!(music.is_dir());
/// # std::io::Result::Ok(())
/// ```
pub fn make_folder(path: &Path) -> io::Result<()> {
    make_folder_by(path, sync_name)
}

fn make_folder_by(path: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let is_there = |folder: &Path| folder.as_os_str().is_empty() || folder.is_dir();
    let missing = path.ancestors().take_while(|folder| !is_there(folder));
    let missing: Vec<_> = missing.collect();
    for folder in missing.into_iter().rev() {
        let made = match fs::create_dir(folder) {
            // Another made it meanwhile, and may not have synced it yet.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            made => made,
        };
        made.and_then(|()| sync(folder))
            .map_err(|error| named(folder, &error))?;
    }
    Ok(())
}

/// Makes a name in a folder last; only Unix lets a folder be opened, and only its readers.
pub(crate) fn sync_name(target: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) => folder.sync_all(),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_that_is_made_is_synced_outermost_first() {
        let base = tempfile::tempdir().unwrap();
        let mut synced = Vec::new();
        let path = base.path().join("a/b/c");
        for expected in [vec!["a", "a/b", "a/b/c"], vec![]] {
            synced.clear();
            make_folder_by(&path, |folder| {
                assert!(folder.is_dir());
                synced.push(folder.to_owned());
                Ok(())
            })
            .unwrap();
            let expected: Vec<_> = expected.iter().map(|name| base.path().join(name)).collect();
            assert_eq!(synced, expected);
        }
        make_folder(&base.path().join("a/b/d/../e")).unwrap();
        assert!(base.path().join("a/b/e").is_dir());
    }

    #[test]
    fn what_cannot_be_made_or_synced_is_named() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("file"), b"").unwrap();
        let error = make_folder(&base.path().join("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("file"), "{error}");
        let full = |_: &Path| Err(io::ErrorKind::StorageFull.into());
        let error = make_folder_by(&base.path().join("new"), full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("new"), "{error}");
    }
}
