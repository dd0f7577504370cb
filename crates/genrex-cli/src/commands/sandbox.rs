use std::io::{self, Read as _};

use genrex_sandbox::{Options, Sandbox, Seen};
use serde_json::json;
use tokio::sync::oneshot;

use crate::args;
use crate::clock;
use crate::command_error::{Code, CommandError};
use crate::interrupt::Interrupts;
use crate::output::Output;

/// `genrex sandbox`: runs until it is interrupted, or until the pipe that is its standard input ends.
pub(crate) async fn run(args: args::Sandbox, output: &Output) -> Result<(), CommandError> {
    let mut interrupts = Interrupts::watch()?;
    let (options, shown) = (options(&args), *output);
    let started = match output.is_heard() {
        true => Sandbox::start_watched(options, move |seen| show(seen, shown)).await,
        false => Sandbox::start(options).await,
    };
    let sandbox = started.map_err(|error| {
        CommandError::new(Code::Usage, "invalidInput", "the sandbox cannot be started")
            .with_source(&error)
    })?;
    announce(&sandbox, output)?;
    tokio::select! {
        () = interrupts.next() => {}
        () = parent_gone() => {}
    }
    output.note("stopped");
    Ok(())
}

fn options(args: &args::Sandbox) -> Options {
    let mut options = Options::default();
    options.listen = args.listen;
    options.seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    options.render_time = args.render_time;
    options.quota = args.quota;
    options.price = args.price;
    options.price_change = args.price_change;
    options.charge = args.charge;
    options.refunds_failures = args.refund_failures;
    options.incidents.clone_from(&args.incident);
    options.others = args.others;
    options.clock_offset = args.clock_offset;
    options.max_duration = args.max_duration;
    options.tolerance = args.tolerance;
    options.link_lifetime = args.link_lifetime;
    options.dialect = args.dialect;
    options
}

fn announce(sandbox: &Sandbox, output: &Output) -> Result<(), CommandError> {
    let (key, secret) = (&sandbox.options().api_key, &sandbox.options().api_secret);
    if output.is_json() {
        return output.document(&json!({"url": sandbox.url(), "apiKey": key, "apiSecret": secret}));
    }
    output.line(format_args!("export GENREX_BASE_URL={}", sandbox.url()))?;
    output.line(format_args!("export GENREX_API_KEY={key}"))?;
    output.line(format_args!("export GENREX_API_SECRET={secret}"))?;
    output.note(
        "a sandbox of GenreX listens; put the lines above into another shell. Ctrl-C stops it",
    );
    Ok(())
}

/// A line a request; with `--verbose`, its headers and what is to be said of its signature.
fn show(seen: &Seen, output: Output) {
    let Seen {
        method,
        path,
        status,
        took,
        ..
    } = seen;
    let at = clock::time_of_day(clock::now());
    let took = took.as_millis();
    output.note(format_args!("{at} {method} {path} {status} {took} ms"));
    for (name, value) in &seen.headers {
        output.detail(format_args!("    {name}: {value}"));
    }
    match &seen.signature {
        Some(Ok(())) => output.detail("    the signature is good"),
        Some(Err(why)) => output.detail(format_args!("    the signature is refused: {why}")),
        None => {}
    }
}

/// Ends when standard input does, if that is a pipe: a test's sandbox should not outlive the test.
async fn parent_gone() {
    if !stdin_is_pipe() {
        return std::future::pending().await;
    }
    let (ended, end) = oneshot::channel::<()>();
    // A thread of its own: nothing else can wait for standard input and be abandoned.
    std::thread::spawn(move || {
        let mut buffer = [0; 256];
        while io::stdin().read(&mut buffer).is_ok_and(|length| length > 0) {}
        drop(ended);
    });
    // The sender is only ever dropped.
    let _ = end.await;
}

#[cfg(unix)]
fn stdin_is_pipe() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;
    let kind = io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|stdin| File::from(stdin).metadata())
        .map(|metadata| metadata.file_type());
    // What Node calls a pipe is a socket.
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}

#[cfg(not(unix))]
fn stdin_is_pipe() -> bool {
    use std::io::IsTerminal as _;
    !io::stdin().is_terminal()
}
