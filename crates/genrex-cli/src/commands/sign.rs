use genrex_sign::{Payload, UnixMillis};

use crate::args::{Global, Sign};
use crate::commands::body;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::Output;

/// `genrex sign`: a body in, the header's value out.
pub(crate) fn run(sign: &Sign, global: &Global, output: &Output) -> Result<(), Failure> {
    let secret = Config::read(global)?.take_secret()?;
    let t = UnixMillis::new(sign.timestamp.unwrap_or_else(now));
    let header = secret.sign(t, &Payload::from(body::read()?));
    if output.is_json() {
        let document = serde_json::json!({"signature": header.to_string(), "timestamp": t.get()});
        return output.document(&document);
    }
    output.line(header)
}

/// Milliseconds since 1970, by this machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the program's own time comes from"
)]
pub(crate) fn now() -> u64 {
    let now = jiff::Timestamp::now().as_millisecond();
    u64::try_from(now).unwrap_or(0)
}
