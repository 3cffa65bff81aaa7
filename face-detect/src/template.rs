// SPDX-License-Identifier: MIT OR Apache-2.0
//! The FFHQ landmark template: where a face's five points lie in an aligned crop.

use crate::face::Point;

/// Landmarks of the average aligned FFHQ face at 512×512 pixels, the crop that GFPGAN, CodeFormer
/// and RestoreFormer were trained on.
const FFHQ_512: [(f64, f64); 5] = [
    (192.98138, 239.94708),
    (318.90277, 240.1936),
    (256.63416, 314.01935),
    (201.26117, 371.41043),
    (313.08905, 371.15118),
];

/// The FFHQ template for a crop of `crop_size`×`crop_size` pixels, in the order of
/// [`Face::landmarks`](crate::Face::landmarks).
///
/// The 512-pixel template is scaled about the crop's outer edge, not about the centre of its first
/// pixel, so that a crop at 256 shows exactly what a crop at 512 shows after halving.
#[must_use]
pub fn template(crop_size: u32) -> [Point; 5] {
    let scale = f64::from(crop_size) / 512.0;
    FFHQ_512.map(|(x, y)| Point { x: ((x + 0.5) * scale - 0.5) as f32, y: ((y + 0.5) * scale - 0.5) as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_512_template_is_the_published_one() {
        let points = template(512);
        assert!((points[0].x - 192.98138).abs() < 1e-4 && (points[0].y - 239.94708).abs() < 1e-4);
        assert!((points[4].x - 313.08905).abs() < 1e-4 && (points[4].y - 371.15118).abs() < 1e-4);
    }

    #[test]
    fn other_sizes_keep_each_point_at_the_same_share_of_the_crop() {
        for size in [1, 64, 255, 256, 1024] {
            for (scaled, full) in template(size).iter().zip(template(512)) {
                let share = |value: f32, size: u32| (value + 0.5) / size as f32;
                assert!((share(scaled.x, size) - share(full.x, 512)).abs() < 1e-6);
                assert!((share(scaled.y, size) - share(full.y, 512)).abs() < 1e-6);
            }
        }
    }
}
