use genrex_sign::{Payload, UnixMillis};

use crate::args::{Global, Sign};
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::body;
use crate::config::Config;
use crate::output::Output;

/// `genrex sign`: a body in, the header's value out.
pub(crate) fn run(sign: &Sign, global: &Global, output: &Output) -> Result<(), CommandError> {
    let secret = Config::read(global)?.take_secret()?;
    let t = UnixMillis::new(sign.timestamp.unwrap_or_else(clock::now));
    let header = secret.sign(t, &Payload::from(body::read()?));
    if output.is_json() {
        let document = serde_json::json!({"signature": header.to_string(), "timestamp": t.get()});
        return output.document(&document);
    }
    output.line(header)
}
