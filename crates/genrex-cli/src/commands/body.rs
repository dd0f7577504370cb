use std::io::{self, Read as _};

use crate::command_error::CommandError;

/// The largest body that is read: the API's own are some hundred bytes.
const LARGEST: u64 = 1 << 20;

/// Standard input to its end, as bytes: a signature covers them as they are.
pub(crate) fn read() -> Result<Vec<u8>, CommandError> {
    let mut body = Vec::new();
    io::stdin()
        .lock()
        .take(LARGEST + 1)
        .read_to_end(&mut body)
        .map_err(|error| {
            CommandError::usage("standard input cannot be read").with_source(&error)
        })?;
    if u64::try_from(body.len()).is_ok_and(|length| length > LARGEST) {
        return Err(CommandError::usage("standard input is longer than 1 MiB"));
    }
    Ok(body)
}
