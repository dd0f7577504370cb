use tokio::sync::mpsc;

/// The signals that ask the program to end: SIGINT (Ctrl-C) and SIGTERM.
pub(crate) struct Interrupts(mpsc::UnboundedReceiver<()>);

impl Interrupts {
    /// Takes them over: from here on they no longer end the program by themselves.
    pub(crate) fn watch() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let interrupts = sender.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && interrupts.send(()).is_ok() {}
        });
        #[cfg(unix)]
        tokio::spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut terminate) = signal(SignalKind::terminate()) else {
                return;
            };
            while terminate.recv().await.is_some() && sender.send(()).is_ok() {}
        });
        Self(receiver)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // Nothing can interrupt any more.
            std::future::pending::<()>().await;
        }
    }
}
