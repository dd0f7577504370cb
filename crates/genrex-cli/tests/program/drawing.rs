//! What is drawn on a terminal while something goes on, and what is left of it.

use std::fs;
use std::path::Path;

use tempfile::{TempDir, tempdir};

use crate::interrupts::interrupt;
use crate::pty::Terminal;
use crate::screen::Screen;
use crate::service::Counting;
use crate::support::{Played, Sandbox, answer, code, stderr, stdout};

/// A folder with a batch of so many rows, whose names in it are `1.wav` and so on.
fn folder_of_rows(rows: u32) -> TempDir {
    let folder = tempdir().unwrap();
    let mut text = String::from("text,duration,output\n");
    for row in 1..=rows {
        text.push_str(&format!("slow piano number {row},5,{row}.wav\n"));
    }
    fs::write(folder.path().join("batch.csv"), text).unwrap();
    folder
}

const BATCH: [&str; 6] = [
    "batch",
    "batch.csv",
    "--out-dir",
    "out",
    "--poll-interval",
    "20ms",
];

/// The screen's lines, with the folder's name taken out.
fn lines(screen: &str, folder: &Path) -> Vec<String> {
    let folder = format!("{}/", folder.canonicalize().unwrap().display());
    let lines = screen.replace(&folder, "");
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_batch_leaves_its_results_and_its_report_and_nothing_of_what_was_drawn() {
    let folder = folder_of_rows(3);
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "300ms"]);
    let args = [&BATCH[..], &["--concurrency", "1"]].concat();
    for run in ["the first", "of a finished batch"] {
        let mut command = sandbox.genrex(folder.path(), &args);
        let mut terminal = Terminal::start(&mut command, 200, 24);
        assert_eq!(terminal.end(), 0, "{}", terminal.text());
        let moved = if run == "the first" { 15 } else { 0 };
        assert_eq!(
            lines(&terminal.screen.all(), folder.path()),
            [
                "out/1.wav",
                "out/2.wav",
                "out/3.wav",
                "3 planned: 3 downloaded, 0 paid for and still to fetch, 0 failed, 0 refused, 0 not sent, 0 not started",
                &format!("{moved} credits moved"),
            ],
            "{run}"
        );
        let drew = terminal.text().contains("/3 rows");
        assert!(drew, "{run} drew nothing: {}", terminal.text());
    }
}

/// The last line says how many rows are done, no line is folded, and there are so many of them.
fn is_drawn(screen: &Screen, width: usize, last: &str, lines: usize) -> bool {
    let seen = screen.seen();
    let mut all = seen.lines();
    all.clone().count() == lines
        && all.clone().all(|line| line.chars().count() < width)
        && all.next_back().is_some_and(|line| line.starts_with(last))
}

#[test]
fn the_total_is_seen_in_each_window_with_what_is_said_above_it() {
    for (columns, rows, lines) in [(80, 24, 20), (40, 24, 20), (30, 24, 20), (200, 24, 20)] {
        let folder = folder_of_rows(60);
        let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
        let args = [&BATCH[..], &["--concurrency", "50"]].concat();
        let mut command = sandbox.genrex(folder.path(), &args);
        let mut terminal = Terminal::start(&mut command, columns, rows);
        let is_so = |screen: &Screen| {
            let hidden = if columns < 80 { 33 } else { 32 };
            screen.seen().contains(&format!("… and {hidden} more"))
                && is_drawn(screen, columns.into(), "0/60", lines)
        };
        terminal.until(is_so);
        terminal.drawn(2);
        assert!(is_so(&terminal.screen), "{}", terminal.screen.all());
        let all = terminal.screen.all();
        assert_eq!(all.matches("0/60").count(), 1, "{all}");

        interrupt(&terminal.process);
        let is_said = |screen: &Screen| {
            let seen = screen.seen();
            let last = seen.lines().next_back().unwrap_or_default();
            screen.all().starts_with("warning: finishing what") && last.contains("finishing ")
        };
        terminal.until(is_said);
        terminal.drawn(4);
        assert!(is_said(&terminal.screen), "{}", terminal.screen.all());

        interrupt(&terminal.process);
        assert_eq!(terminal.end(), 130);
        let all = terminal.screen.all();
        assert!(!all.contains("0/60") && !all.contains("more\n"), "{all}");
        assert!(all.starts_with("warning: finishing"), "{all}");
        let all = all.replace('\n', "");
        assert!(all.contains("60 planned: 0 downloaded, "), "{all}");
    }
}

#[test]
fn a_window_may_change_while_something_is_drawn() {
    let folder = folder_of_rows(9);
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    let args = [&BATCH[..], &["--concurrency", "4"]].concat();
    let mut command = sandbox.genrex(folder.path(), &args);
    let mut terminal = Terminal::start(&mut command, 80, 24);
    terminal.until(|screen| screen.seen().matches("Processing").count() == 4);
    for (columns, rows, lines) in [
        (40, 24, 6),
        (30, 24, 6),
        (200, 24, 5),
        (20, 24, 6),
        (80, 24, 5),
    ] {
        terminal.resize(columns, rows);
        let is_so = |screen: &Screen| is_drawn(screen, columns.into(), "0/9", lines);
        terminal.until(is_so);
        terminal.drawn(2);
        assert!(is_so(&terminal.screen), "{}", terminal.screen.all());
        let all = terminal.screen.all();
        assert_eq!(all.matches("0/9").count(), 1, "{all}");
    }
    // What does not fit into a low window has scrolled away.
    terminal.resize(80, 4);
    terminal.until(|screen| is_drawn(screen, 80, "0/9", 3));
}

#[test]
fn where_nothing_can_be_drawn_plain_lines_are_written() {
    let folder = folder_of_rows(2);
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    for (name, value, more) in [("TERM", "dumb", ""), ("TERM", "xterm", "-q")] {
        let _ = fs::remove_dir_all(folder.path().join("out"));
        let args: Vec<&str> = BATCH
            .into_iter()
            .chain(["--new"])
            .chain((!more.is_empty()).then_some(more))
            .collect();
        let mut command = sandbox.genrex(folder.path(), &args);
        let mut terminal = Terminal::start(command.env(name, value), 100, 24);
        assert_eq!(terminal.end(), 0, "{}", terminal.text());
        assert!(!terminal.written.contains(&0x1b), "{}", terminal.text());
        assert!(terminal.text().contains("out/1.wav\r\n"));
    }

    let _ = fs::remove_dir_all(folder.path().join("out"));
    let args = [&BATCH[..], &["--new"]].concat();
    let piped = sandbox.run(folder.path(), &args);
    assert_eq!(code(&piped), 0, "{}", stderr(&piped));
    for text in [stdout(&piped), stderr(&piped)] {
        assert!(!text.contains(['\u{1b}', '\r']), "{text}");
    }
    assert_eq!(stdout(&piped).lines().count(), 2);
}

#[test]
fn without_colours_it_is_drawn_in_one() {
    let folder = folder_of_rows(2);
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    for (name, value, more, coloured) in [
        ("NO_COLOR", "1", "auto", false),
        ("NO_COLOR", "", "never", false),
        ("NO_COLOR", "", "auto", true),
    ] {
        let _ = fs::remove_dir_all(folder.path().join("out"));
        let args = [&BATCH[..], &["--new", "--color", more]].concat();
        let mut command = sandbox.genrex(folder.path(), &args);
        let mut terminal = Terminal::start(command.env(name, value), 100, 24);
        assert_eq!(terminal.end(), 0, "{}", terminal.text());
        let text = terminal.text();
        assert!(text.contains("/2 rows"), "{text}");
        assert_eq!(text.contains("\u{1b}[36m"), coloured, "{text}");
    }
}

const PROCESSING: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
const FAILED: &str = r#"{"id":"QRY_1","status":"Failed"}"#;

/// A service that is down while a job is asked after is said in the job's line, and is gone when it answers again.
#[test]
fn a_silence_stands_in_the_line_of_a_job_while_it_lasts() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for args in [&["generate", "a"][..], &["wait", "QRY_1"]] {
        let service = Played::start();
        let more = ["--poll-interval", "20ms", "--base-url", &service.url];
        let mut command = sandbox.genrex(folder.path(), &[args, &more].concat());
        let mut terminal = Terminal::start(&mut command, 80, 24);
        if args[0] == "generate" {
            answer(&mut service.next(), "201 Created", PROCESSING);
        }
        answer(&mut service.next(), "200 OK", PROCESSING);
        terminal.until(|screen| screen.seen().contains("Processing  0:"));
        answer(&mut service.next(), "503 No", "");
        terminal.until(|screen| {
            let seen = screen.seen();
            seen.contains(" no answer for ")
                && seen.contains(" s (503), still trying; the job goes on")
        });
        answer(&mut service.next(), "200 OK", PROCESSING);
        terminal.until(|screen| {
            let seen = screen.seen();
            seen.contains("Processing  0:") && !seen.contains("no answer")
        });
        answer(&mut service.next(), "200 OK", FAILED);
        assert_eq!(terminal.end(), 4, "{}", terminal.text());
        let all = terminal.screen.all();
        assert!(!all.contains("Processing  "), "{all}");
    }
}

#[test]
fn how_long_such_a_piece_took_is_shown_while_the_next_is_made() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let started = |text| {
        let args = [
            "generate",
            text,
            "--no-download",
            "--poll-interval",
            "20ms",
            "--base-url",
            &service.url,
        ];
        Terminal::start(&mut sandbox.genrex(folder.path(), &args), 100, 24)
    };
    service.state().status = "Completed";
    let mut first = started("a");
    assert_eq!(first.end(), 0, "{}", first.text());
    assert!(!first.text().contains("usually"), "{}", first.text());
    service.state().status = "Processing";
    let mut second = started("b");
    second.until(|screen| screen.seen().contains("usually about "));
    service.state().status = "Completed";
    assert_eq!(second.end(), 0, "{}", second.text());
}
