//! HTTP/1.1 over a connection that is kept, by hand: nothing but the server is to cost anything.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use genrex_sign::{ApiSecret, Payload, UnixMillis};

/// A connection to a sandbox, whose own key it uses.
pub struct Connection {
    address: String,
    secret: ApiSecret,
    reader: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    /// An answer is waited for as long as `timeout`.
    pub fn open(url: &str, timeout: Duration) -> anyhow::Result<Self> {
        let address = url.strip_prefix("http://").context("http only")?.to_owned();
        let stream = TcpStream::connect(&address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        Ok(Self {
            address,
            secret: ApiSecret::new("sandbox-secret")?,
            reader: BufReader::with_capacity(4096, stream),
            line: String::new(),
        })
    }

    /// Sends a signed request and reads its answer, which is a good one.
    pub fn ask(&mut self, operation: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let now = UnixMillis::new(u64::try_from(now)?);
        let signature = self.secret.sign(now, &Payload::from(body.to_owned()));
        let (address, length) = (&self.address, body.len());
        let request = format!(
            "POST /v1/text2music/{operation} HTTP/1.1\r\nhost: {address}\r\ngx-key: sandbox-key\r\n\
             gx-signature: {signature}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.reader.get_ref().write_all(request.as_bytes())?;
        self.next_line()?;
        ensure!(
            self.line.contains(" 20"),
            "{operation} is answered {:?}",
            self.line
        );
        let mut length = 0;
        loop {
            self.next_line()?;
            let Some((name, value)) = self.line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer)?;
        Ok(answer)
    }

    fn next_line(&mut self) -> anyhow::Result<()> {
        self.line.clear();
        self.reader.read_line(&mut self.line)?;
        Ok(())
    }
}
