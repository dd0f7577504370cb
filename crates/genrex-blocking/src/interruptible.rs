use std::sync::mpsc;
use std::thread;

use ureq::Error;

use crate::canceller::{SLICE, check, is_in_force};
use crate::transport_error::GaveUp;

/// Does what may block for long and cannot be cut short: on a thread of its own, if a canceller is in force. When
/// that is used, the thread is left to end by itself.
pub(crate) fn interruptible<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if !is_in_force() {
        return act();
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let acting = move || drop(sender.send(act()));
    thread::Builder::new().spawn(acting)?;
    loop {
        match receiver.recv_timeout(SLICE) {
            Ok(result) => return result,
            Err(mpsc::RecvTimeoutError::Timeout) => check().map_err(|_| GaveUp::error())?,
            // It panicked.
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::ConnectionFailed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Canceller;

    #[test]
    fn what_never_ends_is_left_when_the_canceller_is_used() {
        let canceller = Canceller::new();
        let in_force = canceller.enter();
        let (begun, is_begun) = mpsc::channel();
        let cancelling = canceller.clone();
        thread::spawn(move || {
            is_begun.recv().unwrap();
            cancelling.cancel();
        });
        let result: Result<(), _> = interruptible(move || {
            begun.send(()).unwrap();
            loop {
                thread::park();
            }
        });
        drop(in_force);
        assert!(matches!(result, Err(Error::Other(error)) if error.is::<GaveUp>()));
        assert!(!is_in_force());
    }

    #[test]
    fn what_ends_or_panics_is_told() {
        let canceller = Canceller::new();
        let _in_force = canceller.enter();
        assert_eq!(interruptible(|| Ok(7)).unwrap(), 7);
        let panicked: Result<(), _> = interruptible(|| panic!("as it is meant to"));
        assert!(matches!(panicked, Err(Error::ConnectionFailed)));
    }
}
