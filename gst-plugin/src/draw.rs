// SPDX-License-Identifier: MIT OR Apache-2.0
//! The debug overlay of `draw-boxes`: each face's box and landmarks, drawn into the frame in any format.

use face_detect::{Region, Track};

use crate::meta::visible_box;
use crate::pixels::{FrameViewMut, fill};

const BOX_COLOUR: [u8; 3] = [0, 255, 0];
const LANDMARK_COLOUR: [u8; 3] = [255, 255, 0];

/// Draws the boxes and landmarks of `tracks`, with lines of about 1/240 of the frame's height.
pub fn draw_faces(frame: &mut FrameViewMut, tracks: &[Track]) {
    let (width, height) = (frame.layout().width, frame.layout().height);
    let line = (height as i32 / 240).max(1);
    for face in tracks.iter().map(|track| &track.face) {
        if let Some(bounds) = visible_box(&face.bbox, width as u32, height as u32) {
            draw_box(frame, bounds, line);
        }
        for point in &face.landmarks {
            let side = 2 * line + 1;
            let (x, y) = (point.x.round() as i32, point.y.round() as i32);
            let square =
                Region { x: x.saturating_sub(line), y: y.saturating_sub(line), width: side, height: side };
            fill(frame, square, LANDMARK_COLOUR);
        }
    }
}

fn draw_box(frame: &mut FrameViewMut, bounds: Region, line: i32) {
    let Region { x, y, width, height } = bounds;
    for edge in [
        Region { x, y, width, height: line },
        Region { x, y: y + height - line, width, height: line },
        Region { x, y, width: line, height },
        Region { x: x + width - line, y, width: line, height },
    ] {
        fill(frame, edge, BOX_COLOUR);
    }
}
