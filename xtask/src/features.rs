use xshell::{Shell, cmd};

/// A library, or the program, and the sets of features that it must build with, each set alone. The last is all that it has.
const LIBRARIES: [(&str, &[&str]); 12] = [
    ("genrex-sign", &["", "proptest"]),
    ("genrex-proto", &[""]),
    ("genrex-ledger", &["", "testing"]),
    ("genrex-ledger-rescue", &[""]),
    ("genrex-ledger-postgres", &[""]),
    ("genrex-ledger-sqlite", &["", "bundled"]),
    ("genrex-core", &["", "testing"]),
    ("genrex-file", &[""]),
    (
        "genrex-async",
        &[
            "",
            "rustls",
            "rustls-no-provider",
            "native-tls",
            "rustls,native-tls",
            "socks",
            "testing",
            "rustls,native-tls,socks,testing",
        ],
    ),
    (
        "genrex-blocking",
        &[
            "",
            "rustls",
            "rustls-no-provider",
            "native-tls",
            "rustls,native-tls",
            "platform-verifier",
            "socks",
            "testing",
            "rustls,native-tls,platform-verifier,socks,testing",
        ],
    ),
    ("genrex-sandbox", &[""]),
    ("genrex-cli", &[""]),
];

/// Those of the program: one is on by default, and the other is tried by hand, as CONTRIBUTING.md says.
#[cfg(test)]
const OF_THE_PROGRAM: [&str; 3] = ["default", "stores", "otel"];

/// A workspace build turns on every feature that any crate asks for; a user's does not.
pub(crate) fn check(shell: &Shell, without: Option<&str>) -> anyhow::Result<()> {
    for (library, sets) in LIBRARIES {
        let is_asked = |set: &&&str| set.split(',').all(|feature| Some(feature) != without);
        for features in sets.iter().filter(is_asked) {
            println!("{library} with [{features}]");
            cmd!(
                shell,
                "cargo clippy --quiet --package {library} --no-default-features --features {features} -- -D warnings"
            )
            .quiet()
            .run()?;
        }
    }
    println!("the conformance suite checks a verifier that is not ours:");
    cmd!(
        shell,
        "cargo run --quiet --package genrex-sign --example drive_a_verifier --features proptest"
    )
    .quiet()
    .run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feature that nobody added here would never be built alone.
    #[test]
    fn every_feature_of_every_library_is_in_a_set() {
        let shell = Shell::new().expect("a shell");
        shell.change_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let metadata = cmd!(
            shell,
            "cargo metadata --format-version 1 --no-deps --offline"
        )
        .quiet()
        .read()
        .expect("cargo answers");
        let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        let mut libraries = 0;
        for package in packages
            .iter()
            .filter(|package| !package["publish"].is_array())
        {
            let name = package["name"].as_str().expect("a name");
            let found = LIBRARIES.iter().find(|(library, _)| *library == name);
            let (_, sets) = found.expect("a package that is not in the table");
            libraries += 1;
            let all: Vec<_> = sets.iter().flat_map(|set| set.split(',')).collect();
            for feature in package["features"].as_object().expect("features").keys() {
                let is_built = name == "genrex-cli" && OF_THE_PROGRAM.contains(&feature.as_str());
                let is_known = feature == "default" || is_built || all.contains(&feature.as_str());
                assert!(is_known, "{name}: {feature} is in no set");
            }
        }
        assert_eq!(libraries, LIBRARIES.len());
    }
}
