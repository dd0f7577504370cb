//! Checks a verifier that is not ours with this crate's conformance suite, in one call.
//!
//! The verifier below is one that a server might hold: it knows nothing of `genrex-sign`. Replace it
//! by a call to your own, in this process or over a socket:
//!
//! ```text
//! cargo run -p genrex-sign --example drive_a_verifier --features proptest
//! ```

use core::time::Duration;

use genrex_sign::conformance::{self, Finding};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const TOLERANCE: Duration = Duration::from_secs(300);

fn their_verifier(secret: &str, header: &str, body: &[u8], now_ms: u64) -> bool {
    let fields = header
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v="));
    let Some((t, v)) = fields else { return false };
    let (Ok(signed_ms), Ok(mac)) = (t.parse::<u64>(), hex::decode(v)) else {
        return false;
    };
    // One spelling each: `parse` takes `+1` and `01`, and `decode` takes upper case.
    if signed_ms.to_string() != t || hex::encode(&mac) != v {
        return false;
    }
    let Ok(mut expected) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    expected.update(format!("{t}.").as_bytes());
    expected.update(body);
    let is_near = Duration::from_millis(signed_ms.abs_diff(now_ms)) <= TOLERANCE;
    expected.verify_slice(&mac).is_ok() && is_near
}

#[expect(clippy::print_stdout, reason = "an example says what it did")]
fn main() -> Result<(), Finding> {
    conformance::check(their_verifier, TOLERANCE)?;
    println!("the verifier keeps every rule");
    Ok(())
}
