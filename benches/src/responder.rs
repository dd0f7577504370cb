//! A server whose answers are fixed, so that what is measured is the client. It believes every signature, and counts
//! what is bought.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::polls::ID;

struct Service {
    port: u16,
    /// How long the audio is, in bytes.
    length: u64,
    bought: AtomicU64,
}

/// Prints its URL and answers until its standard input ends. Its audio has so many bytes.
pub fn run(length: u64) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    println!("http://127.0.0.1:{port}");
    let service = Arc::new(Service {
        port,
        length,
        bought: AtomicU64::new(0),
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let service = Arc::clone(&service);
            // A client that goes away ends its connection.
            std::thread::spawn(move || service.serve(&stream).ok());
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

impl Service {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let (mut line, mut body) = (String::new(), Vec::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let mut length = 0;
            loop {
                line.clear();
                reader.read_line(&mut line)?;
                let Some((name, value)) = line.split_once(':') else {
                    break;
                };
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
            self.answer(stream, &path, &body)?;
        }
    }

    fn answer(&self, mut stream: &TcpStream, path: &str, body: &[u8]) -> std::io::Result<()> {
        let port = self.port;
        let answer = match path.rsplit('/').next() {
            Some("retrieve") => {
                let body = String::from_utf8_lossy(body);
                let id = body.split('"').nth(3).unwrap_or_default();
                // The one that is asked after in vain.
                if id == ID {
                    processing(id)
                } else {
                    completed(id, port)
                }
            }
            Some("generateMusic") => {
                let number = self.bought.fetch_add(1, Ordering::SeqCst);
                processing(&format!("QRY_{number:024}"))
            }
            Some("getBalance") => {
                let used = self.bought.load(Ordering::SeqCst);
                format!(
                    r#"{{"userId":"bench","creditQuota":1000000000,"usedCredit":{used},"durationLimit":60,"updatedAt":"{used}"}}"#
                )
            }
            _ => return self.audio(stream),
        };
        let mut head = String::with_capacity(answer.len() + 128);
        let length = answer.len();
        let _ = write!(
            head,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{answer}"
        );
        stream.write_all(head.as_bytes())
    }

    /// A WAVE file of silence.
    fn audio(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        static SILENCE: [u8; 1 << 16] = [0; 1 << 16];
        let length = self.length.max(46);
        let mut head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\netag: \"{length}\"\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        head.extend(wave_header(length));
        stream.write_all(&head)?;
        let mut left = length - 44;
        while left > 0 {
            let part = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(SILENCE.len());
            stream.write_all(&SILENCE[..part])?;
            left -= part as u64;
        }
        Ok(())
    }
}

fn processing(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","processSystem":"GenrexV1","source":"API","status":"Processing","contentType":"Text","content":{{"text":"music","duration":30}},"metadata":null,"userId":"bench","createdAt":"2024-06-02T16:16:07.386Z","updatedAt":"2024-06-02T16:16:07.386Z"}}"#
    )
}

fn completed(id: &str, port: u16) -> String {
    format!(
        r#"{{"id":"{id}","status":"Completed","userId":"bench","response":[{{"id":"RSP_1","contentType":"Audio","queryId":"{id}","content":{{"url":"http://127.0.0.1:{port}/audio/{id}.wav"}}}}]}}"#
    )
}

/// Of 16 bits, mono, 32 kHz.
fn wave_header(length: u64) -> [u8; 44] {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut header = *b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x00\x7d\0\0\x00\xfa\0\0\x02\0\x10\0data\0\0\0\0";
    header[4..8].copy_from_slice(&(length - 8).to_le_bytes());
    header[40..].copy_from_slice(&(length - 44).to_le_bytes());
    header
}
