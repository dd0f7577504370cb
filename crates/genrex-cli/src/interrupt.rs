use std::io;

use crate::command_error::CommandError;

/// The signals that ask the program to end: Ctrl-C, and where there are more, those of `kill`, of a terminal that is
/// closed, and of `Ctrl-\`. Each would end the program at once otherwise, a paid request on its way or not.
///
/// Of a closed terminal the kernel says so, and a shell too: where anything has asked before, that asks for nothing more.
pub(crate) struct Interrupts {
    #[cfg(unix)]
    signals: Vec<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    has_asked: bool,
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
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::quit(),
        ];
        let signals = kinds.into_iter().map(signal).collect::<io::Result<_>>()?;
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            signals,
            hangup: hangup.transpose()?,
            has_asked: false,
        })
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
            let mut asks = signals.any(|signal| signal.poll_recv(context).is_ready());
            while let Some(hangup) = &mut self.hangup
                && hangup.poll_recv(context).is_ready()
            {
                asks |= !self.has_asked;
                self.has_asked = true;
            }
            self.has_asked |= asks;
            match asks {
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
