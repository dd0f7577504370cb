use std::io::{self, IsTerminal as _};

use crate::output::Output;

/// Whether a person at a terminal says yes; nobody asks a pipe. If it is dropped, nothing more is read.
pub(crate) async fn asked(question: String, output: &Output) -> bool {
    if !io::stdin().is_terminal() || output.ask(format_args!("{question} [y/N]")).is_err() {
        return false;
    }
    // An interrupt is seen while the answer is awaited.
    let answered = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("y")
    });
    answered.await.unwrap_or(false)
}
