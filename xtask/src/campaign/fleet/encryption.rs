//! `sslmode` as libpq has it, on a server with a certificate of its own.

use std::path::Path;

use anyhow::ensure;
use genrex_ledger::testing::block_on;
use genrex_ledger_postgres::migrate;

use super::cluster::{Cluster, OWNER};
use super::suite::address;

pub(crate) fn check(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.sql("postgres", "CREATE DATABASE encryption")?;
    let other = tempfile::tempdir()?;
    let other_root = other.path().join("other.crt");
    std::fs::write(&other_root, OTHER_ROOT)?;
    let own = cluster.certificate();
    let (own, other_root) = (escaped(&own), escaped(&other_root));
    let cases: [(&str, String, bool); 9] = [
        ("localhost", String::from("disable"), true),
        ("localhost", String::from("prefer"), true),
        ("localhost", String::from("require"), true),
        ("localhost", format!("verify-full&sslrootcert={own}"), true),
        ("127.0.0.1", format!("verify-full&sslrootcert={own}"), false),
        ("127.0.0.1", format!("verify-ca&sslrootcert={own}"), true),
        (
            "localhost",
            format!("verify-ca&sslrootcert={other_root}"),
            false,
        ),
        (
            "localhost",
            format!("require&sslrootcert={other_root}"),
            false,
        ),
        (
            "localhost",
            String::from("verify-full&sslrootcert=system"),
            false,
        ),
    ];
    let count = cases.len();
    for (host, mode, is_let) in cases {
        let url = format!(
            "postgres://{OWNER}@{host}:{}/encryption?sslmode={mode}&application_name=case",
            cluster.port
        );
        let came = block_on(migrate(&address(&url)?));
        ensure!(
            came.is_ok() == is_let,
            "{host} with sslmode={mode} came to {came:?}"
        );
    }
    println!("encryption: {count} cases of sslmode come to what libpq's do");
    Ok(())
}

fn escaped(path: &Path) -> String {
    path.display().to_string().replace('/', "%2F")
}

/// Of somebody else, whose key nobody has.
const OTHER_ROOT: &str = include_str!("other_root.pem");
