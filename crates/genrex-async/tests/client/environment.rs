//! The environment: each case runs this very program again, with variables of its own.

use std::ffi::OsStr;
#[cfg(feature = "socks")]
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use genrex_async::core::testing::ScriptedTransport;
use genrex_async::{BaseUrl, Client, ClientBuilder, Error};

use crate::server::read_request;
use crate::support::builder;

/// What a case does: in the child it is done, and what came of it written down.
#[test]
fn child() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    // Only as the child of the others is there anything to do.
    let Ok(case) = std::env::var("GENREX_TEST_CASE") else {
        return;
    };
    let result = runtime.block_on(act(&case));
    let shown = match result {
        Ok(()) => String::from("built"),
        Err(error) => format!("{:?}: {error} {error:?}", error.kind()),
    };
    writeln!(std::io::stderr(), "CAME TO {shown}").unwrap();
}

async fn act(case: &str) -> Result<(), Error> {
    match case {
        "default" => builder().build().map(drop),
        "loopback" => crate::server::local(9).build().map(drop),
        "own transport" => {
            let own = builder().transport(ScriptedTransport::new([]));
            own.build().map(drop)
        }
        "from the environment" => ClientBuilder::from_env().map(drop),
        url => {
            let client: Client = builder()
                .base_url(BaseUrl::new(url)?)
                .deadline(Some(Duration::from_secs(2)))
                .build()?;
            // What comes of it is seen by the proxy, or by the server.
            let _ = client.balance().await;
            Ok(())
        }
    }
}

const PROXY_VARIABLES: [&str; 8] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

fn run(case: &str, variables: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "environment::child", "--nocapture"])
        .env("GENREX_TEST_CASE", case);
    for name in PROXY_VARIABLES {
        command.env_remove(name);
    }
    for (name, value) in variables {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, came_to) = text
        .split_once("CAME TO ")
        .unwrap_or_else(|| panic!("{text}"));
    came_to.to_owned()
}

fn check_refused(case: &str, name: &str, value: &OsStr, kind: &str) {
    let came_to = run(case, &[(name, value)]);
    assert!(came_to.starts_with(kind), "{name}: {came_to}");
    assert!(came_to.contains(name), "{name}: {came_to}");
    assert!(!came_to.contains("s3cret"), "{came_to}");
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_by_name() {
    for (name, value) in [
        ("ALL_PROXY", "socks5h://u:s3cret@"),
        ("HTTPS_PROXY", "http://u:s3cret@:"),
        ("https_proxy", "no url s3cret"),
        ("ALL_PROXY", "ftp://u:s3cret@127.0.0.1:1"),
    ] {
        check_refused("default", name, OsStr::new(value), "Configuration");
    }
    #[cfg(not(feature = "socks"))]
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        let value = OsStr::new("socks5://u:s3cret@127.0.0.1:1");
        check_refused("default", name, value, "Configuration");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf_8_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt as _;

    let value = OsStr::from_bytes(b"http://\xff");
    for name in PROXY_VARIABLES {
        check_refused("default", name, value, "Configuration");
    }
    check_refused(
        "from the environment",
        "GENREX_API_KEY",
        value,
        "Credentials",
    );
}

#[test]
fn where_no_proxy_is_used_none_is_looked_at() {
    let variables = [("ALL_PROXY", OsStr::new("socks5://127.0.0.1:1"))];
    for case in ["loopback", "own transport"] {
        assert!(run(case, &variables).starts_with("built"), "{case}");
    }
}

/// The operating system's roots are what TLS rests on here.
#[cfg(all(target_os = "linux", feature = "rustls"))]
#[test]
fn without_roots_there_is_no_client() {
    let nowhere = OsStr::new("/nowhere");
    let variables = [("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)];
    let came_to = run("default", &variables);
    assert!(came_to.starts_with("Configuration"), "{came_to}");
    // Plain `http` needs none, and none are loaded for it.
    let came_to = run("loopback", &variables);
    assert!(came_to.starts_with("built"), "{came_to}");
}

/// A listener, and the first request that each connection to it makes.
fn listen() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let head = read_request(&mut stream.unwrap());
            sender.send(head).unwrap();
        }
    });
    (port, receiver)
}

/// The child is over: what it sent is here, or about to be.
fn first(requests: &mpsc::Receiver<String>) -> String {
    let request = requests.recv_timeout(Duration::from_secs(60));
    request.expect("no request came")
}

#[cfg(feature = "rustls")]
#[test]
fn a_proxy_that_can_be_used_is_used() {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (port, requests) = listen();
        let proxy = format!("http://127.0.0.1:{port}");
        run("https://service.invalid", &[(name, OsStr::new(&proxy))]);
        let request = first(&requests);
        let expected = "CONNECT service.invalid:443 ";
        assert!(request.starts_with(expected), "{name}: {request}");

        let (port, requests) = listen();
        let proxy = format!("http://127.0.0.1:{port}");
        let exempt = ("NO_PROXY", OsStr::new("b.example, service.invalid"));
        run(
            "https://service.invalid",
            &[(name, OsStr::new(&proxy)), exempt],
        );
        assert_eq!(requests.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}

#[test]
fn a_call_to_this_machine_never_goes_through_a_proxy() {
    let (proxy, at_proxy) = listen();
    let (service, at_service) = listen();
    let proxy = format!("http://127.0.0.1:{proxy}");
    let variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"];
    let variables = variables.map(|name| (name, OsStr::new(&proxy)));
    run(&format!("http://127.0.0.1:{service}"), &variables);
    assert!(first(&at_service).starts_with("POST /v1/"));
    assert_eq!(at_proxy.try_recv(), Err(mpsc::TryRecvError::Empty));
}

#[cfg(feature = "socks")]
#[test]
fn a_socks_proxy_is_used_by_its_feature() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("socks5h://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut version = [0];
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut version).unwrap();
        sender.send(version[0]).unwrap();
    });
    let variables = [("ALL_PROXY", OsStr::new(&proxy))];
    run("https://service.invalid", &variables);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(5));
}
