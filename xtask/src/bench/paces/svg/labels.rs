//! Where the names of points stand, so that none lies over another one or over a point.

/// A point, and the name that is to stand beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) name: &'a str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) radius: f64,
}

/// A name's place: where its text is anchored, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Label {
    pub(super) x: f64,
    /// Of the line that the text stands on.
    pub(super) base: f64,
    pub(super) anchor: &'static str,
}

/// What is taken, from left to right and from the top down.
#[derive(Debug, Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Of the text, nearly.
const LETTER: f64 = 7.2;
const HEIGHT: f64 = 12.0;

/// A place for each name, in a field of this size. Those that come first choose first.
pub(super) fn place(points: &[Point<'_>], (width, height): (f64, f64)) -> Vec<Label> {
    let field = Area {
        left: 0.0,
        top: 0.0,
        right: width,
        bottom: height,
    };
    let mut taken: Vec<Area> = points.iter().map(Area::of_point).collect();
    let labels = points.iter().map(|point| {
        let cost = |label: &Label| {
            let area = Area::of_text(point.name, label);
            let over: f64 = taken.iter().map(|taken| area.over(taken)).sum();
            over + area.beyond(&field)
        };
        let label = best(around(point), cost);
        taken.push(Area::of_text(point.name, &label));
        label
    });
    labels.collect()
}

/// The first one of those that cost least.
fn best(labels: impl Iterator<Item = Label>, cost: impl Fn(&Label) -> f64) -> Label {
    let mut best: Option<(f64, Label)> = None;
    for label in labels {
        let cost = cost(&label);
        if best.is_none_or(|(least, _)| cost < least) {
            best = Some((cost, label));
        }
    }
    best.map_or(
        Label {
            x: 0.0,
            base: 0.0,
            anchor: "start",
        },
        |(_, label)| label,
    )
}

/// The places beside a point, the best ones first: near it and to its right.
fn around(point: &Point<'_>) -> impl Iterator<Item = Label> {
    let (x, y, gap) = (point.x, point.y, point.radius + 4.0);
    (0..4).flat_map(move |step| {
        let off = f64::from(step) * 9.0;
        let sides = [
            (x + gap, 4.0 - off, "start"),
            (x + gap, 4.0 + off, "start"),
            (x - gap, 4.0 - off, "end"),
            (x - gap, 4.0 + off, "end"),
            (x, -gap - off, "middle"),
            (x, gap + 8.0 + off, "middle"),
        ];
        sides.map(|(x, down, anchor)| Label {
            x,
            base: y + down,
            anchor,
        })
    })
}

impl Area {
    fn of_point(point: &Point<'_>) -> Self {
        let reach = point.radius + 1.0;
        Self {
            left: point.x - reach,
            top: point.y - reach,
            right: point.x + reach,
            bottom: point.y + reach,
        }
    }

    fn of_text(name: &str, label: &Label) -> Self {
        let letters = u32::try_from(name.chars().count()).unwrap_or(u32::MAX);
        let width = f64::from(letters) * LETTER;
        let left = match label.anchor {
            "start" => label.x,
            "end" => label.x - width,
            _ => label.x - width / 2.0,
        };
        Self {
            left,
            top: label.base - HEIGHT + 2.0,
            right: left + width,
            bottom: label.base + 2.0,
        }
    }

    /// How much of it the other one covers.
    fn over(&self, other: &Self) -> f64 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// How much of it is outside.
    fn beyond(&self, field: &Self) -> f64 {
        let whole = (self.right - self.left) * (self.bottom - self.top);
        whole - self.over(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_points_that_are_close_lie_apart_and_within_the_field() {
        let point = |name, x, y| Point {
            name,
            x,
            y,
            radius: 4.0,
        };
        let points = [
            point("learned", 50.0, 100.0),
            point("optimal", 30.0, 98.0),
            point("6 s", 60.0, 96.0),
            point("5 s", 66.0, 104.0),
            point("growing", 290.0, 5.0),
            point("curve", 292.0, 225.0),
        ];
        let size = (300.0, 230.0);
        let labels = place(&points, size);
        let areas: Vec<Area> = points
            .iter()
            .zip(&labels)
            .map(|(point, label)| Area::of_text(point.name, label))
            .collect();
        for (number, area) in areas.iter().enumerate() {
            let others = areas
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != number);
            let others = others.map(|(_, other)| *other);
            let covered: f64 = others
                .chain(points.iter().map(Area::of_point))
                .map(|other| area.over(&other))
                .sum();
            assert!(covered < 1e-9, "{}: {labels:?}", points[number].name);
            let is_inside = area.left >= 0.0 && area.right <= 300.0;
            assert!(
                is_inside && area.top >= 0.0 && area.bottom <= 230.0,
                "{area:?}"
            );
        }
    }

    #[test]
    fn a_point_that_is_alone_has_its_name_to_its_right() {
        let point = Point {
            name: "3 s",
            x: 100.0,
            y: 100.0,
            radius: 4.0,
        };
        let [label] = place(&[point], (300.0, 230.0))[..] else {
            panic!("one point has one name");
        };
        assert_eq!((label.x, label.base, label.anchor), (108.0, 104.0, "start"));
    }
}
