//! What does not depend on the machine, for `cargo xtask bench --counts`: `allocations` prints how many a signature, a
//! verification and a poll make, as JSON; `polls COUNT` polls so many times, for whoever counts system calls.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use allocation_counter::measure;
use genrex_blocking::core::testing::{Reply, ScriptedTransport, keys};
use genrex_blocking::{BaseUrl, Client, QueryId};
use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
use serde_json::json;

const ANSWER: &str = r#"{"id":"QRY_1","processSystem":"GenrexV1","source":"API","status":"Processing","contentType":"Text","content":{"text":"music","duration":30},"metadata":null,"userId":"u1","createdAt":"2024-06-02T16:16:07.386Z","updatedAt":"2024-06-02T16:16:07.386Z"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("allocations") => allocations(),
        Some("polls") => polls(words.next().ok_or("how many?")?.parse()?),
        _ => Err("allocations, or polls COUNT".into()),
    }
}

fn allocations() -> Result<(), Box<dyn Error>> {
    let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG")?;
    let (t, body) = (UnixMillis::new(1_717_574_785_354), Payload::from(ANSWER));
    let header = secret.sign(t, &body).to_string();
    let sign = of(1, || {
        black_box(secret.sign(t, &body).to_text().as_str().len());
    });
    let verifier = Verifier::new(Duration::from_secs(300));
    let verify = of(1, || {
        let verified = verifier.verify(&secret, &header, body.as_bytes(), t);
        assert!(verified.is_ok(), "{verified:?}");
    });

    let id = QueryId::new("QRY_1")?;
    let scripted = Client::builder()
        .key_pair(keys())
        .transport(ScriptedTransport::answering(|_| Reply::json(200, ANSWER)))
        .build()?;
    let poll = |client: &Client| {
        let polled = client.retrieve(&id);
        assert!(polled.is_ok(), "{polled:?}");
    };
    let decided = of(100, || poll(&scripted));
    let real = Client::builder()
        .key_pair(keys())
        .base_url(serve()?)
        .build()?;
    let over_a_socket = of(100, || poll(&real));
    println!(
        "{}",
        json!({
            "sign_allocations": sign,
            "verify_allocations": verify,
            "scripted_poll_allocations": decided,
            "blocking_poll_allocations": over_a_socket,
        })
    );
    Ok(())
}

/// Of one time, on this thread, once whatever is kept is there.
fn of(times: u64, mut act: impl FnMut()) -> u64 {
    act();
    let counted = measure(|| (0..times).for_each(|_| act())).count_total;
    counted.div_ceil(times)
}

fn polls(count: u64) -> Result<(), Box<dyn Error>> {
    let client = Client::builder()
        .key_pair(keys())
        .base_url(serve()?)
        .build()?;
    let id = QueryId::new("QRY_1")?;
    for _ in 0..count {
        client.retrieve(&id)?;
    }
    Ok(())
}

/// A server that has to be looked up, and keeps its connections.
fn serve() -> Result<BaseUrl, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away ends its connection.
            std::thread::spawn(move || answer(&stream).ok());
        }
    });
    Ok(BaseUrl::new(&format!("http://localhost:{port}"))?)
}

fn answer(stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap_or(0);
                }
                Some(_) => {}
                None if line == "\r\n" => break,
                None => {}
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            ANSWER.len()
        );
        let mut writer = stream;
        writer.write_all(format!("{head}{ANSWER}").as_bytes())?;
    }
}
