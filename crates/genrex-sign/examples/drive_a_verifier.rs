//! Drives a verifier that is not ours with this crate's strategies.
//!
//! The verifier below is one that a server might hold: it knows nothing of `genrex-sign`. Replace it
//! by a call to your own, in this process or over a socket:
//!
//! ```text
//! cargo run -p genrex-sign --example drive_a_verifier --features proptest
//! ```

use genrex_sign::strategy::{forgeries, signed_requests};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sha2::Sha256;

const CASES: u32 = 2_000;

fn their_verifier(secret: &str, header: &str, body: &[u8]) -> bool {
    let Some((t, signature)) = header
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v="))
    else {
        return false;
    };
    let Ok(signature) = hex::decode(signature) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

#[expect(clippy::print_stdout, reason = "an example says what it did")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::with_cases(CASES);

    TestRunner::new(config.clone()).run(&signed_requests(), |request| {
        prop_assert!(their_verifier(
            &request.secret,
            &request.header,
            &request.body
        ));
        Ok(())
    })?;
    println!("{CASES} honest requests: all accepted");

    TestRunner::new(config).run(&forgeries(), |forged| {
        prop_assert!(!their_verifier(
            &forged.secret,
            &forged.header,
            &forged.body
        ));
        Ok(())
    })?;
    println!("{CASES} forgeries: all refused");
    Ok(())
}
