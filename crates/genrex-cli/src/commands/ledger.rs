use serde_json::json;

use crate::command_error::CommandError;
use crate::ledger;
use crate::output::Output;

/// `genrex ledger path`: which ledger is used.
pub(crate) fn path(output: &Output) -> Result<(), CommandError> {
    let path = ledger::place()?;
    match output.is_json() {
        true => output.document(&json!({"path": path})),
        false => output.line(path.display()),
    }
}
