//! A batch into an object store that keeps what it is told to keep, and into one that does not.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use tempfile::tempdir;

use crate::support::{Sandbox, code, error, stderr};

const MARKER: &str = "/bucket/music/.genrex-batch";

/// An object: what it says of itself, and its bytes.
type Object = (String, Vec<u8>);

/// An object store of the test's own; it ends with the test's process.
struct Bucket {
    url: String,
    objects: Arc<Mutex<BTreeMap<String, Object>>>,
}

impl Bucket {
    fn start(is_conditional: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let objects = Arc::<Mutex<BTreeMap<String, Object>>>::default();
        let serving = Arc::clone(&objects);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let objects = Arc::clone(&serving);
                std::thread::spawn(move || serve(stream, &objects, is_conditional));
            }
        });
        Self { url, objects }
    }

    fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }
}

fn serve(mut stream: TcpStream, objects: &Mutex<BTreeMap<String, Object>>, is_conditional: bool) {
    let (head, body) = read_request(&mut stream);
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let name = words.next().unwrap_or_default().to_owned();
    let lines = || head.lines().map(str::to_ascii_lowercase);
    let mut objects = objects.lock().unwrap();
    let is_kept = is_conditional
        && objects.contains_key(&name)
        && lines().any(|line| line.starts_with("if-none-match:"));
    let (status, said, content) = match (method.as_str(), objects.get(&name)) {
        ("PUT", _) if is_kept => ("412 Precondition Failed", String::new(), Vec::new()),
        ("PUT", _) => {
            let said = lines().filter(|line| line.starts_with("x-amz-meta-"));
            let said: String = said.map(|line| line + "\r\n").collect();
            objects.insert(name, (said, body));
            ("200 OK", String::new(), Vec::new())
        }
        (_, Some((said, content))) => ("200 OK", said.clone(), content.clone()),
        (_, None) => ("404 Not Found", String::new(), Vec::new()),
    };
    let length = content.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"{length}\"\r\nLast-Modified: Thu, 01 Jan 2026 \
         00:00:00 GMT\r\n{said}Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(answer.as_bytes());
    if method != "HEAD" {
        let _ = stream.write_all(&content);
    }
}

/// The head and the body of a request.
fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("content-length: ")?.parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn batch(sandbox: &Sandbox, bucket: &Bucket, folder: &Path) -> Output {
    let args = ["batch", "batch.csv", "--out-dir", "s3://bucket/music"];
    let more = ["--poll-interval", "10ms", "--json"];
    let mut command = sandbox.genrex(folder, &[&args[..], &more].concat());
    command
        .env("AWS_ENDPOINT_URL", &bucket.url)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "a-key")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret");
    command.output().unwrap()
}

#[test]
fn a_store_that_does_not_keep_what_is_there_is_refused_each_time() {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join("batch.csv"),
        "text,duration,output\none,5,one.wav\n",
    )
    .unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let careless = Bucket::start(false);
    for _ in 0..2 {
        let refused = batch(&sandbox, &careless, folder.path());
        let said = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{said}");
        assert!(
            said.contains("If-None-Match") && said.contains("nothing was sent"),
            "{said}"
        );
        assert_eq!(sandbox.used(folder.path()), 0);
        assert_eq!(careless.names(), [MARKER]);
    }

    let careful = Bucket::start(true);
    for _ in 0..2 {
        let done = batch(&sandbox, &careful, folder.path());
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        assert_eq!(sandbox.used(folder.path()), 5);
        assert_eq!(careful.names(), [MARKER, "/bucket/music/one.wav"]);
    }
}
