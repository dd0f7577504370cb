use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A port of loopback that refuses every connection, and that nobody else is given meanwhile.
#[derive(Debug)]
pub struct ClosedPort {
    address: SocketAddr,
    _bound: Socket,
}

impl ClosedPort {
    /// Binds a free port, and does not listen on it.
    ///
    /// # Panics
    ///
    /// If no port of loopback is free.
    #[must_use]
    pub fn reserve() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).expect("a free port");
        let bound = socket.local_addr().expect("an address");
        Self {
            address: bound.as_socket().expect("an address of the internet's"),
            _bound: socket,
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
