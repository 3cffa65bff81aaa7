// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which network input size suits a frame and the smallest face wanted.

/// YuNet wants sides that its coarsest grid (stride 32) divides.
const STRIDE: u32 = 32;
/// The longer side that frames are shrunk to. Faces from a twentieth of the frame upwards are found
/// there, and their landmarks are steadier than at 320.
const USUAL_SIDE: f32 = 640.0;
/// The longer side is never larger than this, whatever the smallest face.
const LARGEST_SIDE: f32 = 1280.0;
/// YuNet's score for a frontal face passes 0.6 at about this size and falls to 0.4 at 16 (measured).
const SMALLEST_FACE: f32 = 20.0;
/// A face that is only suspected, and looked at again, may be so much smaller in the input.
const SUSPECT_SHARE: f32 = 0.8;
/// The longer side of a frame in which faces are suspected is this at least: half as much as usual, since nobody asks for
/// steady landmarks there.
const SUSPECT_SIDE: f32 = 320.0;

/// The size of the network's input, and the factor from frame to input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSize {
    /// Width of the network's input, a multiple of 32.
    pub width: u32,
    /// Height of the network's input, a multiple of 32.
    pub height: u32,
    /// Input pixels per frame pixel, above 0 and at most 1.
    pub scale: f32,
}

impl InputSize {
    /// The rule: shrink the frame so that its longer side is 640; if a face of `min_face_size` frame
    /// pixels would then measure less than 20, shrink less, up to 1280. Never enlarge. Sides
    /// are then padded to the next multiple of 32.
    pub(crate) fn for_frame(frame_width: u32, frame_height: u32, min_face_size: u32) -> Self {
        let longer = frame_width.max(frame_height).max(1) as f32;
        let for_smallest_face = Self::scale_for_face(min_face_size);
        let scale = (USUAL_SIDE / longer).max(for_smallest_face.min(LARGEST_SIDE / longer)).min(1.0);
        let unpadded = Self { width: 0, height: 0, scale };
        let (width, height) = unpadded.scaled(frame_width, frame_height);
        Self::for_tile(width, height, scale)
    }

    /// The input for a picture of that size as it is, which is a frame or a part of it at `scale`.
    pub(crate) fn for_tile(width: u32, height: u32, scale: f32) -> Self {
        Self { width: width.next_multiple_of(STRIDE), height: height.next_multiple_of(STRIDE), scale }
    }

    /// The factor from frame to input at which a face of `min_face_size` frame pixels is just large enough to be suspected; less
    /// than that of [`for_frame`](Self::for_frame).
    pub(crate) fn scale_of_suspects(frame_width: u32, frame_height: u32, min_face_size: u32) -> f32 {
        let longer = frame_width.max(frame_height).max(1) as f32;
        let usual = Self::for_frame(frame_width, frame_height, min_face_size).scale;
        let for_smallest_face = SUSPECT_SHARE * Self::scale_for_face(min_face_size);
        for_smallest_face.max(SUSPECT_SIDE / longer).min(SUSPECT_SHARE * usual)
    }

    /// The factor from frame to input at which a face of `min_face_size` frame pixels is just large enough; at most 1.
    pub(crate) fn scale_for_face(min_face_size: u32) -> f32 {
        (SMALLEST_FACE / min_face_size.max(1) as f32).min(1.0)
    }

    /// The size of the shrunk frame before padding, at least 1×1: what
    /// [`FaceDetector::detect_scaled`](crate::FaceDetector::detect_scaled) expects.
    #[must_use]
    pub fn scaled(&self, frame_width: u32, frame_height: u32) -> (u32, u32) {
        let shrink = |side: u32| ((side as f32 * self.scale).round() as u32).max(1);
        (shrink(frame_width), shrink(frame_height))
    }

    /// Whether a network input of this size can exist.
    pub(crate) fn is_valid(&self) -> bool {
        let side = |value: u32| value > 0 && value.is_multiple_of(STRIDE) && value <= 1 << 14;
        side(self.width) && side(self.height) && self.scale.is_finite() && self.scale > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_shrink_to_640_and_more_pixels_serve_small_faces() {
        let size = |width, height, min_face| {
            let input = InputSize::for_frame(width, height, min_face);
            (input.width, input.height, input.scale)
        };
        assert_eq!(size(1280, 720, 64), (640, 384, 0.5));
        assert_eq!(size(1920, 1080, 200), (640, 384, 1.0 / 3.0));
        // 40 px need half size to be seen at 20 px.
        assert_eq!(size(1920, 1080, 40), (960, 544, 0.5));
        // 8 px would need more than full size: the cap holds, and nothing is enlarged.
        assert_eq!(size(3840, 2160, 8), (1280, 736, 1.0 / 3.0));
        assert_eq!(size(176, 144, 8), (192, 160, 1.0));
        assert_eq!(size(970, 2204, 64), (320, 704, 20.0 / 64.0));
    }

    #[test]
    fn extreme_frames_give_a_valid_size_that_holds_the_shrunk_frame() {
        for (width, height) in [(1, 1), (1, 100_000), (65_535, 3), (33, 31), (7680, 4320)] {
            for min_face in [0, 1, 64, u32::MAX] {
                let input = InputSize::for_frame(width, height, min_face);
                let (scaled_width, scaled_height) = input.scaled(width, height);
                assert!(input.is_valid(), "{width}x{height}: {input:?}");
                assert!(scaled_width >= 1 && scaled_width <= input.width);
                assert!(scaled_height >= 1 && scaled_height <= input.height);
                assert!(input.width.max(input.height) <= 1280);
            }
        }
    }
}
