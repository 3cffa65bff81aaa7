// SPDX-License-Identifier: MIT OR Apache-2.0
//! Motion blur: the kernel of a camera that moves along a straight line at constant speed while the shutter is open.

use super::{Kernel, normalised};

impl Kernel {
    /// The path of a point that moves `length` pixels in the direction `angle` (radians, from the x axis towards the y
    /// axis, which points down), centred: a pixel's weight is the share of the time that the point spends in it. Along
    /// the x axis, an odd whole `length` gives a box of that many pixels; up to a `length` of 1 nothing is blurred.
    #[must_use]
    pub fn motion(length: f64, angle: f64) -> Self {
        let length = length.max(1e-2);
        let (sin, cos) = libm::sincos(angle);
        let radius = (0.5 * length).ceil() as usize;
        let size = 2 * radius + 1;
        let mut weights = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let (x, y) = (column as f64 - radius as f64, row as f64 - radius as f64);
                // Where on the path, from -length/2 to length/2, the point is between the pixel's sides.
                let (enters_x, leaves_x) = crossing(x, cos, length);
                let (enters_y, leaves_y) = crossing(y, sin, length);
                weights.push((leaves_x.min(leaves_y) - enters_x.max(enters_y)).max(0.0));
            }
        }
        Self::Full { size, weights: normalised(weights) }
    }
}

/// The part of a path of `length`, with `speed` pixels a unit along an axis, that lies within half a pixel of `position`
/// on that axis: its start and end, the start behind the end when there is none.
fn crossing(position: f64, speed: f64, length: f64) -> (f64, f64) {
    let half = 0.5 * length;
    // A path that moves less than this across the axis stays in its middle row or column (sin π is not quite 0).
    if speed.abs() * half < 1e-9 {
        return if position == 0.0 { (-half, half) } else { (half, -half) };
    }
    let (from, to) = ((position - 0.5) / speed, (position + 0.5) / speed);
    (from.min(to).max(-half), from.max(to).min(half))
}
