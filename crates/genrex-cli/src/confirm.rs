use std::io;

use crate::output::{Output, can_ask};

/// Whether a person at a terminal says yes; nobody asks a pipe. If it is dropped, nothing more is read.
pub(crate) async fn asked(output: Output, question: String) -> bool {
    if !can_ask() {
        return false;
    }
    // An interrupt is seen while the answer is awaited.
    let answered = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        let is_read = output.ask(format_args!("{question} [y/N]")).is_ok()
            && io::stdin().read_line(&mut answer).is_ok();
        output.answered();
        is_read && answer.trim().eq_ignore_ascii_case("y")
    });
    answered.await.unwrap_or(false)
}
