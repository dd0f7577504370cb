#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::*;

#[path = "../../../tests/program/screen.rs"]
#[allow(dead_code, reason = "its other half is for the tests of the program")]
mod screen;

use screen::Screen;

/// A window that is drawn on as the program draws.
struct Window {
    canvas: Canvas,
    screen: Screen,
    size: Size,
}

impl Window {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            canvas: Canvas { drawn: Vec::new() },
            screen: Screen::new(columns, rows),
            size: Size { columns, rows },
        }
    }

    fn draw(&mut self, lines: &[&str]) {
        let lines: Vec<Line> = lines.iter().map(|text| Line::new(text)).collect();
        let written = self.canvas.draw(&lines, self.size, true);
        self.screen.write(&written);
    }

    fn print(&mut self, text: &str) {
        let erased = self.canvas.erase(self.size);
        self.screen.write(&erased);
        self.screen.write(&format!("{text}\r\n"));
    }

    fn resize(&mut self, columns: usize, rows: usize) {
        self.size = Size { columns, rows };
        self.screen.resize(columns, rows);
    }

    fn end(&mut self) {
        let erased = self.canvas.erase(self.size);
        self.screen.write(&erased);
    }
}

#[test]
fn one_drawing_takes_the_place_of_another() {
    let mut window = Window::new(20, 10);
    window.draw(&["one", "two", "total"]);
    window.draw(&["one, which is longer", "total"]);
    assert_eq!(window.screen.all(), "one, which is long…\ntotal\n");
    window.draw(&["1", "2", "3", "total"]);
    assert_eq!(window.screen.all(), "1\n2\n3\ntotal\n");
    window.end();
    assert_eq!(window.screen.all(), "\n");
}

#[test]
fn what_is_printed_stands_above_and_stays() {
    let mut window = Window::new(20, 6);
    for number in 0..10 {
        window.print(&format!("message {number}"));
        window.draw(&["row", "total"]);
        window.draw(&["row", "total"]);
    }
    let seen = "message 7\nmessage 8\nmessage 9\nrow\ntotal\n";
    assert_eq!(window.screen.seen(), seen);
    window.end();
    let all: String = (0..10)
        .map(|number| format!("message {number}\n"))
        .collect();
    assert_eq!(window.screen.all(), all);
}

#[test]
fn a_drawing_higher_than_the_window_keeps_its_last_lines() {
    let mut window = Window::new(20, 4);
    for _ in 0..3 {
        window.draw(&["1", "2", "3", "4", "5", "total"]);
    }
    assert_eq!(window.screen.all(), "4\n5\ntotal\n");
}

#[test]
fn a_window_that_changes_its_width_leaves_nothing_behind() {
    let long = "a line of the drawing that takes the whole of it";
    let mut window = Window::new(80, 24);
    window.print("message");
    for columns in [80, 30, 20, 7, 40, 200, 9, 80] {
        window.resize(columns, 24);
        window.draw(&[long, "row", "total"]);
        let all = window.screen.all();
        assert_eq!(all.matches("total").count(), 1, "{columns}: {all}");
        assert_eq!(all.matches("a l").count(), 1, "{columns}: {all}");
        let drawn = columns.min(50) - 1;
        let mut lines = all.lines().filter(|line| *line != "message");
        assert!(lines.all(|line| line.chars().count() <= drawn), "{all}");
        assert!(all.starts_with("message"), "{all}");
    }
    window.end();
    assert_eq!(window.screen.all(), "message\n");
}

#[test]
fn a_window_that_becomes_lower_still_shows_the_total_last() {
    let mut window = Window::new(40, 24);
    window.draw(&["1", "2", "3", "4", "total"]);
    window.resize(40, 3);
    window.draw(&["4", "total"]);
    assert_eq!(window.screen.seen(), "4\ntotal\n");
}

#[test]
fn a_text_is_cut_by_the_columns_that_it_takes() {
    for (text, most, expected) in [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("日本語の歌", 10, "日本語の歌"),
        ("日本語の歌", 9, "日本語の…"),
        ("日本語の歌", 8, "日本語…"),
        ("x", 0, ""),
        ("xy", 1, "…"),
    ] {
        assert_eq!(cut(text, most), expected, "{text} in {most}");
        assert!(columns(&cut(text, most)) <= most);
    }
}

#[test]
fn what_is_drawn_cannot_act_on_a_terminal() {
    let mut canvas = Canvas { drawn: Vec::new() };
    let hostile = Line::new("a\u{1b}]0;owned\u{7}\u{9b}z\n");
    let size = Size {
        columns: 80,
        rows: 24,
    };
    let written = canvas.draw(&[hostile], size, false);
    assert_eq!(
        written,
        "a\\u{1b}]0;owned\\u{7}\\u{9b}z\\n\u{1b}[K\r\n\u{1b}[J"
    );
}

#[test]
fn without_colours_no_style_is_written() {
    let line = || Line::default().and(Style::new().bold(), "x");
    let size = Size {
        columns: 9,
        rows: 9,
    };
    let written = |colours| Canvas { drawn: Vec::new() }.draw(&[line()], size, colours);
    assert_eq!(written(false), "x\u{1b}[K\r\n\u{1b}[J");
    assert!(written(true).contains("\u{1b}[1m"));
}
