// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at a part of a frame: as large and as fine as what is looked for needs, and no more.

use crate::detector::DetectOptions;
use crate::face::BoundingBox;
use crate::input_size::InputSize;
use crate::region::Region;

/// Sides of the network's inputs for parts of a frame. There are two, since the network's buffers are laid out for each size.
pub(crate) const WINDOWS: [u32; 2] = [128, 256];
/// A window is so many times as large as the face in it: the network wants some of what is around it.
const SURROUNDINGS: f32 = 1.7;
/// What has changed may be a part of a face: so much of its size is looked at beyond it, on each side.
const BEYOND: f32 = 0.5;
/// Of suspects only so much of the least score is asked: a frontal face of 20 pixels has 0.6, one of 16 pixels 0.4 (measured), and
/// one that is turned less.
const SUSPICION: f32 = 0.5;
/// And so much of the least size, as boxes of small faces tremble.
const SUSPECT_SIZE: f32 = 0.8;

/// A part of a frame and the network's input for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The part, in pixels of the frame.
    pub region: Region,
    /// The network's input, which holds the part at its scale.
    pub input: InputSize,
}

impl Look {
    /// A look for new faces in the rectangle `changed` of a frame, which is one of `frame_size` pixels: at the scale at which a face of
    /// the least size is suspected, in one of two windows, or of the whole frame where it is as cheap.
    #[must_use]
    pub fn for_suspects(changed: Region, frame_size: (u32, u32), min_face_size: u32) -> Self {
        let scale = InputSize::scale_of_suspects(frame_size.0, frame_size.1, min_face_size);
        let beyond = |length: i32| BEYOND * length as f32 + min_face_size as f32;
        let (beyond_x, beyond_y) = (beyond(changed.width), beyond(changed.height));
        let part = BoundingBox {
            x: changed.x as f32 - beyond_x,
            y: changed.y as f32 - beyond_y,
            width: changed.width as f32 + 2.0 * beyond_x,
            height: changed.height as f32 + 2.0 * beyond_y,
        };
        let within = clipped(&part, frame_size);
        let whole = Self::whole(frame_size, scale);
        let needed = within.longer_side() * scale;
        let window = WINDOWS.into_iter().find(|&side| needed <= side as f32);
        let window = window.map(|side| Self::window(&within, frame_size, side, scale));
        window.filter(|window| window.pixels() < whole.pixels()).unwrap_or(whole)
    }

    /// A look at a face whose place is known, in the smaller window that holds it as finely as a look at the whole frame would show it, and
    /// then as finely as that window has room for.
    #[must_use]
    pub fn around(face: &BoundingBox, frame_size: (u32, u32), min_face_size: u32) -> Self {
        let usual = InputSize::for_frame(frame_size.0, frame_size.1, min_face_size).scale;
        let needed = (SURROUNDINGS * face.longer_side()).max(1.0);
        let [small, large] = WINDOWS;
        let side = if needed * usual <= small as f32 { small } else { large };
        Self::window(face, frame_size, side, (side as f32 / needed).min(usual.max(1.0)))
    }

    /// A look of each of the inputs that looks at a frame of that size can have.
    #[must_use]
    pub fn all_for(frame_size: (u32, u32), min_face_size: u32) -> [Self; 3] {
        let scale = InputSize::scale_of_suspects(frame_size.0, frame_size.1, min_face_size);
        let whole = Self::whole(frame_size, scale);
        let [small, large] = WINDOWS.map(|side| {
            let nowhere = BoundingBox { x: 0.0, y: 0.0, width: 0.0, height: 0.0 };
            Self::window(&nowhere, frame_size, side, scale)
        });
        [small, large, whole]
    }

    /// The whole frame.
    fn whole((width, height): (u32, u32), scale: f32) -> Self {
        let unpadded = InputSize { width: 0, height: 0, scale };
        let (small_width, small_height) = unpadded.scaled(width, height);
        Self {
            region: Region { x: 0, y: 0, width: width as i32, height: height as i32 },
            input: InputSize::for_tile(small_width, small_height, scale),
        }
    }

    /// A square window with `middle` in its middle, moved into the frame where it reaches beyond.
    fn window(middle: &BoundingBox, frame_size: (u32, u32), side: u32, scale: f32) -> Self {
        let extent = |length: u32| ((side as f32 / scale).floor() as u32).clamp(1, length.max(1));
        let (width, height) = (extent(frame_size.0), extent(frame_size.1));
        let centre = middle.centre();
        let start = |centre: f32, extent: u32, length: u32| {
            (centre - extent as f32 / 2.0).round().clamp(0.0, (length.max(1) - extent) as f32) as i32
        };
        let region = Region {
            x: start(centre.x, width, frame_size.0),
            y: start(centre.y, height, frame_size.1),
            width: width as i32,
            height: height as i32,
        };
        Self { region, input: InputSize { width: side, height: side, scale } }
    }

    /// Width and height of the part at the input's scale.
    #[must_use]
    pub fn scaled(&self) -> (u32, u32) {
        let (width, height) = self.input.scaled(self.region.width as u32, self.region.height as u32);
        (width.min(self.input.width), height.min(self.input.height))
    }

    /// Whether no edge of the part within a frame of `frame_size` pixels cuts `bbox`.
    #[must_use]
    pub fn holds(&self, bbox: &BoundingBox, frame_size: (u32, u32)) -> bool {
        let inside = |low: f32, high: f32, start: i32, length: i32, frame: u32| {
            (start == 0 || low >= start as f32)
                && (start + length == frame as i32 || high <= (start + length) as f32)
        };
        let Region { x, y, width, height } = self.region;
        inside(bbox.x, bbox.x + bbox.width, x, width, frame_size.0)
            && inside(bbox.y, bbox.y + bbox.height, y, height, frame_size.1)
    }

    /// Pixels of the network's input, with which its time grows.
    #[must_use]
    pub fn pixels(&self) -> u32 {
        self.input.width * self.input.height
    }

    /// Whether the part is the whole frame.
    #[must_use]
    pub fn is_whole(&self, (width, height): (u32, u32)) -> bool {
        self.region == Region { x: 0, y: 0, width: width as i32, height: height as i32 }
    }
}

impl DetectOptions {
    /// These for a look that is to miss nobody and whose finds are looked at again.
    #[must_use]
    pub fn for_suspects(&self) -> Self {
        Self {
            score_threshold: self.score_threshold * SUSPICION,
            min_face_size: (self.min_face_size as f32 * SUSPECT_SIZE) as u32,
            // Large ones, of which most are none, must not take the places of a small one.
            max_faces: usize::MAX,
            ..*self
        }
    }
}

/// The part of the box within the frame.
fn clipped(bbox: &BoundingBox, (width, height): (u32, u32)) -> BoundingBox {
    let (left, top) = (bbox.x.clamp(0.0, width as f32), bbox.y.clamp(0.0, height as f32));
    let (right, bottom) = (
        (bbox.x + bbox.width).clamp(left, (width as f32).max(left)),
        (bbox.y + bbox.height).clamp(top, (height as f32).max(top)),
    );
    BoundingBox { x: left, y: top, width: right - left, height: bottom - top }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: (u32, u32) = (1280, 720);

    fn holds(look: &Look, x: i32, y: i32, width: i32, height: i32) -> bool {
        let region = look.region;
        region.x <= x
            && region.y <= y
            && region.x + region.width >= x + width
            && region.y + region.height >= y + height
    }

    #[test]
    fn a_small_change_needs_a_small_window_and_a_large_one_the_frame() {
        // A face of 32 pixels is suspected at 16 of the input's: half size.
        let small = Look::for_suspects(Region { x: 600, y: 300, width: 60, height: 60 }, FRAME, 32);
        assert_eq!((small.input.width, small.input.scale), (128, 0.5));
        assert!(holds(&small, 570, 270, 120, 120), "{small:?}");
        let larger = Look::for_suspects(Region { x: 600, y: 300, width: 200, height: 160 }, FRAME, 32);
        assert_eq!((larger.input.width, larger.input.height), (256, 256));
        let large = Look::for_suspects(Region { x: 100, y: 100, width: 700, height: 400 }, FRAME, 32);
        assert!(large.is_whole(FRAME));
        assert_eq!((large.input.width, large.input.height, large.input.scale), (640, 384, 0.5));
        assert_eq!(large.scaled(), (640, 360));
    }

    #[test]
    fn windows_stay_within_the_frame_and_their_part_within_the_input() {
        for (x, y) in [(0, 0), (1240, 690), (630, 0), (0, 700)] {
            for min_face_size in [1, 20, 32, 100, 5000] {
                for frame in [FRAME, (64, 48), (3840, 2160), (33, 1000)] {
                    let changed = Region { x, y, width: 30, height: 25 };
                    let face = BoundingBox { x: x as f32, y: y as f32, width: 300.0, height: 20.0 };
                    for look in [
                        Look::for_suspects(changed, frame, min_face_size),
                        Look::around(&face, frame, min_face_size),
                    ] {
                        let Region { x, y, width, height } = look.region;
                        assert!(x >= 0 && y >= 0 && width > 0 && height > 0, "{look:?}");
                        assert!(x + width <= frame.0 as i32 && y + height <= frame.1 as i32, "{look:?}");
                        let (width, height) = look.scaled();
                        assert!(width <= look.input.width && height <= look.input.height, "{look:?}");
                        assert!(look.input.is_valid(), "{look:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_known_face_is_looked_at_as_finely_as_its_window_has_room() {
        let face = |side: f32| BoundingBox { x: 600.0, y: 300.0, width: side, height: side };
        let small = Look::around(&face(60.0), FRAME, 32);
        assert_eq!((small.input.width, small.input.scale), (128, 1.0));
        let middling = Look::around(&face(100.0), FRAME, 32);
        // 170 pixels of surroundings would be 106 at the frame's 0.625.
        assert!(middling.input.width == 128 && (middling.input.scale - 128.0 / 170.0).abs() < 1e-3);
        let large = Look::around(&face(400.0), FRAME, 32);
        assert_eq!(large.input.width, 256);
        assert!((large.input.scale * 400.0 * SURROUNDINGS - 256.0).abs() < 0.5, "{large:?}");
        assert!(holds(&large, 600, 300, 400, 400), "{large:?}");
    }
}
