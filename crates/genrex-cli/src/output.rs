//! The two streams: results on standard output, everything else on standard error.
//!
//! Invariant: nothing else in the program prints, or draws. Whatever is shown goes through [`shown`], whoever wrote it: a service, a file of rows, a path, an argument. The line ends are
//! this module's own.

mod drawing;

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use clap::error::{ContextValue, ErrorKind as ClapErrorKind};
use genrex_async::core::proto::Escaped;
use serde::Serialize;
use serde_json::json;
use serde_json::ser::{Formatter, Serializer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::{Color, Global};
use crate::command_error::{Code, CommandError, deeper};
use crate::typed;

pub(crate) use self::drawing::{Line, Picture, Size, columns, cut};

/// The kind of the failure that the reader of the result has gone away, as `head` does.
pub(crate) const BROKEN_PIPE: &str = "brokenPipe";

/// How much a command says, and in what form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let choice = match global.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose > 0,
        }
    }

    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether anything may be drawn: on a terminal that can be drawn on, for a person.
    pub(crate) fn draws(&self) -> bool {
        let can_draw = || match std::env::var_os("TERM") {
            Some(name) => name != "dumb",
            None => cfg!(windows),
        };
        !self.json && !self.quiet && io::stderr().is_terminal() && can_draw()
    }

    /// Draws something under all that is printed, and anew as time passes, until [`end_drawing`](Self::end_drawing).
    pub(crate) fn draw(&self, picture: Arc<dyn Picture>) {
        drawing::begin(picture);
    }

    /// Draws at once what has changed.
    pub(crate) fn draw_again(&self) {
        drawing::again();
    }

    pub(crate) fn end_drawing(&self) {
        drawing::end();
    }

    /// A line of the result; not with `--json`.
    pub(crate) fn line(&self, text: impl fmt::Display) -> Result<(), CommandError> {
        let text = shown(text);
        written(drawing::above(|| writeln!(anstream::stdout(), "{text}")))
    }

    /// The one JSON document.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), CommandError> {
        let text = to_safe_json(document).map_err(|error| {
            CommandError::other("the result cannot be written as JSON").with_source(&error)
        })?;
        self.line(text)
    }

    /// A JSON document beside the result, with `--json`.
    pub(crate) fn aside(&self, document: &impl Serialize) -> Result<(), CommandError> {
        if self.json {
            let text = to_safe_json(document).map_err(|error| {
                CommandError::other("the report cannot be written as JSON").with_source(&error)
            })?;
            say(None, text);
        }
        Ok(())
    }

    /// Bytes that the program itself has made, as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Whether anybody hears what is only to know.
    pub(crate) const fn is_heard(&self) -> bool {
        !self.quiet && !self.json
    }

    /// Something to know beside the result; not with `--quiet`.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if self.is_heard() {
            say(None, text);
        }
    }

    /// Something that only who asks for it wants to know.
    pub(crate) fn detail(&self, text: impl fmt::Display) {
        if self.verbose && !self.json {
            say(None, text);
        }
    }

    /// Something that must be known, whatever was asked for.
    pub(crate) fn warning(&self, text: impl fmt::Display) {
        if !self.json {
            say(Some(Label::Warning), text);
        }
    }

    /// A question to a person; what is typed stands behind it, and nothing is drawn until it is
    /// [`answered`](Self::answered).
    pub(crate) fn ask(&self, question: impl fmt::Display) -> io::Result<()> {
        drawing::pause(true);
        write!(anstream::stderr(), "{} ", shown(question))
    }

    pub(crate) fn answered(&self) {
        drawing::pause(false);
    }

    /// Of several failures all but the first are said; the first is what the command ends with.
    pub(crate) fn all_failed(&self, failures: Vec<CommandError>) -> Result<(), CommandError> {
        let mut failures = failures.into_iter();
        let Some(first) = failures.next() else {
            return Ok(());
        };
        for other in failures {
            let _ = self.failure(&other);
        }
        Err(first)
    }

    /// Says why the command failed, and with what code it ends.
    pub(crate) fn failure(&self, failure: &CommandError) -> ExitCode {
        if self.json {
            say_as_json(failure);
        } else {
            say(Some(Label::Error), &failure.message);
            for cause in &failure.causes {
                say(Some(Label::Cause), cause);
            }
            if let Some(hint) = &failure.hint {
                say(Some(Label::Hint), hint);
            }
            if let (Some(id), None) = (&failure.query_id, &failure.resume) {
                say(Some(Label::Job), id);
            }
            if let Some(resume) = &failure.resume {
                say(Some(Label::Hint), "nothing is lost; go on with");
                for line in ["", &format!("    {resume}"), ""] {
                    say(None, line);
                }
            }
        }
        ExitCode::from(failure.code as u8)
    }
}

/// Says what was wrong with the command line, or the help that was asked for.
pub(crate) fn usage(mut error: clap::Error) -> ExitCode {
    let is_help = matches!(
        error.kind(),
        ClapErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let asked_for_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || is_help && !asked_for_json {
        // Help repeats nothing that was typed. Its reader may have gone away, which is its right.
        let _ = error.print();
        return if error.use_stderr() {
            ExitCode::from(Code::Usage as u8)
        } else {
            ExitCode::SUCCESS
        };
    }
    escape_context(&mut error);
    let text = error.render().to_string();
    let text = text.trim_start_matches("error: ").trim_end();
    let (message, more) = text.split_once("\n\n").unwrap_or((text, ""));
    if asked_for_json {
        let failure = CommandError::new(Code::Usage, "usage", message.trim());
        let hint = format!(
            "nothing was sent. What the command takes: {}",
            typed::help()
        );
        say_as_json(&failure.hint(hint));
    } else {
        let mut label = Some(Label::Error);
        for line in message.lines() {
            say(label.take(), line);
        }
        for line in more.lines() {
            say(None, line);
        }
    }
    ExitCode::from(Code::Usage as u8)
}

/// What was typed is escaped before it is put between the line ends of the message.
fn escape_context(error: &mut clap::Error) {
    let escaped = error.context().filter_map(|(kind, value)| {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(shown(text)),
            ContextValue::Strings(texts) => {
                ContextValue::Strings(texts.iter().map(shown).collect())
            }
            _ => return None,
        };
        Some((kind, value))
    });
    for (kind, value) in escaped.collect::<Vec<_>>() {
        error.insert(kind, value);
    }
}

/// Shows each request with `-vv`; more with `RUST_LOG`.
pub(crate) fn trace(global: &Global) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => Some(filter),
        _ if global.verbose > 1 => Some(String::from("genrex=info")),
        _ => None,
    };
    let shown = filter.map(|filter| {
        tracing_subscriber::fmt::layer()
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
            .with_writer(|| Log)
            .with_ansi(false)
            .with_filter(EnvFilter::new(filter))
    });
    #[cfg(feature = "otel")]
    tracing_subscriber::registry()
        .with(shown)
        .with(crate::spans::layer())
        .init();
    #[cfg(not(feature = "otel"))]
    if shown.is_some() {
        tracing_subscriber::registry().with(shown).init();
    }
}

/// Where traces go: they are written a line at a time.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).trim_end().lines() {
            say(None, line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a person can be asked: who asks reads standard input, and the question is seen on standard error.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether standard output is a terminal.
pub(crate) fn is_on_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Where audio goes that is wanted on standard output. It is never a terminal: see [`is_on_terminal`].
pub(crate) fn audio() -> tokio::io::Stdout {
    tokio::io::stdout()
}

/// How wide a drawing may be.
pub(crate) fn width() -> usize {
    const WIDEST: usize = 72;
    let terminal = terminal_size::terminal_size_of(io::stderr());
    terminal.map_or(WIDEST, |(width, _)| usize::from(width.0).min(WIDEST))
}

/// How wide the terminal is that standard output is on, if it is one.
pub(crate) fn window_width() -> Option<usize> {
    let terminal = terminal_size::terminal_size_of(io::stdout());
    terminal.map(|(width, _)| usize::from(width.0))
}

/// Text as it may be shown: in one line, and without anything that acts on a terminal or cannot be seen.
pub(crate) fn shown(text: impl fmt::Display) -> String {
    Escaped(&text.to_string()).to_string()
}

/// What stands before a line on standard error.
#[derive(Debug, Clone, Copy)]
enum Label {
    Error,
    Cause,
    Hint,
    Job,
    Warning,
}

impl Label {
    /// The name as it is set under one another, and its style.
    fn parts(self) -> (&'static str, Style) {
        let bold = |color: AnsiColor| Style::new().fg_color(Some(color.into())).bold();
        match self {
            Self::Error => ("error", bold(AnsiColor::Red)),
            Self::Cause => ("cause", Style::new().dimmed()),
            Self::Hint => (" hint", bold(AnsiColor::Cyan)),
            Self::Job => ("  job", Style::new().dimmed()),
            Self::Warning => ("warning", bold(AnsiColor::Yellow)),
        }
    }
}

/// Writes a line on standard error. That may be closed; there is nowhere left to say so.
fn say(label: Option<Label>, text: impl fmt::Display) {
    let text = shown(text);
    let _ = drawing::above(|| match label.map(Label::parts) {
        Some((name, style)) => writeln!(anstream::stderr(), "{style}{name}{style:#}: {text}"),
        None => writeln!(anstream::stderr(), "{text}"),
    });
}

fn say_as_json(failure: &CommandError) {
    let error = json!({"error": {
        "kind": failure.kind,
        "message": failure.message,
        "causes": failure.causes,
        "hint": failure.hint,
        "queryId": failure.query_id,
        "resume": failure.resume,
    }});
    say(None, to_safe_json(&error).unwrap_or_default());
}

/// JSON whose strings cannot act on a terminal: what [`Escaped`] escapes is written as `\u` and four digits, which
/// every reader takes for the same text.
fn to_safe_json(document: &impl Serialize) -> serde_json::Result<String> {
    struct Safe;

    impl Formatter for Safe {
        fn write_string_fragment<W: io::Write + ?Sized>(
            &mut self,
            writer: &mut W,
            fragment: &str,
        ) -> io::Result<()> {
            for character in fragment.chars() {
                if Escaped::escapes(character) {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                } else {
                    write!(writer, "{character}")?;
                }
            }
            Ok(())
        }
    }

    let mut bytes = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut bytes, Safe))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// That whoever read standard output has gone away, as `head` does when it has enough.
pub(crate) fn broken_pipe(cause: &(dyn StdError + 'static)) -> CommandError {
    CommandError::new(Code::PipeClosed, BROKEN_PIPE, CANNOT_WRITE).with_source(cause)
}

/// Whether that is what stopped something.
pub(crate) fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    deeper(Some(error)).any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    })
}

const CANNOT_WRITE: &str = "standard output cannot be written to";

fn written(result: io::Result<()>) -> Result<(), CommandError> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => broken_pipe(&error),
        _ => CommandError::other(CANNOT_WRITE).with_source(&error),
    })
}
