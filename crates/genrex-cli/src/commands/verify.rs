use genrex_sign::{ErrorKind, SignatureHeader, UnixMillis, Verifier};

use crate::args::{Global, Verify};
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::body;
use crate::config::Config;
use crate::output::Output;

/// `genrex verify`: a body in; the exit code says whether the signature is right.
pub(crate) fn run(verify: &Verify, global: &Global, output: &Output) -> Result<(), CommandError> {
    let secret = Config::read(global)?.take_secret()?;
    let now = UnixMillis::new(verify.now.unwrap_or_else(clock::now));
    let body = body::read()?;
    let verdict = Verifier::new(verify.tolerance).verify(&secret, &verify.signature, &body, now);
    let t = verdict.map_err(|error| refused(error.kind(), verify, now).with_source(&error))?;
    if output.is_json() {
        return output.document(&serde_json::json!({"valid": true, "timestamp": t.get()}));
    }
    output.line(format_args!("valid, signed at t={t}"))
}

fn refused(kind: ErrorKind, verify: &Verify, now: UnixMillis) -> CommandError {
    let failure = CommandError::other("the signature is not valid");
    let header: Option<SignatureHeader> = verify.signature.parse().ok();
    match (kind, header) {
        (ErrorKind::Expired | ErrorKind::FromTheFuture, Some(header)) => {
            let off = header.timestamp().abs_diff(now).as_secs_f64();
            failure.hint(format!(
                "secret and body are right; t is {off:.0} s off, and {:.0} s are allowed: sign each request afresh, \
                 and check the clock",
                verify.tolerance.as_secs_f64()
            ))
        }
        (ErrorKind::Mismatch, _) => failure.hint(
            "the secret, t or the body is another than was signed; the body must be the very bytes that are sent, \
             without a line end that an editor or `echo` adds",
        ),
        _ => failure.hint("write it as t=1717574785354,v=c3ea… with 64 lower-case hex digits"),
    }
}
