use std::io;

use crate::command_error::CommandError;

/// The signals that ask the program to end: Ctrl-C, and where there are more, those of `kill`, of a terminal that is
/// closed, and of `Ctrl-\`. Each would end the program at once otherwise, a paid request on its way or not.
pub(crate) struct Interrupts {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Interrupts {
    /// Takes them over, from this moment on: they no longer end the program by themselves.
    pub(crate) fn watch() -> Result<Self, CommandError> {
        Self::take_over()
            .map_err(|error| CommandError::other("signals cannot be watched").with_source(&error))
    }

    #[cfg(unix)]
    fn take_over() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::quit(),
        ];
        if !is_hangup_ignored() {
            kinds.push(SignalKind::hangup());
        }
        let signals = kinds.into_iter().map(signal).collect::<io::Result<_>>()?;
        Ok(Self { signals })
    }

    #[cfg(windows)]
    fn take_over() -> io::Result<Self> {
        Ok(Self {
            interrupt: tokio::signal::windows::ctrl_c()?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        std::future::poll_fn(|context| {
            let mut signals = self.signals.iter_mut();
            match signals.any(|signal| signal.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
        #[cfg(windows)]
        self.interrupt.recv().await;
    }
}

/// Whether whoever started the program wants it to outlive the terminal, as `nohup` does. It is told by Linux only.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & HANGUP != 0)
}
