//! Each bug that the checks are for, planted once: a check that cannot fail proves nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_sign::SIGNATURE_HEADER;
use genrex_tests::{Act, FaultServer, Recorder, Stack, answer, json};
use http::{HeaderValue, Request, Response};

use crate::support::{
    ACCEPTED, check_bought_once, check_no_credentials, check_signatures, client_over, job, request,
};

/// What a planted transport does to a request that passes.
#[derive(Clone, Copy)]
enum Bug {
    /// The first signature is kept for every request, as the quick start's own loop does.
    KeepsSignature,
    /// A request that may have left is sent again, as most clients of such services do.
    ResendsAfterPossibleSend,
}

struct Planted<T> {
    inner: T,
    bug: Bug,
    first_signature: Mutex<Option<HeaderValue>>,
}

#[async_trait]
impl<T: Transport> Transport for Planted<T> {
    async fn send(
        &self,
        mut request: Request<Bytes>,
        options: SendOptions,
    ) -> Result<Response<Box<dyn Body>>, TransportError> {
        match self.bug {
            Bug::KeepsSignature => {
                if let Some(signature) = request.headers_mut().get_mut(SIGNATURE_HEADER) {
                    let mut first = self.first_signature.lock().unwrap();
                    signature.clone_from(first.get_or_insert_with(|| signature.clone()));
                }
                self.inner.send(request, options).await
            }
            Bug::ResendsAfterPossibleSend => {
                match self.inner.send(request.clone(), options).await {
                    Err(error) if error.kind().may_have_left() => {
                        self.inner.send(request, options).await
                    }
                    result => result,
                }
            }
        }
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

fn planted(stack: Stack, bug: Bug) -> Recorder<Planted<Arc<dyn Transport>>> {
    Recorder::new(Planted {
        inner: stack.transport(),
        bug,
        first_signature: Mutex::new(None),
    })
}

#[test]
fn a_signature_kept_across_polls_is_caught() {
    for stack in Stack::BOTH {
        let server = FaultServer::start([
            Act::Write(json(200, ACCEPTED)),
            Act::Write(json(200, ACCEPTED)),
            Act::Write(json(200, r#"{"id":"QRY_1","status":"Failed"}"#)),
        ]);
        let client = client_over(planted(stack, Bug::KeepsSignature), &server.url());
        stack.run(client.wait(&job())).unwrap_err();
        assert_eq!(server.received().len(), 3);
        let caught = check_signatures(&server.received()).unwrap_err();
        assert!(caught.contains(" after t="), "{caught}");
    }
}

#[test]
fn a_resend_after_a_possible_send_is_caught() {
    for stack in Stack::BOTH {
        let server = FaultServer::start([Act::ResetRead, Act::Write(json(201, ACCEPTED))]);
        let client = client_over(planted(stack, Bug::ResendsAfterPossibleSend), &server.url());
        let _ = stack.run(client.submit(&request()));
        assert_eq!(
            check_bought_once(&server.received()),
            Err("2 submits".into())
        );
    }
}

/// Both HTTP clients with their defaults left on.
struct Careless {
    stack: Stack,
    inner: Arc<dyn Transport>,
}

#[async_trait]
impl Transport for Careless {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: SendOptions,
    ) -> Result<Response<Box<dyn Body>>, TransportError> {
        let failed = |_| TransportError::new(TransportErrorKind::Other);
        let status = match self.stack {
            Stack::Async => {
                let http = reqwest::Client::builder().no_proxy().build().unwrap();
                let request = reqwest::Request::try_from(request).unwrap();
                let response = http
                    .execute(request)
                    .await
                    .map_err(|error| failed(error.to_string()))?;
                response.status()
            }
            Stack::Blocking => {
                let config = ureq::Agent::config_builder()
                    .proxy(None)
                    .http_status_as_error(false);
                let (head, body) = request.into_parts();
                let agent = ureq::Agent::from(config.build());
                let response = agent
                    .run(Request::from_parts(head, &body[..]))
                    .map_err(|error| failed(error.to_string()))?;
                response.status()
            }
        };
        let body: Box<dyn Body> = Box::new(Nothing);
        Ok(Response::builder().status(status).body(body).unwrap())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

struct Nothing;

#[async_trait]
impl Body for Nothing {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(None)
    }
}

#[test]
fn the_default_redirect_policy_is_caught() {
    for stack in Stack::BOTH {
        let other = FaultServer::start([Act::Write(json(201, ACCEPTED))]);
        let location = format!("{}/v1/text2music/generateMusic", other.url());
        let server = FaultServer::start([Act::Write(answer(302, &[("Location", &location)], ""))]);
        let careless = Careless {
            stack,
            inner: stack.transport(),
        };
        let client = client_over(careless, &server.url());
        let _ = stack.run(client.submit(&request()));
        assert_eq!(other.connections(), 1, "{stack:?}");
        let caught = check_no_credentials(&other.received()).unwrap_err();
        assert!(caught.contains("gx-"), "{caught}");
    }
}
