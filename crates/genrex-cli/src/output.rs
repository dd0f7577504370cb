use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use genrex_async::core::proto::Escaped;
use serde::Serialize;
use serde_json::json;
use serde_json::ser::{Formatter, Serializer};

use crate::args::{Color, Global};
use crate::failure::{Code, Failure};

/// The kind of the failure that the reader of the result has gone away, as `head` does.
pub(crate) const BROKEN_PIPE: &str = "brokenPipe";

/// The two streams: results on one, everything else on the other.
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

    /// Whether a bar may be drawn: on a terminal, for a person.
    pub(crate) fn draws(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// A line of the result; not with `--json`.
    pub(crate) fn line(&self, text: impl fmt::Display) -> Result<(), Failure> {
        written(writeln!(anstream::stdout(), "{text}"))
    }

    /// The one JSON document.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = to_safe_json(document).map_err(|error| {
            Failure::other("the result cannot be written as JSON").because(&error)
        })?;
        written(writeln!(anstream::stdout(), "{text}"))
    }

    /// A JSON document beside the result, with `--json`.
    pub(crate) fn aside(&self, document: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            let text = to_safe_json(document).map_err(|error| {
                Failure::other("the report cannot be written as JSON").because(&error)
            })?;
            say(format_args!("{text}"));
        }
        Ok(())
    }

    /// Bytes of the result as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Something to know beside the result; not with `--quiet`.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet && !self.json {
            say(format_args!("{text}"));
        }
    }

    /// Something that only who asks for it wants to know.
    pub(crate) fn detail(&self, text: impl fmt::Display) {
        if self.verbose && !self.json {
            say(format_args!("{text}"));
        }
    }

    /// Something that must be known, whatever was asked for.
    pub(crate) fn warning(&self, text: impl fmt::Display) {
        let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into())).bold();
        if !self.json {
            say(format_args!("{yellow}warning{yellow:#}: {text}"));
        }
    }

    /// Says why the command failed, and with what code it ends.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        if self.json {
            let error = json!({"error": {
                "kind": failure.kind,
                "message": failure.message,
                "causes": failure.causes,
                "hint": failure.hint,
                "queryId": failure.query_id,
                "resume": failure.resume,
            }});
            say(format_args!("{}", to_safe_json(&error).unwrap_or_default()));
        } else {
            let red = Style::new().fg_color(Some(AnsiColor::Red.into())).bold();
            let dim = Style::new().dimmed();
            let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into())).bold();
            say(format_args!(
                "{red}error{red:#}: {}",
                Escaped(&failure.message)
            ));
            for cause in &failure.causes {
                say(format_args!("{dim}cause{dim:#}: {}", Escaped(cause)));
            }
            if let Some(hint) = &failure.hint {
                say(format_args!(" {cyan}hint{cyan:#}: {hint}"));
            }
            if let (Some(id), None) = (&failure.query_id, &failure.resume) {
                say(format_args!("  {dim}job{dim:#}: {id}"));
            }
            if let Some(resume) = &failure.resume {
                say(format_args!(
                    " {cyan}hint{cyan:#}: the job is kept by the service; go on with\n\n    {resume}\n"
                ));
            }
        }
        ExitCode::from(failure.code as u8)
    }
}

/// Says what was wrong with the command line, or the help that was asked for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let asked_for_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && asked_for_json {
        let message = error.render().to_string();
        let (first, _) = message.split_once("\n\n").unwrap_or((&message, ""));
        let message = first.trim().trim_start_matches("error: ");
        let error = json!({"error": {"kind": "usage", "message": message}});
        say(format_args!("{}", to_safe_json(&error).unwrap_or_default()));
        return ExitCode::from(Code::Usage as u8);
    }
    // The reader may have gone away, which is its right.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(Code::Usage as u8)
    } else {
        ExitCode::SUCCESS
    }
}

/// Shows each request with `-vv`; more with `RUST_LOG`.
pub(crate) fn trace(global: &Global) {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ if global.verbose > 1 => String::from("genrex=info"),
        _ => return,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
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

fn say(text: fmt::Arguments<'_>) {
    // Standard error may be closed; there is nowhere left to say so.
    let _ = writeln!(anstream::stderr(), "{text}");
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    result.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::BrokenPipe => BROKEN_PIPE,
            _ => "other",
        };
        Failure::new(Code::Other, kind, "standard output cannot be written to").because(&error)
    })
}
