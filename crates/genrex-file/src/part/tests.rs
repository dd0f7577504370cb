use super::*;

fn entries(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_file_that_is_not_committed_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    part.write(b"half").unwrap();
    assert_eq!(entries(folder.path()).len(), 1);
    drop(part);
    assert!(entries(folder.path()).is_empty());
}

#[test]
fn what_was_forgotten_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    part.write(b"a first version").unwrap();
    part.restart().unwrap();
    part.write(b"second").unwrap();
    part.commit().unwrap();
    drop(part);
    assert_eq!(fs::read(&target).unwrap(), b"second");
    assert_eq!(entries(folder.path()), ["a.wav"]);
}

#[test]
fn a_name_that_is_taken_is_kept_even_in_a_race() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    part.write(b"mine").unwrap();
    fs::write(&target, b"theirs").unwrap();
    let error = part.commit().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("a.wav"), "{error}");
    drop(part);
    let early = PartFile::create(&target, Existing::Keep).unwrap_err();
    assert_eq!(early.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert_eq!(entries(folder.path()), ["a.wav"]);

    let mut part = PartFile::create(&target, Existing::Replace).unwrap();
    part.write(b"mine").unwrap();
    part.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_and_never_followed() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("precious");
    fs::write(&elsewhere, b"precious").unwrap();
    let target = folder.path().join("a.wav");
    std::os::unix::fs::symlink(&elsewhere, &target).unwrap();
    PartFile::create(&target, Existing::Keep).unwrap_err();
    let mut part = PartFile::create(&target, Existing::Replace).unwrap();
    part.write(b"new").unwrap();
    part.commit().unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert_eq!(fs::read(&target).unwrap(), b"new");
}

#[test]
fn an_impossible_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = PartFile::create(&folder.path().join("no/such/a.wav"), Existing::Keep).unwrap_err();
    assert!(error.to_string().contains("a.wav"), "{error}");
    PartFile::create(Path::new("/"), Existing::Replace).unwrap_err();
}

fn refuses(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file system without links.
const WITHOUT_LINKS: Calls = Calls {
    link: refuses,
    ..Calls::SYSTEM
};

#[test]
fn without_links_a_name_is_taken_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    part.write(b"mine").unwrap();
    part.commit_by(&WITHOUT_LINKS).unwrap();
    drop(part);
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    assert_eq!(entries(folder.path()), ["a.wav"]);
}

#[test]
fn without_links_a_name_that_is_taken_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    part.write(b"mine").unwrap();
    fs::write(&target, b"theirs").unwrap();
    let error = part.commit_by(&WITHOUT_LINKS).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    drop(part);
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert_eq!(entries(folder.path()), ["a.wav"]);
}

/// The power may go at the last step too: what is under the final name then is nothing, and no empty file.
#[test]
fn a_name_that_cannot_be_taken_holds_nothing() {
    let calls = Calls {
        link: refuses,
        rename: |_, target| {
            assert!(target.symlink_metadata().is_err(), "the name is taken");
            Err(io::ErrorKind::StorageFull.into())
        },
    };
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    let error = part.commit_by(&calls).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    drop(part);
    assert!(entries(folder.path()).is_empty());
}

/// Two downloads to one name, without links: one of them has it.
#[test]
fn a_name_that_another_is_taking_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.wav");
    fs::write(folder.path().join("a.wav.taken"), b"").unwrap();
    let mut part = PartFile::create(&target, Existing::Keep).unwrap();
    let error = part.commit_by(&WITHOUT_LINKS).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("a.wav.taken"), "{error}");
    drop(part);
    assert_eq!(entries(folder.path()), ["a.wav.taken"]);
}
