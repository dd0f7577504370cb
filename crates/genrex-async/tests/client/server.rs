use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use genrex_async::{BaseUrl, ClientBuilder};

use crate::support::builder;

/// A client of a server on this machine.
pub(crate) fn local(port: u16) -> ClientBuilder {
    let url = format!("http://127.0.0.1:{port}");
    builder().base_url(BaseUrl::new(&url).unwrap())
}

/// Serves each connection on a thread of its own, for as long as the test lives.
pub(crate) fn serve(act: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let act = act.clone();
            thread::spawn(move || act(stream.unwrap()));
        }
    });
    port
}

/// Reads a request: its head, and a body of its `Content-Length`.
pub(crate) fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        text.extend(byte);
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head
}

/// Answers with JSON.
pub(crate) fn answer(stream: &mut TcpStream, json: &str) {
    let length = json.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + json).as_bytes()).unwrap();
}

/// Neither reads nor writes until the peer is gone.
pub(crate) fn hang(mut stream: TcpStream) {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).unwrap_or(0) > 0 {}
}
