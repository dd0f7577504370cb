//! A proxy before the database, as a machine's way to it: it loses the answer to a `COMMIT`, carries nothing for a while
//! without a word, is slow, or ends all connections, when it is told to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    loses_next: AtomicBool,
    lost: AtomicU64,
    /// Whether the next `COMMIT` is the last that is carried before a partition.
    parts_at_commit: AtomicBool,
    is_parted: Mutex<bool>,
    healed: Condvar,
    /// In milliseconds, each way.
    delay: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Before the server at a port. Its threads end with their connections, and the first with this program.
    pub(crate) fn start(server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let given = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&given);
                thread::spawn(move || {
                    // A connection that broke has been told to both ends.
                    let _ = carry(client, server, &shared);
                });
            }
        });
        Ok(Self { port, shared })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The answer to the next `COMMIT` is lost.
    pub(crate) fn lose_next(&self) {
        self.shared.loses_next.store(true, Ordering::SeqCst);
    }

    /// How many were.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Carries nothing from now on, and says so to nobody.
    pub(crate) fn part(&self) {
        *locked(&self.shared.is_parted) = true;
    }

    /// The same from the next `COMMIT` on, which is carried.
    pub(crate) fn part_at_commit(&self) {
        self.shared.parts_at_commit.store(true, Ordering::SeqCst);
    }

    /// Carries again, first what was held back, and as fast as it can.
    pub(crate) fn heal(&self) {
        self.delay(Duration::ZERO);
        *locked(&self.shared.is_parted) = false;
        self.shared.healed.notify_all();
    }

    /// From now on all takes so much longer, each way.
    pub(crate) fn delay(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(0);
        self.shared.delay.store(millis, Ordering::SeqCst);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        for stream in locked(&self.shared.open).drain(..) {
            // One that has ended is at its end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    /// Waits for whatever holds bytes back.
    #[expect(clippy::disallowed_methods, reason = "a slow network is slow")]
    fn pass(&self) {
        let delay = self.delay.load(Ordering::SeqCst);
        if delay > 0 {
            thread::sleep(Duration::from_millis(delay));
        }
        let parted = locked(&self.is_parted);
        let healed = self.healed.wait_while(parted, |is_parted| *is_parted);
        drop(healed);
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry(mut client: TcpStream, port: u16, shared: &Arc<Shared>) -> std::io::Result<()> {
    shared.pass();
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    // It is as slow as it is told to be.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    locked(&shared.open).extend([client.try_clone()?, server.try_clone()?]);
    let is_losing = Arc::new(AtomicBool::new(false));
    let back = {
        let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
        let (is_losing, shared) = (Arc::clone(&is_losing), Arc::clone(shared));
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if is_losing.load(Ordering::SeqCst) {
                    // The server has done it, and says so to nobody.
                    shared.lost.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                shared.pass();
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        })
    };
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = &buffer[..length];
        let is_commit = sent.windows(7).any(|seven| seven == b"COMMIT\0");
        if is_commit && shared.loses_next.swap(false, Ordering::SeqCst) {
            is_losing.store(true, Ordering::SeqCst);
        }
        shared.pass();
        if is_commit && shared.parts_at_commit.swap(false, Ordering::SeqCst) {
            *locked(&shared.is_parted) = true;
        }
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    // It says itself when it has ended.
    let _ = back.join();
    Ok(())
}
