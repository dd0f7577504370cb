use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use genrex_tests::canary::{Canary, has_signature};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Sees all that the process logs, at the level TRACE, and looks for secrets in it.
///
/// What `ureq_proto` logs is left out: it logs the bytes that it writes, credentials included, as SECURITY.md says.
#[derive(Clone)]
pub(crate) struct Watch(Arc<State>);

struct State {
    canaries: Vec<Canary>,
    takes_wire: AtomicBool,
    /// The last bytes of the dumps that `ureq_proto` logs.
    dumped: Mutex<Vec<u8>>,
    findings: AtomicUsize,
    first: Mutex<Option<String>>,
}

impl Watch {
    pub(crate) fn start<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let watch = Self(Arc::new(State {
            canaries: secrets.into_iter().map(Canary::new).collect(),
            takes_wire: AtomicBool::new(false),
            dumped: Mutex::default(),
            findings: AtomicUsize::new(0),
            first: Mutex::new(None),
        }));
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(watch.clone())
            .init();
        log::set_boxed_logger(Box::new(watch.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        watch
    }

    /// Runs something while what `ureq_proto` logs is looked at too.
    pub(crate) fn with_wire(&self, act: impl FnOnce()) {
        self.0.takes_wire.store(true, Ordering::Relaxed);
        act();
        self.0.takes_wire.store(false, Ordering::Relaxed);
    }

    /// How many secrets were found since the last time.
    pub(crate) fn take_findings(&self) -> usize {
        self.0.findings.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn forget(&self) {
        self.0.first.lock().unwrap().take();
    }

    /// The first line that had one.
    pub(crate) fn first(&self) -> Option<String> {
        self.0.first.lock().unwrap().clone()
    }

    pub(crate) fn look_at(&self, written: &[u8]) {
        let found = self
            .0
            .canaries
            .iter()
            .filter_map(|canary| canary.found_in(written));
        let signature = has_signature(written).then_some("a signature");
        for form in found.chain(signature) {
            self.0.findings.fetch_add(1, Ordering::Relaxed);
            let line = format!("{form}: {}", String::from_utf8_lossy(written));
            self.0.first.lock().unwrap().get_or_insert(line);
        }
    }
}

impl Watch {
    /// A line of a dump has 16 bytes as hexadecimal digits, two and two: what it shows is spread over lines.
    fn look_at_dump(&self, line: &str) {
        const LONGEST: usize = 512;
        let digits: String = line.split(' ').take(8).collect();
        let bytes = (0..digits.len() / 2).map_while(|at| {
            let pair = digits.get(2 * at..2 * at + 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let mut dumped = self.0.dumped.lock().unwrap();
        dumped.extend(bytes);
        let length = dumped.len();
        dumped.drain(..length.saturating_sub(LONGEST));
        self.look_at(&dumped);
    }
}

impl log::Log for Watch {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        !metadata.target().starts_with("ureq_proto") || self.0.takes_wire.load(Ordering::Relaxed)
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = record.args().to_string();
        self.look_at(line.as_bytes());
        if record.target().starts_with("ureq_proto") {
            self.look_at_dump(&line);
        }
    }

    fn flush(&self) {}
}

/// Each event is one line, which is written at once.
impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.look_at(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Watch {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
