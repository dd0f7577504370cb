use std::pin::pin;
use std::task::{Context, Poll, Waker};

use genrex_proto::{BalanceRequest, GenerateRequest, Operation, RetrieveRequest};
use genrex_sign::{ApiSecret, KEY_HEADER, Payload, SIGNATURE_HEADER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

fn started(places: usize) -> Sandbox {
    let places = Places {
        api: places,
        storage: places,
    };
    Sandbox::start_with(Options::default(), None, places).unwrap()
}

async fn sent(sandbox: &Sandbox, bytes: &str) -> TcpStream {
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

const WHOLE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn is_answered(sandbox: &Sandbox) -> bool {
    let mut answer = String::new();
    let mut stream = sent(sandbox, WHOLE).await;
    stream.read_to_string(&mut answer).await.unwrap();
    answer.starts_with("HTTP/1.1 404 ")
}

#[tokio::test]
async fn more_at_once_than_it_holds_are_all_answered() {
    let sandbox = Arc::new(started(8));
    let asks: Vec<_> = (0..200)
        .map(|_| {
            let sandbox = Arc::clone(&sandbox);
            tokio::spawn(async move { is_answered(&sandbox).await })
        })
        .collect();
    for ask in asks {
        assert!(ask.await.unwrap());
    }
}

/// The clock is a simulated one, which moves when all tasks wait.
#[tokio::test(start_paused = true)]
async fn connections_that_are_held_open_do_not_lock_it_out() {
    const LONG: Duration = Duration::from_secs(3600);
    for half in ["", "POST /v1/text2music/getBalance HTTP/1.1\r\nHost: loc"] {
        let sandbox = started(8);
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(sent(&sandbox, half).await);
        }
        let answered = tokio::time::timeout(LONG, is_answered(&sandbox)).await;
        assert_eq!(answered, Ok(true), "{half:?}");
    }
}

/// What answers requests to the API, and makes no music.
fn served(reply: Decide) -> Served {
    let options = Options {
        render_time: Duration::ZERO,
        ..Options::default()
    };
    let service = Service::new(options, String::from("http://127.0.0.1:2"), wall()).unwrap();
    Served {
        service: Arc::new(Mutex::new(service)),
        renderer: Arc::new(Renderer::without_thread()),
        reply,
        is_signed: true,
        watcher: None,
    }
}

async fn call(served: &Served, path: &str, body: &str) -> (StatusCode, serde_json::Value) {
    let payload = Payload::from(body.to_owned());
    let header = ApiSecret::new("sandbox-secret")
        .unwrap()
        .sign(wall(), &payload);
    let request = http::Request::post(path)
        .header(HOST, "localhost")
        .header(KEY_HEADER, "sandbox-key")
        .header(SIGNATURE_HEADER, header.to_string())
        .body(Body::from(payload.to_bytes()))
        .unwrap();
    let answer = answer(request, Progress::default(), served.clone()).await;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn submit(served: &Served, text: &str) -> String {
    let body = format!(r#"{{"duration":5,"text":"{text}"}}"#);
    let (status, answer) = call(served, GenerateRequest::PATH, &body).await;
    assert_eq!(status, StatusCode::CREATED);
    format!(r#"{{"queryId":{}}}"#, answer["id"])
}

#[tokio::test]
async fn a_piece_that_is_being_made_keeps_nobody_else_waiting() {
    let served = served(Service::reply);
    let job = submit(&served, "music").await;
    let mut retrieve = pin!(call(&served, RetrieveRequest::PATH, &job));
    let mut context = Context::from_waker(Waker::noop());
    assert!(retrieve.as_mut().poll(&mut context).is_pending());
    let (status, _) = call(&served, BalanceRequest::PATH, "{}").await;
    assert_eq!(status, StatusCode::OK);
    let other = submit(&served, "sandbox:fail").await;
    let (_, answer) = call(&served, RetrieveRequest::PATH, &other).await;
    assert_eq!(answer["status"], "Failed");

    assert_eq!(served.renderer.make_waiting(), 2);
    let (status, answer) = retrieve.await;
    assert_eq!(
        (status, &answer["status"]),
        (StatusCode::OK, &"Completed".into())
    );
}

#[tokio::test]
async fn a_piece_is_made_before_somebody_asks_for_it() {
    let served = served(Service::reply);
    let job = submit(&served, "music").await;
    assert_eq!(served.renderer.make_waiting(), 1);
    let (_, answer) = call(&served, RetrieveRequest::PATH, &job).await;
    assert_eq!(answer["status"], "Completed");
    assert_eq!(served.renderer.make_waiting(), 0);
}

#[tokio::test]
async fn a_failure_of_its_own_is_said_and_leaves_it_running() {
    let panics = served(|_, _, _| panic!("planted"));
    for _ in 0..2 {
        let (status, _) = call(&panics, BalanceRequest::PATH, "{}").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    let served = served(Service::reply);
    let job = submit(&served, "music").await;
    let mut retrieve = pin!(call(&served, RetrieveRequest::PATH, &job));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(
        retrieve.as_mut().poll(&mut context),
        Poll::Pending
    ));
    served.renderer.forget_waiting();
    let (status, _) = retrieve.await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}
