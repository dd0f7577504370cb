//! A field for each kind of service: polls a job from left to right, lag from below, both by the logarithm.

mod labels;

use std::fmt::Write as _;

use self::labels::{Label, Point};
use super::{Pace, Service};

/// Of one field, and between two.
const SIZE: (f64, f64) = (300.0, 230.0);
const GAP: (f64, f64) = (76.0, 70.0);
const COLUMNS: usize = 3;

const STYLE: &str = "
.paper { fill: #ffffff }
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.small { font-size: 11px; fill: #59636e }
.name { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round }
.frame, .grid { fill: none; stroke: #d0d7de }
.front { fill: none; stroke: #8c959f; stroke-dasharray: 4 3 }
.dot { fill: #8c959f }
.learned { fill: #cf222e }
.optimal { fill: #1a7f37 }
text.learned, text.optimal { font-weight: 600 }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 }
text { fill: #f0f6fc }
.name { stroke: #0d1117 }
.small { fill: #9198a1 }
.frame, .grid { stroke: #3d444d }
.learned { fill: #ff7b72 }
.optimal { fill: #3fb950 }
}
";

pub(super) fn draw(services: &[Service]) -> String {
    let rows = services.len().div_ceil(COLUMNS);
    let width = count(COLUMNS) * (SIZE.0 + GAP.0) + 20.0;
    let height = count(rows) * (SIZE.1 + GAP.1) + 10.0;
    let mut drawn = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\" aria-label=\"Polls a job against lag, by pace and by kind of service\">\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"{width:.0}\" height=\"{height:.0}\"/>\n"
    );
    for (number, service) in services.iter().enumerate() {
        let x = 62.0 + count(number % COLUMNS) * (SIZE.0 + GAP.0);
        let y = 30.0 + count(number / COLUMNS) * (SIZE.1 + GAP.1);
        let _ = writeln!(drawn, "<g transform=\"translate({x:.0} {y:.0})\">");
        // Writing to a string does not fail.
        let _ = field(&mut drawn, service);
        drawn.push_str("</g>\n");
    }
    drawn.push_str("</svg>\n");
    drawn
}

fn field(drawn: &mut String, service: &Service) -> std::fmt::Result {
    let across = Scale::over(service.paces.iter().map(|pace| pace.polls), SIZE.0);
    let up = Scale::over(service.paces.iter().map(|pace| pace.late_p95), SIZE.1);
    let place = |pace: &Pace| (across.place(pace.polls), SIZE.1 - up.place(pace.late_p95));
    let (width, height) = SIZE;
    writeln!(
        drawn,
        "<text class=\"title\" y=\"-10\">jobs take {}</text><rect class=\"frame\" width=\"{width}\" height=\"{height}\"/>",
        service.name
    )?;
    for mark in across.marks() {
        let (x, low) = (across.place(mark), height + 15.0);
        writeln!(
            drawn,
            "<path class=\"grid\" d=\"M{x:.1} 0V{height}\"/><text class=\"small\" x=\"{x:.1}\" y=\"{low}\" text-anchor=\"middle\">{mark}</text>"
        )?;
    }
    for mark in up.marks() {
        let y = height - up.place(mark);
        let base = y + 4.0;
        writeln!(
            drawn,
            "<path class=\"grid\" d=\"M0 {y:.1}H{width}\"/><text class=\"small\" x=\"-6\" y=\"{base:.1}\" text-anchor=\"end\">{mark} s</text>"
        )?;
    }
    let (low, middle) = (height + 30.0, height / 2.0);
    writeln!(
        drawn,
        "<text class=\"small\" x=\"{width}\" y=\"{low}\" text-anchor=\"end\">polls a job →</text>\
         <text class=\"small\" transform=\"translate(-44 {middle}) rotate(-90)\" text-anchor=\"middle\">lag that 95 of 100 do not exceed →</text>"
    )?;
    front(drawn, service, place)?;
    points(drawn, service, place)
}

/// A line through the paces that no other beats in both.
fn front(
    drawn: &mut String,
    service: &Service,
    place: impl Fn(&Pace) -> (f64, f64),
) -> std::fmt::Result {
    let mut front: Vec<&Pace> = service
        .paces
        .iter()
        .filter(|pace| pace.name != "optimal" && !service.is_dominated(pace))
        .collect();
    front.sort_by(|one, other| one.polls.total_cmp(&other.polls));
    let points = front.iter().map(|pace| {
        let (x, y) = place(pace);
        format!("{x:.1},{y:.1}")
    });
    let points = points.collect::<Vec<_>>().join(" ");
    writeln!(drawn, "<polyline class=\"front\" points=\"{points}\"/>")
}

fn points(
    drawn: &mut String,
    service: &Service,
    place: impl Fn(&Pace) -> (f64, f64),
) -> std::fmt::Result {
    let mut points: Vec<Point<'_>> = service
        .paces
        .iter()
        .map(|pace| {
            let (x, y) = place(pace);
            let radius = if class(&pace.name) == "dot" { 3.5 } else { 5.0 };
            Point {
                name: &pace.name,
                x,
                y,
                radius,
            }
        })
        .collect();
    // What is looked for first chooses its place first, and is drawn last.
    points.sort_by_key(|point| class(point.name) == "dot");
    let labels = labels::place(&points, SIZE);
    for (point, label) in points.iter().zip(labels).rev() {
        let Point { name, x, y, radius } = point;
        let class = class(name);
        let of_text = if class == "dot" { "" } else { class };
        let Label {
            x: text_x,
            base,
            anchor,
        } = label;
        writeln!(
            drawn,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>\
             <text class=\"name {of_text}\" x=\"{text_x:.1}\" y=\"{base:.1}\" text-anchor=\"{anchor}\">{name}</text>"
        )?;
    }
    Ok(())
}

fn class(name: &str) -> &str {
    match name {
        "learned" | "optimal" => name,
        _ => "dot",
    }
}

/// A logarithmic scale.
#[derive(Debug)]
struct Scale {
    /// The logarithms at both ends.
    least: f64,
    most: f64,
    length: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>, length: f64) -> Self {
        let logs: Vec<f64> = values.map(|value| value.max(0.05).ln()).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = 0.12 * (most - least).max(0.5);
        Self {
            least: least - margin,
            most: most + margin,
            length,
        }
    }

    fn place(&self, value: f64) -> f64 {
        (value.max(0.05).ln() - self.least) / (self.most - self.least) * self.length
    }

    fn marks(&self) -> impl Iterator<Item = f64> {
        let marks = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
        let (least, most) = (self.least, self.most);
        marks
            .into_iter()
            .filter(move |mark: &f64| (least..=most).contains(&mark.ln()))
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_polls_are_further_left_and_less_lag_is_further_down() {
        let pace = |name: &str, polls, late_p95| Pace {
            name: String::from(name),
            polls,
            late: 1.0,
            late_p95,
        };
        let service = Service {
            name: String::from("30 s"),
            paces: vec![pace("learned", 5.0, 8.0), pace("5 s", 50.0, 1.0)],
        };
        let drawn = draw(&[service]);
        let place = |class: &str| {
            let (_, rest) = drawn
                .split_once(&format!("circle class=\"{class}\" cx=\""))
                .unwrap();
            let (x, rest) = rest.split_once("\" cy=\"").unwrap();
            let (y, _) = rest.split_once('"').unwrap();
            (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap())
        };
        let (learned, fixed) = (place("learned"), place("dot"));
        assert!(
            learned.0 < fixed.0 && learned.1 < fixed.1,
            "{learned:?} {fixed:?}"
        );
        assert!(drawn.contains(">learned</text>") && drawn.contains(">5 s</text>"));
    }
}
