//! Screens as one SVG that shows them in turn: no script, no font of its own, light and dark as the reader has it.

use std::fmt::Write as _;

use regex_lite::Regex;

use super::screen::{Look, Screen};

/// One screen, for so many milliseconds.
pub(super) struct Frame {
    rows: Vec<Vec<(String, Look)>>,
    shown: u32,
}

impl Frame {
    pub(super) fn of(screen: &Screen, shown: u32) -> Self {
        let rows = screen.cells().map(|cells| {
            let mut runs: Vec<(String, Look)> = Vec::new();
            for (character, look) in cells {
                match runs.last_mut() {
                    Some((text, last)) if last == look => text.push(*character),
                    _ => runs.push((character.to_string(), *look)),
                }
            }
            runs
        });
        Self {
            rows: rows.collect(),
            shown,
        }
    }

    /// The same without a text in it.
    pub(super) fn without(mut self, text: &str) -> Self {
        let runs = self.rows.iter_mut().flatten();
        runs.for_each(|(run, _)| *run = run.replace(text, ""));
        self
    }
}

const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 16.0;

const STYLE: &str = "
.card { fill: #ffffff; stroke: #d0d7de }
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328 }
.bold { font-weight: bold }
.dim { fill: #59636e }
.c1 { fill: #cf222e } .c2 { fill: #1a7f37 } .c3 { fill: #9a6700 } .c4, .c5 { fill: #0969da } .c6 { fill: #1b7c83 }
@media (prefers-color-scheme: dark) {
.card { fill: #0d1117; stroke: #3d444d }
text { fill: #f0f6fc }
.dim { fill: #9198a1 }
.c1 { fill: #ff7b72 } .c2 { fill: #3fb950 } .c3 { fill: #d29922 } .c4, .c5 { fill: #58a6ff } .c6 { fill: #39c5cf }
}
.frame { visibility: hidden }
.last { visibility: visible }
";

/// The frames in turn, again and again; who wants no motion sees the last.
pub(super) fn draw(frames: &[Frame], columns: u16, rows: u16) -> String {
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"genrex in a terminal\">\n<style>{STYLE}{}</style>\n",
        motion(frames)
    );
    let (inner_width, inner_height) = (width - 1.0, height - 1.0);
    let _ = writeln!(
        drawn,
        "<rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{inner_width:.0}\" height=\"{inner_height:.0}\" rx=\"8\"/>"
    );
    for (number, frame) in frames.iter().enumerate() {
        let last = if number + 1 == frames.len() {
            " last"
        } else {
            ""
        };
        let _ = writeln!(drawn, "<g class=\"frame{last} f{number}\">");
        let mut y = MARGIN + 14.0;
        for row in &frame.rows {
            draw_row(&mut drawn, row, y);
            y += CELL.1;
        }
        drawn.push_str("</g>\n");
    }
    drawn + "</svg>\n"
}

/// When each frame is seen.
fn motion(frames: &[Frame]) -> String {
    let whole: u32 = frames.iter().map(|frame| frame.shown).sum();
    let seconds = f64::from(whole) / 1000.0;
    let mut style = String::from("@media (prefers-reduced-motion: no-preference) {\n");
    let mut begun = 0;
    for (number, frame) in frames.iter().enumerate() {
        let percent = |at: u32| f64::from(at) * 100.0 / f64::from(whole);
        let (from, to) = (percent(begun), percent(begun + frame.shown));
        begun += frame.shown;
        let _ = writeln!(
            style,
            ".f{number} {{ animation: f{number} {seconds:.1}s step-end infinite }}\n@keyframes f{number} {{ 0% {{ visibility: hidden }} \
             {from:.2}% {{ visibility: visible }} {to:.2}% {{ visibility: hidden }} }}"
        );
    }
    style + "}\n"
}

/// Each run at its place and of its width, whatever the reader's font is.
fn draw_row(drawn: &mut String, row: &[(String, Look)], y: f64) {
    let mut column = 0.0;
    for (text, look) in row {
        let columns: usize = text
            .chars()
            .filter_map(unicode_width::UnicodeWidthChar::width)
            .sum();
        let columns = f64::from(u32::try_from(columns).unwrap_or(0));
        if !text.trim().is_empty() {
            let (x, width) = (MARGIN + column * CELL.0, columns * CELL.0);
            let _ = writeln!(
                drawn,
                "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
                 xml:space=\"preserve\"{}>{}</text>",
                classes(*look),
                escaped(text)
            );
        }
        column += columns;
    }
}

fn classes(look: Look) -> String {
    let mut classes = Vec::new();
    if look.is_bold {
        classes.push(String::from("bold"));
    }
    if look.is_dim {
        classes.push(String::from("dim"));
    }
    if let Some(colour) = look.colour {
        classes.push(format!("c{colour}"));
    }
    if classes.is_empty() {
        return String::new();
    }
    format!(" class=\"{}\"", classes.join(" "))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
}

/// A drawing's lines without their places and times, in order: two runs of one session are the same by these.
pub(super) fn without_times(drawing: &str) -> Vec<String> {
    let patterns = [
        (r"\d+:\d\d", "TIME"),
        (r"\d+(\.\d+)? s\b", "TIME"),
        (r"about \d+ min", "about TIME"),
        (r#" (x|y|textLength)="[^"]*""#, ""),
        ("[⠋⠙⠸⠴⠦⠇⠏⠉]", "SPINNER"),
    ];
    let mut text = drawing.to_owned();
    for (pattern, with) in patterns {
        if let Ok(pattern) = Regex::new(pattern) {
            text = pattern.replace_all(&text, with).into_owned();
        }
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> String {
        let mut screen = Screen::new(40, 5);
        screen.write(text);
        draw(&[Frame::of(&screen, 1_000)], 40, 5)
    }

    #[test]
    fn what_was_written_is_escaped() {
        let svg = drawn("</text><script>alert(\"&\")</script>");
        assert!(
            svg.contains("&lt;/text&gt;&lt;script&gt;alert(\"&amp;\")"),
            "{svg}"
        );
        assert!(!svg.contains("<script"), "{svg}");
    }

    #[test]
    fn only_another_text_makes_another_drawing() {
        let first = without_times(&drawn("one.wav\r\ntwo.wav\r\nready after 2.1 s  0:07\r\n"));
        let later = without_times(&drawn("two.wav\r\none.wav\r\nready after 12.0 s  1:07\r\n"));
        let other = without_times(&drawn("two.wav\r\nsix.wav\r\nready after 12.0 s  1:07\r\n"));
        assert_eq!(first, later);
        assert_ne!(first, other);
    }
}
