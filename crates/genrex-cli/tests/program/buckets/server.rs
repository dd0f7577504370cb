//! An object store of the tests' own. It knows of the protocols of Amazon, Google and Microsoft what a batch uses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a store does wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manners {
    /// It replaces what it is told to keep.
    pub(super) replaces: bool,
    /// It changes a byte of audio.
    pub(super) spoils: bool,
    /// It says of what was copied that it is there, and does not let it be read.
    pub(super) is_still_copying: bool,
    /// It lets nobody in.
    pub(super) refuses: bool,
}

/// An object: what it says of itself, and its bytes.
type Object = (String, Vec<u8>);

#[derive(Debug, Default)]
struct Held {
    objects: BTreeMap<String, Object>,
    manners: Manners,
}

/// It ends with the test's process.
pub(super) struct Bucket {
    pub(super) url: String,
    held: Arc<Mutex<Held>>,
}

impl Bucket {
    pub(super) fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = Arc::<Mutex<Held>>::default();
        let bucket = Self {
            url,
            held: Arc::clone(&held),
        };
        bucket.behave(manners);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let held = Arc::clone(&held);
                std::thread::spawn(move || {
                    let request = Request::read(&mut stream);
                    let answer = request.answer(&mut held.lock().unwrap());
                    let _ = stream.write_all(&answer);
                });
            }
        });
        bucket
    }

    pub(super) fn behave(&self, manners: Manners) {
        self.held.lock().unwrap().manners = manners;
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.held.lock().unwrap().objects.keys().cloned().collect()
    }
}

struct Request {
    method: String,
    name: String,
    /// Its header's lines, names in small letters.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let mut words = head.split(' ').map(str::to_owned);
        let (method, name) = (words.next().unwrap(), decoded(&words.next().unwrap()));
        let fields = head.lines().filter_map(|line| line.split_once(": "));
        let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let mut request = Self {
            method,
            name,
            fields: fields.collect(),
            body: Vec::new(),
        };
        let length = request.field("content-length").map(str::parse);
        request.body = vec![0; length.transpose().unwrap().unwrap_or(0)];
        stream.read_exact(&mut request.body).unwrap();
        request
    }

    fn field(&self, wanted: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find_map(|(name, value)| (name == wanted).then_some(value.as_str()))
    }

    fn answer(self, held: &mut Held) -> Vec<u8> {
        let is_conditional = self.field("if-none-match") == Some("*")
            || self.field("x-goog-if-generation-match") == Some("0");
        match self.method.as_str() {
            _ if held.manners.refuses => answer("403 Forbidden", "", &[]),
            "PUT"
                if is_conditional
                    && !held.manners.replaces
                    && held.objects.contains_key(&self.name) =>
            {
                answer("412 Precondition Failed", "", &[])
            }
            "PUT" => {
                let object = match self.source() {
                    Some(source) => held.objects.get(&source).cloned(),
                    None => Some(self.object(held.manners)),
                };
                let Some(object) = object else {
                    return answer("404 Not Found", "", &[]);
                };
                held.objects.insert(self.name, object);
                answer("201 Created", "", &[])
            }
            "DELETE" => {
                held.objects.remove(&self.name);
                answer("204 No Content", "", &[])
            }
            "POST" => {
                for name in self.deleted() {
                    held.objects.remove(&name);
                }
                let content = b"--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n--b--\r\n";
                answer(
                    "202 Accepted",
                    "Content-Type: multipart/mixed; boundary=b\r\n",
                    content,
                )
            }
            "GET" if held.manners.is_still_copying && self.name.ends_with(".wav") => {
                answer("409 Conflict", "", b"<Code>PendingCopyOperation</Code>")
            }
            _ => match held.objects.get(&self.name) {
                Some((said, content)) => self.found(said, content),
                None => answer("404 Not Found", "", &[]),
            },
        }
    }

    /// The names of what is to go, as Azure is told it: one request that holds others.
    fn deleted(&self) -> Vec<String> {
        let body = String::from_utf8_lossy(&self.body);
        let names = body.lines().filter_map(|line| {
            let rest = line.strip_prefix("DELETE ")?;
            rest.split([' ', '?']).next().map(decoded)
        });
        names.collect()
    }

    /// The name of what is to be copied.
    fn source(&self) -> Option<String> {
        let google = self.field("x-goog-copy-source").map(str::to_owned);
        let path = google.or_else(|| {
            let url = self.field("x-ms-copy-source")?;
            url.splitn(4, '/').nth(3).map(str::to_owned)
        });
        Some(decoded(&format!("/{}", path?)))
    }

    fn object(&self, manners: Manners) -> Object {
        let mut said = String::new();
        for (name, value) in &self.fields {
            if ["x-amz-meta-", "x-goog-meta-", "x-ms-meta-"]
                .iter()
                .any(|start| name.starts_with(start))
            {
                write!(said, "{name}: {value}\r\n").unwrap();
            }
        }
        let mut content = self.body.clone();
        if manners.spoils && content.starts_with(b"RIFF") {
            *content.last_mut().unwrap() ^= 1;
        }
        (said, content)
    }

    /// All of it, or the bytes that are asked for.
    fn found(&self, said: &str, content: &[u8]) -> Vec<u8> {
        if self.method == "HEAD" {
            let mut whole = answer("200 OK", said, content);
            whole.truncate(whole.len() - content.len());
            return whole;
        }
        let range = self.field("range").and_then(|range| {
            let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
            let (from, to) = (from.parse().ok()?, to.parse::<usize>().ok()?);
            Some((from, to.min(content.len() - 1)))
        });
        let Some((from, to)) = range else {
            return answer("200 OK", said, content);
        };
        let said = format!(
            "{said}Content-Range: bytes {from}-{to}/{}\r\n",
            content.len()
        );
        answer("206 Partial Content", &said, &content[from..=to])
    }
}

fn answer(status: &str, said: &str, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{length}\"\r\nLast-Modified: Thu, 01 Jan 2026 \
         00:00:00 GMT\r\n{said}Connection: close\r\n\r\n"
    );
    [head.as_bytes(), content].concat()
}

/// A path without its escapes.
fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
