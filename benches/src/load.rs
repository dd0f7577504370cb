//! Asks a server as fast as it answers, over connections that are kept.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use genrex_sign::{ApiSecret, Payload, UnixMillis};

use crate::meter::Meter;

/// The operation so many times over so many connections, as the sandbox's own key.
pub fn run(operation: &str, url: &str, count: u64, connections: u64) -> anyhow::Result<()> {
    let address = url.strip_prefix("http://").context("http only")?.to_owned();
    let body = match operation {
        "getBalance" => "{}",
        "generateMusic" => r#"{"duration":5,"text":"some music for walk"}"#,
        _ => bail!("{operation} is not asked for"),
    };
    let left = Arc::new(AtomicU64::new(count));
    let meter = Meter::start()?;
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (address, left) = (address.clone(), Arc::clone(&left));
            let path = format!("/v1/text2music/{operation}");
            std::thread::spawn(move || ask(&address, &path, body, &left))
        })
        .collect();
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    meter.told(count)
}

fn ask(address: &str, path: &str, body: &'static str, left: &AtomicU64) -> anyhow::Result<()> {
    let secret = ApiSecret::new("sandbox-secret")?;
    let payload = Payload::from(body);
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(&stream);
    let (mut line, mut answer) = (String::new(), Vec::new());
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let signature = secret.sign(UnixMillis::new(u64::try_from(now)?), &payload);
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ngx-key: sandbox-key\r\ngx-signature: {signature}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        (&stream).write_all(request.as_bytes())?;
        line.clear();
        reader.read_line(&mut line)?;
        ensure!(line.contains(" 20"), "{path} is answered {line:?}");
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        answer.resize(length, 0);
        reader.read_exact(&mut answer)?;
    }
    Ok(())
}
