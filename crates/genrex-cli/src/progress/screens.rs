//! The screens that are kept as text, and what is compared with them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::output::{Picture, Size, columns};

/// The windows that each state is drawn in: 24 rows, and a low one.
const WINDOWS: [(usize, usize); 5] = [(30, 24), (40, 24), (80, 24), (200, 24), (80, 6)];

/// Compares what each window shows with what is kept; with `GENREX_WRITE_SCREENS=1`, keeps it.
pub(crate) fn compare(name: &str, picture: &dyn Picture, now: Duration) {
    let mut drawn = String::new();
    for (width, height) in WINDOWS {
        let size = Size {
            columns: width,
            rows: height,
        };
        let lines = picture.lines(now, size);
        assert!(lines.len() < height, "{name}: too high for {height}");
        writeln!(drawn, "--- {width} columns, {height} rows").unwrap();
        for line in lines {
            let text = line.text();
            assert!(
                columns(&text) < width,
                "{name}: too wide for {width}: {text}"
            );
            writeln!(drawn, "{}", text.trim_end()).unwrap();
        }
    }
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/progress/screens/{name}.txt"));
    if std::env::var_os("GENREX_WRITE_SCREENS").is_some() {
        std::fs::write(&file, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        drawn, kept,
        "{name} is another screen than the one that is kept"
    );
}
