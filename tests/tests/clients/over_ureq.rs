//! The blocking client, on the test's own thread.

use genrex_blocking as stack;

fn run<T>(result: T) -> T {
    result
}

fn builder() -> stack::ClientBuilder {
    stack::Client::builder().http(|http| http.proxy(None))
}

#[path = "behaviours.rs"]
mod behaviours;

#[test]
fn another_thread_ends_a_wait_and_the_job_goes_on() {
    let sandbox = behaviours::sandbox(|options| {
        options.render_time = std::time::Duration::from_secs(3600);
    });
    let canceller = stack::Canceller::new();
    let handle = canceller.clone();
    let client = behaviours::client(&sandbox)
        .cancelled_by(&canceller)
        .on_progress(move |progress| {
            if matches!(progress, stack::Progress::Polled { .. }) {
                let handle = handle.clone();
                std::thread::spawn(move || handle.cancel());
            }
        });
    let error = client
        .generate(&behaviours::request("music", 5))
        .unwrap_err();
    assert_eq!(error.kind(), stack::ErrorKind::Cancelled);
    let id = error.query_id().unwrap().clone();
    assert!(error.is_resumable());
    // Nothing more leaves by a client that was cancelled, and another takes the job up.
    let refused = client.submit(&behaviours::request("music", 5));
    assert!(matches!(refused, stack::Submission::NotSent(_)));
    assert_eq!(sandbox.accepted(), 1);
    let fresh = behaviours::client(&sandbox).retrieve(&id).unwrap();
    assert_eq!(fresh.status, stack::Status::Processing);
}
