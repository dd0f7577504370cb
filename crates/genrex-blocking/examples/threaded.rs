//! Several prompts on a few threads that share one client, until all is done or the user presses Enter.
//!
//! ```text
//! cargo run -p genrex-blocking --example threaded
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use genrex_blocking::{Canceller, Client, Error, GenerateRequest, Prompt, Seconds};

#[path = "support/connect.rs"]
mod connect;

/// How many pieces are made at a time.
const THREADS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect::connect()?;
    let client = connection.builder.build()?;
    let folder = connection.folder.join("music");
    fs::create_dir_all(&folder)?;

    // Any other thread may hold the sender: a handler of Ctrl-C, a window, a supervisor.
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        if io::stdin().read_line(&mut line).is_ok_and(|read| read > 0) {
            let _ = stop.send(());
        }
    });

    let prompts = [
        "intense EDM",
        "rain on a tin roof",
        "a slow waltz",
        "chiptune",
    ];
    for (prompt, result) in run(&client, &prompts, &folder, stopped) {
        match result {
            Ok(path) => println!("{prompt}: {}", path.display()),
            Err(error) => match error.query_id() {
                Some(id) => println!("{prompt}: {error}; {id} is paid for, wait for it later"),
                None => println!("{prompt}: {error}"),
            },
        }
    }
    Ok(())
}

/// Buys each prompt and downloads it into the folder. When `stopped` says so, no further one is bought, and
/// those that were bought are no longer waited for.
pub(crate) fn run<'a>(
    client: &Client,
    prompts: &[&'a str],
    folder: &Path,
    stopped: Receiver<()>,
) -> Vec<(&'a str, Result<PathBuf, Error>)> {
    let canceller = Canceller::new();
    let handle = canceller.clone();
    thread::spawn(move || {
        if stopped.recv().is_ok() {
            handle.cancel();
        }
    });

    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while !canceller.is_cancelled() {
            let Some(prompt) = prompts.get(next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            results.push((*prompt, piece(client, &canceller, prompt, folder)));
        }
        results
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let results = threads.into_iter().filter_map(|thread| thread.join().ok());
        results.flatten().collect()
    })
}

fn piece(
    client: &Client,
    canceller: &Canceller,
    prompt: &str,
    folder: &Path,
) -> Result<PathBuf, Error> {
    let request = GenerateRequest::new(Prompt::new(prompt)?, Seconds::new(5)?);
    // The submit is not cancelled: one that is given up on its way may have been charged.
    let job = client.submit(&request).into_result()?;
    // What follows is free, and can be taken up again by the job's id.
    let client = client.cancelled_by(canceller);
    let track = client.wait(&job)?;
    let path = folder.join(format!("{}.wav", job.id()));
    client.download(track.audio(), &path)?;
    Ok(path)
}
