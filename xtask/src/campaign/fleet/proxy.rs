//! A proxy before the database that loses the answer to a `COMMIT`, when it is told to.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    loses_next: AtomicBool,
    lost: AtomicU64,
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
}

fn carry(mut client: TcpStream, port: u16, shared: &Arc<Shared>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
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
        if server.write_all(sent).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    // It says itself when it has ended.
    let _ = back.join();
    Ok(())
}
