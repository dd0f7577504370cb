//! What does not depend on the machine, for `cargo xtask bench --counts`: `allocations` prints how many a signature, a
//! verification and a poll make, as JSON; `polls COUNT` polls so many times, for whoever counts system calls, and
//! `signatures COUNT`, `verifications COUNT` and `scripted-polls COUNT` are for whoever counts instructions.

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

const NOW: UnixMillis = UnixMillis::new(1_717_574_785_354);
const ANSWER: &str = r#"{"id":"QRY_1","processSystem":"GenrexV1","source":"API","status":"Processing","contentType":"Text","content":{"text":"music","duration":30},"metadata":null,"userId":"u1","createdAt":"2024-06-02T16:16:07.386Z","updatedAt":"2024-06-02T16:16:07.386Z"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["allocations"] => allocations(),
        ["polls", count] => polls(count.parse()?),
        ["signatures", count] => repeated(count.parse()?, &signing()?),
        ["verifications", count] => repeated(count.parse()?, &verifying()?),
        ["scripted-polls", count] => repeated(count.parse()?, &deciding()?),
        _ => Err("allocations, or what is counted and how often".into()),
    }
}

fn allocations() -> Result<(), Box<dyn Error>> {
    let (sign, verify, decide) = (signing()?, verifying()?, deciding()?);
    let (id, real) = (QueryId::new("QRY_1")?, client()?);
    let over_a_socket = of(100, || {
        let polled = real.retrieve(&id);
        assert!(polled.is_ok(), "{polled:?}");
    });
    println!(
        "{}",
        json!({
            "sign_allocations": of(1, sign),
            "verify_allocations": of(1, verify),
            "scripted_poll_allocations": of(100, decide),
            "blocking_poll_allocations": over_a_socket,
        })
    );
    Ok(())
}

/// A signature of a body.
fn signing() -> Result<impl Fn(), Box<dyn Error>> {
    let (secret, body) = (secret()?, Payload::from(ANSWER));
    Ok(move || {
        black_box(secret.sign(NOW, &body).to_text().as_str().len());
    })
}

/// The verification of one.
fn verifying() -> Result<impl Fn(), Box<dyn Error>> {
    let (secret, body) = (secret()?, Payload::from(ANSWER));
    let header = secret.sign(NOW, &body).to_string();
    let verifier = Verifier::new(Duration::from_secs(300));
    Ok(move || {
        let verified = verifier.verify(&secret, &header, body.as_bytes(), NOW);
        assert!(verified.is_ok(), "{verified:?}");
    })
}

/// A poll with everything decided and nothing sent.
fn deciding() -> Result<impl Fn(), Box<dyn Error>> {
    let id = QueryId::new("QRY_1")?;
    let scripted = Client::builder()
        .key_pair(keys())
        .transport(ScriptedTransport::answering(|_| Reply::json(200, ANSWER)))
        .build()?;
    Ok(move || {
        let polled = scripted.retrieve(&id);
        assert!(polled.is_ok(), "{polled:?}");
    })
}

fn secret() -> Result<ApiSecret, Box<dyn Error>> {
    Ok(ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG")?)
}

/// A client of a server on this machine.
fn client() -> Result<Client, Box<dyn Error>> {
    let client = Client::builder().key_pair(keys()).base_url(serve()?);
    Ok(client.build()?)
}

fn repeated(count: u64, act: &impl Fn()) -> Result<(), Box<dyn Error>> {
    (0..count).for_each(|_| act());
    Ok(())
}

/// Of one time, on this thread, once whatever is kept is there.
fn of(times: u64, mut act: impl FnMut()) -> u64 {
    act();
    let counted = measure(|| (0..times).for_each(|_| act())).count_total;
    counted.div_ceil(times)
}

fn polls(count: u64) -> Result<(), Box<dyn Error>> {
    let client = client()?;
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
