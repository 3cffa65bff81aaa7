// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shapes by their distance: how much of each pixel they cover.

use super::text::Line;

/// A shape in shares of a crop's side, x to the right and y down.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// An upright box.
    Box { from: [f64; 2], to: [f64; 2] },
    /// All places within `radius` of a line from one place to another.
    Stroke { from: [f64; 2], to: [f64; 2], radius: f64 },
    /// An ellipse's outline.
    Ring { centre: [f64; 2], radii: [f64; 2], half_width: f64 },
    /// Parallel stripes in a box; `normal` has length 1.
    Stripes { normal: [f64; 2], period: f64, share: f64, within: [[f64; 2]; 2] },
    /// A line of text, every letter `grown` wider on each side.
    Text { line: Line, grown: f64 },
}

impl Shape {
    /// Stripes at `angle` to the upright, each a `share` of the `period` wide, inside the box `within`.
    pub fn stripes(angle: f64, period: f64, share: f64, within: [[f64; 2]; 2]) -> Self {
        Self::Stripes { normal: [libm::cos(angle), libm::sin(angle)], period, share, within }
    }

    /// How much of the pixel at `place` of a crop of `side` pixels it covers, 0 to 1.
    pub fn coverage(&self, place: [f64; 2], side: f64) -> f32 {
        (0.5 - self.distance(place) * side).clamp(0.0, 1.0) as f32
    }

    /// The distance of `place` to the shape's edge, negative inside; near enough the edge to draw by.
    fn distance(&self, place: [f64; 2]) -> f64 {
        match self {
            Self::Box { from, to } => to_box(place, *from, *to),
            Self::Stroke { from, to, radius } => to_segment(place, *from, *to) - radius,
            Self::Ring { centre, radii, half_width } => {
                let scaled = [0, 1].map(|axis| (place[axis] - centre[axis]) / radii[axis]);
                // The ellipse's implicit function over its gradient is the distance to first order.
                let gradient = [0, 1].map(|axis| scaled[axis] / radii[axis]);
                let length = norm(scaled).max(1e-6);
                let distance = (length - 1.0) * length / norm(gradient).max(1e-6);
                distance.abs() - half_width
            }
            Self::Stripes { normal, period, share, within } => {
                let along = (place[0] * normal[0] + place[1] * normal[1]) / period;
                let from_middle = (along - along.floor() - 0.5).abs();
                let stripe = (from_middle - 0.5 * share) * period;
                stripe.max(to_box(place, within[0], within[1]))
            }
            Self::Text { line, grown } => line.distance(place) - grown,
        }
    }
}

fn norm([x, y]: [f64; 2]) -> f64 {
    (x * x + y * y).sqrt()
}

fn to_box(place: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let outside = [0, 1].map(|axis| (from[axis] - place[axis]).max(place[axis] - to[axis]));
    outside[0].max(outside[1])
}

/// The distance of `place` to the line from `from` to `to`.
pub(super) fn to_segment(place: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let own = [place[0] - from[0], place[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = if length > 0.0 { (own[0] * along[0] + own[1] * along[1]) / length } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    norm([own[0] - share * along[0], own[1] - share * along[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Areas counted by coverage, against their formulas.
    #[test]
    fn shapes_have_the_areas_of_their_formulas() {
        let side = 400.0;
        let area = |shape: &Shape| {
            let all = (0..160_000).map(|index| {
                let place = [index % 400, index / 400].map(|at| (f64::from(at) + 0.5) / side);
                f64::from(shape.coverage(place, side))
            });
            all.sum::<f64>() / 160_000.0
        };
        let pi = std::f64::consts::PI;
        let cases = [
            (Shape::Box { from: [0.1, 0.2], to: [0.4, 0.9] }, 0.3 * 0.7),
            (Shape::Stroke { from: [0.3, 0.3], to: [0.6, 0.7], radius: 0.05 }, 0.1 * 0.5 + pi * 0.0025),
            // π (a + w)(b + w) − π (a − w)(b − w) = 2 π w (a + b)
            (Shape::Ring { centre: [0.5, 0.5], radii: [0.3, 0.2], half_width: 0.01 }, 2.0 * pi * 0.01 * 0.5),
            (Shape::stripes(0.3, 0.02, 0.4, [[0.1, 0.1], [0.9, 0.6]]), 0.4 * 0.8 * 0.5),
        ];
        for (shape, expected) in cases {
            let area = area(&shape);
            assert!((area - expected).abs() < 0.04 * expected, "{shape:?}: {area}, not {expected}");
        }
    }
}
