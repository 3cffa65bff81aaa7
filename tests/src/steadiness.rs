// SPDX-License-Identifier: MIT OR Apache-2.0
//! How steady a video is: what of a frame was not in the one before it, moved along, in levels and against the local contrast.

use face_detect::Region;
use opencv::core::{
    self, BORDER_REFLECT_101, BORDER_REPLICATE, CV_32F, Mat, MatTraitConst, MatTraitManual, Scalar, Size,
    Vec2f, Vec3f, no_array,
};
use opencv::imgproc::{self, INTER_CUBIC};
use opencv::video::{DISOpticalFlow, DISOpticalFlow_PRESET_MEDIUM, DenseOpticalFlowTrait};

use crate::Picture;

/// Contrast is that of a square window whose side is this share of the face's width.
const WINDOW_SHARE: f64 = 1.0 / 8.0;
/// Below a deviation of 7.65 levels eyes see a change as such, not as a share of the contrast: (0.03 · 255)², SSIM's constant C₂
/// (Wang et al. 2004).
const LEAST_VARIANCE: f64 = 58.5225;
/// Where two clean frames differ by more levels than this after the motion is undone, the motion is not known: what
/// comes into sight has none.
const UNKNOWN: f64 = 20.0;

/// What a frame has that the one before it, moved along, has not, over a face.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WarpingError {
    /// Mean squared difference, in levels².
    pub absolute: f64,
    /// Mean of the squared difference over the local variance of the frame, a number: the share of flicker in what there is to be
    /// seen. Contrast that is added by the same factor to a face and to its flicker leaves it as it is, where it is not small.
    pub relative: f64,
}

impl WarpingError {
    /// Of `now` and of `carried`, the frame before it moved along, over the pixels of `area` that count.
    ///
    /// # Panics
    /// When the pictures are of two sizes, or no pixel counts.
    #[must_use]
    pub fn between(
        carried: &Picture,
        now: &Picture,
        area: Region,
        counts: impl Fn(i32, i32) -> bool,
    ) -> Self {
        assert_eq!((carried.width, carried.height), (now.width, now.height));
        let window = ((f64::from(area.width) * WINDOW_SHARE) as i32).max(3);
        let (before, now) = (floats(carried), floats(now));
        let variance = local_variance(&now, window);
        let (mut sum, mut pixels) = (Self::default(), 0.0);
        for y in area.y..area.y + area.height {
            for x in (area.x..area.x + area.width).filter(|&x| counts(x, y)) {
                let at = |image: &Mat| image.at_2d::<Vec3f>(y, x).unwrap().0.map(f64::from);
                for ((now, before), variance) in at(&now).into_iter().zip(at(&before)).zip(at(&variance)) {
                    let square = (now - before).powi(2);
                    sum.absolute += square;
                    sum.relative += square / (variance.max(0.0) + LEAST_VARIANCE);
                    pixels += 1.0;
                }
            }
        }
        assert!(pixels > 0.0, "no pixel counts");
        Self { absolute: sum.absolute / pixels, relative: sum.relative / pixels }
    }

    /// The mean of several.
    #[must_use]
    pub fn mean(errors: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| errors.iter().map(of).sum::<f64>() / errors.len() as f64;
        Self { absolute: mean(|error| error.absolute), relative: mean(|error| error.relative) }
    }
}

/// How a clip moves, where nobody has moved it by a known transform: by optical flow between its clean frames.
#[derive(Debug)]
pub struct FilmMotion {
    /// For each frame but the first, where its pixels were in the frame before (`CV_32FC2`), and by how many levels the two frames
    /// differ there (`CV_32FC3`).
    steps: Vec<(Mat, Mat)>,
}

impl FilmMotion {
    /// Of a clean clip.
    #[must_use]
    pub fn of(clean: &[Picture]) -> Self {
        let mut flow = DISOpticalFlow::create(DISOpticalFlow_PRESET_MEDIUM).unwrap();
        let step = |pair: &[Picture]| {
            let (before, now) = (grey(&pair[0]), grey(&pair[1]));
            let mut map = Mat::default();
            flow.calc(&now, &before, &mut map).unwrap();
            for y in 0..map.rows() {
                for (x, place) in map.at_row_mut::<Vec2f>(y).unwrap().iter_mut().enumerate() {
                    place[0] += x as f32;
                    place[1] += y as f32;
                }
            }
            let mut difference = Mat::default();
            core::absdiff(&floats(&pair[1]), &floats(&sampled(&pair[0], &map)), &mut difference).unwrap();
            (map, difference)
        };
        Self { steps: clean.windows(2).map(step).collect() }
    }

    /// The warping error of frame `index` of a clip that moves so, at least the second one, over `area`.
    ///
    /// # Panics
    /// When there is no such frame.
    #[must_use]
    pub fn error(&self, clip: &[Picture], index: usize, area: Region) -> WarpingError {
        let (map, difference) = &self.steps[index - 1];
        let carried = sampled(&clip[index - 1], map);
        WarpingError::between(&carried, &clip[index], area, |x, y| {
            let levels = difference.at_2d::<Vec3f>(y, x).unwrap().0.map(f64::from);
            levels.into_iter().sum::<f64>() / 3.0 <= UNKNOWN
        })
    }
}

/// `CV_32FC3`.
fn floats(picture: &Picture) -> Mat {
    let mut floats = Mat::default();
    picture.to_bgr().convert_to(&mut floats, CV_32F, 1.0, 0.0).unwrap();
    floats
}

fn grey(picture: &Picture) -> Mat {
    let mut grey = Mat::default();
    imgproc::cvt_color_def(&picture.to_bgr(), &mut grey, imgproc::COLOR_BGR2GRAY).unwrap();
    grey
}

fn sampled(picture: &Picture, map: &Mat) -> Picture {
    let mut sampled = Mat::default();
    let black = Scalar::default();
    imgproc::remap(&picture.to_bgr(), &mut sampled, map, &no_array(), INTER_CUBIC, BORDER_REPLICATE, black)
        .unwrap();
    Picture::from_bgr(&sampled)
}

/// The variance of each channel in the square window about each pixel.
fn local_variance(image: &Mat, window: i32) -> Mat {
    let mean = |image: &Mat| {
        let mut mean = Mat::default();
        let middle = core::Point::new(-1, -1);
        imgproc::blur(image, &mut mean, Size::new(window, window), middle, BORDER_REFLECT_101).unwrap();
        mean
    };
    let squared = |image: &Mat| {
        let mut squared = Mat::default();
        core::multiply(image, image, &mut squared, 1.0, -1).unwrap();
        squared
    };
    let mut variance = Mat::default();
    core::subtract(&mean(&squared(image)), &squared(&mean(image)), &mut variance, &no_array(), -1).unwrap();
    variance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pixels that are by turns `contrast` levels above and below `mean`.
    fn chequered(mean: i32, contrast: i32) -> Picture {
        let mut picture = Picture::plain(192, 160, [0; 3]);
        for (index, value) in picture.rgb.iter_mut().enumerate() {
            let (x, y) = (index / 3 % 192, index / 3 / 192);
            *value = (mean + if (x + y) % 2 == 0 { contrast } else { -contrast }) as u8;
        }
        picture
    }

    const AREA: Region = Region { x: 32, y: 16, width: 128, height: 128 };

    #[test]
    fn the_relative_error_is_the_squared_difference_over_the_local_variance() {
        for (contrast, change) in [(0, 5), (10, 5), (40, 5), (80, 10)] {
            let (before, now) = (chequered(128 + change, contrast), chequered(128, contrast));
            let error = WarpingError::between(&before, &now, AREA, |_, _| true);
            let (square, variance) = (f64::from(change * change), f64::from(contrast * contrast));
            assert!((error.absolute - square).abs() < 1e-9);
            let expected = square / (variance + LEAST_VARIANCE);
            assert!((error.relative - expected).abs() < 0.001 * expected, "{error:?} {expected}");
        }
    }

    #[test]
    fn pixels_that_do_not_count_are_left_out() {
        let (mut before, now) = (chequered(128, 20), chequered(128, 20));
        before.put(&Picture::plain(40, 160, [255; 3]), 0, 0);
        assert!(WarpingError::between(&before, &now, AREA, |_, _| true).absolute > 100.0);
        assert_eq!(WarpingError::between(&before, &now, AREA, |x, _| x >= 40), WarpingError::default());
    }

    #[test]
    fn a_clip_that_moves_is_steady_along_its_motion() {
        let photo = Picture::sharp();
        // The picture's content goes three pixels to the right and two up from frame to frame.
        let clip: Vec<Picture> =
            (0..3).map(|frame| photo.crop(100 - 3 * frame, 20 + 2 * frame, 260, 220)).collect();
        let motion = FilmMotion::of(&clip);
        let face = Region { x: 80, y: 40, width: 90, height: 100 };
        for index in 1..3 {
            let along = motion.error(&clip, index, face);
            let still = WarpingError::between(&clip[index - 1], &clip[index], face, |_, _| true);
            assert!(along.absolute < 0.1 * still.absolute, "{along:?} {still:?}");
            assert!(along.relative < 0.1 * still.relative, "{along:?} {still:?}");
        }
    }
}
