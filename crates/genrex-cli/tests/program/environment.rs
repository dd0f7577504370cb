//! A variable that cannot be used is an error that names it, and never counts as one that is not set.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use tempfile::tempdir;

use crate::support::{code, genrex, stderr};

const NO_TEXT: &[u8] = b"a\xff\xfe";

#[test]
fn a_variable_that_is_no_text_is_an_error_that_names_it() {
    for (variable, expected) in [
        ("GENREX_BASE_URL", 2),
        ("GENREX_PROFILE", 2),
        ("GENREX_API_KEY", 3),
        ("GENREX_API_SECRET", 3),
        ("HTTPS_PROXY", 2),
        ("https_proxy", 2),
        ("HTTP_PROXY", 2),
        ("ALL_PROXY", 2),
        ("NO_PROXY", 2),
    ] {
        let folder = tempdir().unwrap();
        let refused = genrex(folder.path())
            .arg("balance")
            .env("GENREX_API_KEY", "key")
            .env("GENREX_API_SECRET", "secret")
            // Should it be passed over, nothing can leave this machine.
            .env("https_proxy", "http://127.0.0.1:1")
            .env(variable, OsStr::from_bytes(NO_TEXT))
            .output()
            .unwrap();
        let said = stderr(&refused);
        assert_eq!(code(&refused), expected, "{variable}: {said}");
        assert!(said.contains(variable), "{variable}: {said}");
        assert!(said.contains("UTF-8"), "{variable}: {said}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_passed_over() {
    for (variable, proxy) in [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTPS_PROXY", "ftp://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://user:secret word@127.0.0.1:1"),
        ("all_proxy", "http://127.0.0.1:port"),
    ] {
        let folder = tempdir().unwrap();
        let refused = genrex(folder.path())
            .args(["balance", "--base-url", "https://genrex.invalid"])
            .env("GENREX_API_KEY", "key")
            .env("GENREX_API_SECRET", "secret")
            .env(variable, proxy)
            .output()
            .unwrap();
        let said = stderr(&refused);
        assert_eq!(code(&refused), 2, "{proxy}: {said}");
        assert!(said.contains(variable), "{proxy}: {said}");
        assert!(!said.contains("secret word"), "{said}");
    }
}

/// It is a path, and a path need not be text.
#[test]
fn a_ledger_may_have_any_name() {
    let folder = tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(NO_TEXT));
    let listed = genrex(folder.path())
        .args(["jobs", "list"])
        .env("GENREX_LEDGER", &path)
        .output()
        .unwrap();
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));
    assert!(path.exists());
}
