//! The two files and their folder: whose they are, what others may do to them, what they are.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};

use crate::support::{code, genrex, stderr};

const NOBODY: u32 = 65_534;

/// A folder with a `config.toml` and a `credentials.toml` that are as they should be.
struct Home {
    parent: TempDir,
    folder: PathBuf,
    config: PathBuf,
    credentials: PathBuf,
}

impl Home {
    fn new() -> Self {
        let parent = tempdir().unwrap();
        let folder = parent.path().join("config/genrex");
        fs::create_dir_all(&folder).unwrap();
        let (config, credentials) = (folder.join("config.toml"), folder.join("credentials.toml"));
        fs::write(&config, "[profile.default]\napi_key = \"k\"\n").unwrap();
        fs::write(&credentials, "[profile.default]\napi_secret = \"s3cr3t\"\n").unwrap();
        let home = Self {
            parent,
            folder,
            config,
            credentials,
        };
        home.allow(&home.folder, 0o755);
        home.allow(&home.config, 0o644);
        home.allow(&home.credentials, 0o600);
        home
    }

    fn allow(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// `genrex sign` reads both files and needs nothing else.
    fn sign(&self) -> Output {
        genrex(self.parent.path()).arg("sign").output().unwrap()
    }

    /// What was refused says its path and, in the hint, what to type.
    fn assert_refused(&self, expected: i32, path: &Path, words: &[&str]) {
        let refused = self.sign();
        let said = stderr(&refused);
        assert_eq!(code(&refused), expected, "{words:?}: {said}");
        assert!(said.contains(path.to_str().unwrap()), "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}

#[test]
fn what_others_may_write_to_is_refused() {
    let home = Home::new();
    let signed = home.sign();
    assert_eq!(code(&signed), 0, "{}", stderr(&signed));
    for mode in [0o666, 0o622, 0o664, 0o602] {
        home.allow(&home.config, mode);
        home.assert_refused(2, &home.config, &["chmod go-w "]);
    }
    home.allow(&home.config, 0o644);
    for mode in [0o640, 0o604, 0o620, 0o610] {
        home.allow(&home.credentials, mode);
        home.assert_refused(3, &home.credentials, &["chmod 600 "]);
    }
    home.allow(&home.credentials, 0o400);
    for mode in [0o777, 0o775, 0o757] {
        home.allow(&home.folder, mode);
        home.assert_refused(2, &home.folder, &["chmod go-w "]);
    }
    home.allow(&home.folder, 0o700);
    assert_eq!(code(&home.sign()), 0, "{}", stderr(&home.sign()));
}

#[test]
fn what_is_another_users_is_refused() {
    let home = Home::new();
    if fs::metadata(&home.config).unwrap().uid() != 0 {
        // Only root can give a file away.
        chown(&home.config, Some(NOBODY), None).unwrap_err();
        return;
    }
    for (path, expected) in [(&home.config, 2), (&home.credentials, 3), (&home.folder, 2)] {
        chown(path, Some(NOBODY), None).unwrap();
        home.assert_refused(expected, path, &["another user", "chown "]);
        chown(path, Some(0), None).unwrap();
    }
    assert_eq!(code(&home.sign()), 0);
}

#[test]
fn what_is_no_file_or_too_large_is_refused_and_not_read() {
    for name in ["config.toml", "credentials.toml"] {
        let expected = if name == "config.toml" { 2 } else { 3 };
        let home = Home::new();
        let path = home.folder.join(name);
        fs::remove_file(&path).unwrap();
        let made = Command::new("mkfifo")
            .args(["-m", "600"])
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
        home.assert_refused(expected, &path, &["not a file"]);

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        home.allow(&path, 0o700);
        home.assert_refused(expected, &path, &["not a file"]);

        fs::remove_dir(&path).unwrap();
        let sparse = File::create(&path).unwrap();
        home.allow(&path, 0o600);
        for length in [300_000_000, 64 * 1024 + 1] {
            sparse.set_len(length).unwrap();
            home.assert_refused(expected, &path, &["64 KiB"]);
        }
    }
}

/// Who keeps the settings elsewhere may link to them; the secret is where it says that it is.
#[test]
fn a_link_is_followed_to_settings_alone() {
    let home = Home::new();
    for path in [&home.config, &home.credentials] {
        let elsewhere = home.parent.path().join(path.file_name().unwrap());
        fs::rename(path, &elsewhere).unwrap();
        symlink(&elsewhere, path).unwrap();
        if path == &home.config {
            assert_eq!(code(&home.sign()), 0, "{}", stderr(&home.sign()));
            home.allow(&elsewhere, 0o666);
            home.assert_refused(2, path, &["chmod go-w "]);
            home.allow(&elsewhere, 0o644);
        } else {
            home.assert_refused(3, path, &["symbolic link"]);
        }
    }
}

#[test]
fn a_profile_without_a_secret_is_not_given_anothers() {
    let home = Home::new();
    let two = "[profile.default]\napi_key = \"k\"\n[profile.work]\napi_key = \"w\"\n";
    fs::write(&home.config, two).unwrap();
    let as_profile = |name| {
        let mut command = genrex(home.parent.path());
        command.args(["sign", "--profile", name]).output().unwrap()
    };
    assert_eq!(code(&as_profile("default")), 0);
    assert_eq!(code(&as_profile("work")), 3);
    let unknown = as_profile("nobody");
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("[profile.nobody]"));
}

#[test]
fn a_broken_file_is_named_with_its_line_and_not_repeated() {
    let home = Home::new();
    for text in [
        "[profile.default]\napi_secret = \"s3cr3t\n",
        "[profile.default]\napi_secret = 53cr37\n",
        "[profile.default]\napi_secret = 537337\n",
        "[profile]\napi_secret = \"s3cr3t\"\n",
        "[profile.default]\ns3cr3t = \"x\"\n",
    ] {
        fs::write(&home.credentials, text).unwrap();
        let broken = home.sign();
        let said = stderr(&broken);
        assert_eq!(code(&broken), 2, "{text}");
        assert!(said.contains("line 2"), "{text}: {said}");
        for secret in ["s3cr3t", "53cr37", "537337"] {
            assert!(!said.contains(secret), "{text}: {said}");
        }
    }
}

/// A name is told with those that can stand there; what may be a secret is not.
#[test]
fn a_setting_that_nobody_knows_is_named_and_no_secret_is() {
    let home = Home::new();
    fs::write(&home.config, "[limits]\ndays = 5\n").unwrap();
    home.assert_refused(
        2,
        &home.config,
        &[
            "line 2, cannot be read",
            "days is no setting there; write day, month, total, per_job",
        ],
    );
    let told = |text: &str| {
        fs::write(&home.config, text).unwrap();
        stderr(&home.sign())
    };
    let said = told("[profile.default]\napi_secret = \"s3cr3t\"\n");
    assert!(
        said.contains("credentials.toml") && !said.contains("s3cr3t"),
        "{said}"
    );
    fs::write(&home.config, "[profile.default]\napi_key = \"k\"\n").unwrap();
    fs::write(&home.credentials, "[profile.default]\ns3cr3t = 1\n").unwrap();
    let said = stderr(&home.sign());
    assert!(
        said.contains("line 2, cannot be read") && !said.contains("s3cr3t"),
        "{said}"
    );
}
