use xshell::{Shell, cmd};

/// A workspace build turns on every feature that any crate asks for; a user's does not.
pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    for library in ["genrex-async", "genrex-blocking"] {
        for features in [
            "",
            "rustls",
            "rustls-no-provider",
            "native-tls",
            "rustls,native-tls",
        ] {
            println!("{library} with [{features}]");
            cmd!(
                shell,
                "cargo clippy --quiet --package {library} --no-default-features --features {features} -- -D warnings"
            )
            .quiet()
            .run()?;
        }
    }
    for library in ["genrex-sign", "genrex-proto", "genrex-core", "genrex-file"] {
        println!("{library} alone");
        cmd!(
            shell,
            "cargo clippy --quiet --package {library} -- -D warnings"
        )
        .quiet()
        .run()?;
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
