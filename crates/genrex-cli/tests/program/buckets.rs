//! A batch into an object store that keeps what it is told to keep, into one that does not, and into one that spoils what
//! it is given.

mod server;

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::tempdir;

use self::server::{Bucket, Manners};
use crate::support::{Sandbox, code, error, stderr, stdout};

/// A service: the address of a batch, how its names begin with the server, and its condition.
type Service = (&'static str, &'static str, &'static str);

const SERVICES: [Service; 3] = [
    ("s3://bucket/music", "/bucket/music", "If-None-Match"),
    (
        "gs://bucket/music",
        "/bucket/music",
        "x-goog-if-generation-match",
    ),
    (
        "az://bucket/music",
        "/account/bucket/music",
        "If-None-Match",
    ),
];

/// One row, and a sandbox that makes it at once.
fn begun(folder: &Path) -> Sandbox {
    fs::write(
        folder.join("batch.csv"),
        "text,duration,output\none,5,one.wav\n",
    )
    .unwrap();
    Sandbox::start(folder, &["--render-time", "1ms"])
}

fn batch(sandbox: &Sandbox, (url, bucket): (&str, &Bucket), folder: &Path) -> Output {
    const KEY: &str =
        r#"{"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": true}"#;
    let who = [
        ("AWS_ACCESS_KEY_ID", "a-key"),
        ("AWS_SECRET_ACCESS_KEY", "a-secret"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", KEY),
        ("AZURE_STORAGE_ACCOUNT_KEY", "YS1zZWNyZXQ="),
    ];
    batch_of(&who, sandbox, (url, bucket), folder)
}

fn batch_of(
    who: &[(&str, &str)],
    sandbox: &Sandbox,
    (url, bucket): (&str, &Bucket),
    folder: &Path,
) -> Output {
    let args = ["batch", "batch.csv", "--out-dir", url];
    let more = ["--poll-interval", "10ms", "--json"];
    let mut command = sandbox.genrex(folder, &[&args[..], &more].concat());
    command
        .env("AWS_ENDPOINT_URL", &bucket.url)
        .env("AWS_REGION", "eu-central-1")
        .env("GOOGLE_BASE_URL", &bucket.url)
        .env("AZURE_ENDPOINT", format!("{}/account", bucket.url))
        .env("AZURE_STORAGE_ACCOUNT_NAME", "account")
        .envs(who.iter().copied());
    command.output().unwrap()
}

#[test]
fn a_store_that_does_not_keep_what_is_there_is_refused_each_time() {
    for (url, names, condition) in SERVICES {
        let folder = tempdir().unwrap();
        let sandbox = begun(folder.path());
        let marker = format!("{names}/.genrex-batch");
        let careless = Bucket::start(Manners {
            replaces: true,
            ..Manners::default()
        });
        for _ in 0..2 {
            let refused = batch(&sandbox, (url, &careless), folder.path());
            let said = error(&refused).to_string();
            assert_eq!(code(&refused), 2, "{said}");
            assert!(
                said.contains(condition) && said.contains("nothing was sent"),
                "{said}"
            );
            assert_eq!(sandbox.used(folder.path()), 0);
            assert_eq!(careless.names(), [marker.as_str()]);
        }

        let careful = Bucket::start(Manners::default());
        for _ in 0..2 {
            let done = batch(&sandbox, (url, &careful), folder.path());
            assert_eq!(code(&done), 0, "{url}: {}", stderr(&done));
            assert_eq!(sandbox.used(folder.path()), 5);
            let audio = format!("{names}/one.wav");
            assert_eq!(careful.names(), [marker.as_str(), audio.as_str()]);
        }
    }
}

/// S3 holds what comes against its SHA-256 itself; of the others it is read again before it has its name.
#[test]
fn what_a_store_spoils_is_not_called_downloaded() {
    for (url, names, _) in &SERVICES[1..] {
        let folder = tempdir().unwrap();
        let sandbox = begun(folder.path());
        let bucket = Bucket::start(Manners {
            spoils: true,
            ..Manners::default()
        });
        let marker = format!("{names}/.genrex-batch");
        let spoiled = batch(&sandbox, (url, &bucket), folder.path());
        let said = stdout(&spoiled);
        assert_ne!(code(&spoiled), 0, "{said}");
        assert!(said.contains("is not as it was put there"), "{said}");
        assert_eq!(bucket.names(), [marker.as_str()]);

        bucket.behave(Manners::default());
        let done = batch(&sandbox, (url, &bucket), folder.path());
        assert_eq!(code(&done), 0, "{url}: {}", stderr(&done));
        assert_eq!(sandbox.used(folder.path()), 5, "it was bought once");
        let audio = format!("{names}/one.wav");
        assert_eq!(bucket.names(), [marker.as_str(), audio.as_str()]);
    }
}

/// Azure copies when it likes: what is copied says at once how long it is.
#[test]
fn what_is_still_being_copied_is_not_called_downloaded() {
    let folder = tempdir().unwrap();
    let sandbox = begun(folder.path());
    let bucket = Bucket::start(Manners {
        is_still_copying: true,
        ..Manners::default()
    });
    let (url, names, _) = SERVICES[2];
    for run in 1..=2 {
        let begun = batch(&sandbox, (url, &bucket), folder.path());
        let said = stdout(&begun);
        assert_ne!(code(&begun), 0, "run {run}: {said}");
        assert!(said.contains("the store cannot be asked"), "{said}");
        let there = bucket.names();
        let source = there.iter().find(|name| name.ends_with(".part"));
        assert!(source.is_some(), "{there:?}");
    }

    bucket.behave(Manners::default());
    let done = batch(&sandbox, (url, &bucket), folder.path());
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert_eq!(sandbox.used(folder.path()), 5, "it was bought once");
    assert!(bucket.names().contains(&format!("{names}/one.wav")));
}

#[test]
fn no_store_is_asked_without_credentials_or_over_plain_http_elsewhere() {
    let folder = tempdir().unwrap();
    let sandbox = begun(folder.path());
    let run = |url: &str, variables: &[(&str, &str)]| {
        let args = ["batch", "batch.csv", "--out-dir", url];
        let mut command = sandbox.genrex(folder.path(), &args);
        command.env("HOME", folder.path());
        command.envs(variables.iter().copied());
        let refused = command.output().unwrap();
        let said = stderr(&refused);
        assert!(said.contains("nothing was sent"), "{url}: {said}");
        (code(&refused), said)
    };
    let account = ("AZURE_STORAGE_ACCOUNT_NAME", "account");
    let azure = [account, ("AZURE_STORAGE_ACCOUNT_KEY", "YS1zZWNyZXQ=")];
    let google = [("GOOGLE_BEARER_TOKEN", "a-token")];
    for (url, variables, named) in [
        ("s3://b/x", &[][..], "AWS_ACCESS_KEY_ID"),
        ("gs://b/x", &[], "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://b/x", &[], "AZURE_STORAGE_ACCOUNT_KEY"),
        ("az://b/x", &[account], "AZURE_STORAGE_ACCOUNT_KEY"),
    ] {
        let (code, said) = run(url, variables);
        assert!(code == 3 && said.contains(named), "{code}: {said}");
    }
    for (url, variables, named) in [
        ("gs://b/x", &google[..], "GOOGLE_BASE_URL"),
        ("az://b/x", &azure, "AZURE_ENDPOINT"),
    ] {
        for (address, why) in [
            ("http://store.example", "plain http"),
            ("ftp://127.0.0.1", "neither https nor http"),
            ("store", "no URL"),
        ] {
            let variables = [variables, &[(named, address)]].concat();
            let (code, said) = run(url, &variables);
            let is_told = said.contains(named) && said.contains(why);
            assert!(code == 2 && is_told, "{code}: {said}");
        }
    }
    assert_eq!(sandbox.used(folder.path()), 0);
}

#[test]
fn who_is_refused_is_told_so_and_no_secret_is_shown() {
    let folder = tempdir().unwrap();
    let sandbox = begun(folder.path());
    let bucket = Bucket::start(Manners {
        refuses: true,
        ..Manners::default()
    });
    for (url, variables, secret) in [
        (
            SERVICES[0].0,
            &[
                ("AWS_ACCESS_KEY_ID", "a-key"),
                ("AWS_SECRET_ACCESS_KEY", "s3cr3t"),
            ][..],
            "s3cr3t",
        ),
        (SERVICES[1].0, &[("GOOGLE_BEARER_TOKEN", "t0k3n")], "t0k3n"),
        (
            SERVICES[2].0,
            &[("AZURE_STORAGE_SAS_TOKEN", "sv=2021-08-06&sig=s1gn3d")],
            "s1gn3d",
        ),
    ] {
        for verbose in ["error", "trace"] {
            let variables = [variables, &[("RUST_LOG", verbose)]].concat();
            let refused = batch_of(&variables, &sandbox, (url, &bucket), folder.path());
            let said = stderr(&refused);
            assert_eq!(code(&refused), 3, "{said}");
            assert!(said.contains("nothing was sent"), "{said}");
            assert!(
                !said.contains(secret) && !stdout(&refused).contains(secret),
                "{said}"
            );
        }
    }
    assert_eq!(sandbox.used(folder.path()), 0);
}
