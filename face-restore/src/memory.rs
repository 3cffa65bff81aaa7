// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a face looked like after its last restoration, carried to the present frame, so that detail persists.
//!
//! A diffusion model answers each frame's compression noise with slightly other detail, which viewers see as flicker.
//! The face restored last is warped to the present crop by optical flow between the two inputs, and where these agree it
//! is the sampler's starting point and a part of the result; in the same way the network's input is a running mean of the
//! inputs. Both crops hold the face in the same place, so the flow is what its landmarks were off by and how the head
//! turned. Input and result are warped together, so an error of the flow shows in the next one and is undone.

use multiversion::multiversion;
use opencv::core::{
    self, BORDER_REPLICATE, CV_32F, Mat, MatTraitConst, MatTraitConstManual, MatTraitManual, Ptr, Scalar,
    Size, Vec2f, no_array,
};
use opencv::imgproc::{self, INTER_AREA, INTER_CUBIC, INTER_LANCZOS4, INTER_LINEAR};
use opencv::video::{DISOpticalFlow, DISOpticalFlow_PRESET_ULTRAFAST, DenseOpticalFlowTrait};

/// Optical flow is computed on crops of at most this side: finer motion than its pixels is compression noise.
const FLOW_SIDE: i32 = 128;
/// The flow is averaged over the patches of a grid of this side, and smooth in between: compression noise, whose blocks stand
/// still while the face moves, would steer a finer one. What moves otherwise, a lid or a lip, disagrees and is not recalled.
const PATCHES: i32 = 4;
/// Two inputs that differ by this many levels, averaged over a neighbourhood, agree by 1/e. The noise of H.264 at low
/// bitrates stays below half of it; a closing eye or an opening mouth is several times it.
const AGREEMENT_LEVELS: f64 = 12.0;
/// Side of that neighbourhood as a share of the flow's grid.
const NEIGHBOURHOOD_SHARE: f64 = 1.0 / 16.0;

/// A face as it was restored last. Crops are square `CV_8UC3`, RGB, of one size.
pub struct FaceMemory {
    /// What the network saw.
    pub input: Mat,
    /// What was shown.
    pub restored: Mat,
}

impl FaceMemory {
    /// Makes the crops `size` pixels large: the face has grown or shrunk so much that it is restored in crops of another
    /// size, which show the same.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn resize(&mut self, size: Size) -> opencv::Result<()> {
        for crop in [&mut self.input, &mut self.restored] {
            if crop.size()? != size {
                let interpolation = if size.width < crop.cols() { INTER_AREA } else { INTER_CUBIC };
                let mut resized = Mat::default();
                imgproc::resize(crop, &mut resized, size, 0.0, 0.0, interpolation)?;
                *crop = resized;
            }
        }
        Ok(())
    }
}

/// A [`FaceMemory`] as it would look in the present crop.
pub struct Recalled {
    input: Mat,
    restored: Mat,
    /// `CV_32FC1`, 0 to 1: how far the present input is what the network saw then.
    agreement: Mat,
}

/// Computes optical flow between crops; keeps its buffers.
pub struct Recall {
    flow: Ptr<DISOpticalFlow>,
}

impl Recall {
    /// # Errors
    /// When OpenCV fails.
    pub fn new() -> opencv::Result<Self> {
        Ok(Self { flow: DISOpticalFlow::create(DISOpticalFlow_PRESET_ULTRAFAST)? })
    }

    /// Carries `memory` to the present crop `aligned`, of the same size.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn recall(&mut self, memory: &FaceMemory, aligned: &Mat) -> opencv::Result<Recalled> {
        let size = aligned.size()?;
        let grid = Size::new(size.width.min(FLOW_SIDE), size.height.min(FLOW_SIDE));
        let (now, then) = (grey(aligned, grid)?, grey(&memory.input, grid)?);
        let (mut flow, mut patches) = (Mat::default(), Mat::default());
        self.flow.calc(&now, &then, &mut flow)?;
        imgproc::resize(&flow, &mut patches, Size::new(PATCHES, PATCHES), 0.0, 0.0, INTER_AREA)?;
        let then = sample(&then, &source_map(&patches, grid, 1.0)?, INTER_LINEAR)?;
        let agreement = agreement(&now, &then, size)?;
        let map = source_map(&patches, size, f64::from(size.width) / f64::from(grid.width))?;
        // A softer kernel would blur the face more each time it is carried on, and by its position between pixels.
        let [input, restored] =
            [&memory.input, &memory.restored].map(|crop| sample(crop, &map, INTER_LANCZOS4));
        Ok(Recalled { input: input?, restored: restored?, agreement })
    }
}

/// The absolute positions that a coarse flow field points at from the pixels of a `size` image, `scale` times as large.
fn source_map(patches: &Mat, size: Size, scale: f64) -> opencv::Result<Mat> {
    let (mut flow, mut map) = (Mat::default(), Mat::default());
    imgproc::resize(patches, &mut flow, size, 0.0, 0.0, INTER_LINEAR)?;
    flow.convert_to(&mut map, -1, scale, 0.0)?;
    for y in 0..size.height {
        for (x, position) in map.at_row_mut::<Vec2f>(y)?.iter_mut().enumerate() {
            position[0] += x as f32;
            position[1] += y as f32;
        }
    }
    Ok(map)
}

fn sample(image: &Mat, map: &Mat, interpolation: i32) -> opencv::Result<Mat> {
    let mut sampled = Mat::default();
    let black = Scalar::default();
    imgproc::remap(image, &mut sampled, map, &no_array(), interpolation, BORDER_REPLICATE, black)?;
    Ok(sampled)
}

fn grey(crop: &Mat, grid: Size) -> opencv::Result<Mat> {
    let (mut grey, mut small) = (Mat::default(), Mat::default());
    imgproc::cvt_color_def(crop, &mut grey, imgproc::COLOR_RGB2GRAY)?;
    imgproc::resize(&grey, &mut small, grid, 0.0, 0.0, INTER_AREA)?;
    Ok(small)
}

/// exp(−(d / [`AGREEMENT_LEVELS`])²), d the mean absolute difference over a neighbourhood; enlarged to `size`.
fn agreement(now: &Mat, then: &Mat, size: Size) -> opencv::Result<Mat> {
    let (mut difference, mut mean) = (Mat::default(), Mat::default());
    core::absdiff(now, then, &mut difference)?;
    let side = ((f64::from(now.cols()) * NEIGHBOURHOOD_SHARE) as i32).max(1);
    imgproc::blur_def(&difference, &mut mean, Size::new(side, side))?;
    let mut small = Mat::default();
    mean.convert_to(&mut small, CV_32F, 1.0 / AGREEMENT_LEVELS, 0.0)?;
    for value in small.data_typed_mut::<f32>()? {
        *value = (-*value * *value).exp();
    }
    let mut agreement = Mat::default();
    imgproc::resize(&small, &mut agreement, size, 0.0, 0.0, INTER_LINEAR)?;
    Ok(agreement)
}

impl Recalled {
    /// `input` with the share `weight`·agreement of the remembered inputs. Both `CV_8UC3` of one size.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn blend_input(&self, input: &Mat, weight: f32) -> opencv::Result<Mat> {
        self.blend(input, &self.input, weight)
    }

    /// `restored` with the share `weight`·agreement of the remembered face. Both `CV_8UC3` of one size.
    ///
    /// # Errors
    /// When the sizes differ.
    pub fn blend_restored(&self, restored: &Mat, weight: f32) -> opencv::Result<Mat> {
        self.blend(restored, &self.restored, weight)
    }

    fn blend(&self, new: &Mat, old: &Mat, weight: f32) -> opencv::Result<Mat> {
        let size = new.size()?;
        if old.size()? != size || self.agreement.size()? != size {
            let text = format!("a face of {size:?} does not blend with one of {:?}", old.size()?);
            return Err(opencv::Error::new(core::StsUnmatchedSizes, text));
        }
        let mut blended = new.try_clone()?;
        let row = 3 * blended.cols() as usize;
        // One share for each value of a row, so that its loop is one over plain numbers.
        let mut shares = vec![0.0; row];
        let rows = blended.data_bytes_mut()?.chunks_exact_mut(row).zip(old.data_bytes()?.chunks_exact(row));
        for ((values, old), index) in rows.zip(0..) {
            for (shares, agreement) in shares.chunks_exact_mut(3).zip(self.agreement.at_row::<f32>(index)?) {
                shares.fill(weight * agreement);
            }
            blend_row(values, old, &shares);
        }
        Ok(blended)
    }
}

/// new + share · (old − new), rounded. Compiled for wide vector units too: rounding is a call of its own on the least x86-64.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn blend_row(values: &mut [u8], old: &[u8], shares: &[f32]) {
    for ((value, old), share) in values.iter_mut().zip(old).zip(shares) {
        let new = f32::from(*value);
        *value = (new + share * (f32::from(*old) - new)).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use opencv::core::{Rect, Vec3b};

    use super::*;
    use crate::fixtures;

    const SIDE: i32 = 256;

    /// The astronaut's face, the picture shifted by (`x`, `y`) pixels.
    fn crop(x: i32, y: i32) -> Mat {
        let part = Rect::new(100 - x, 10 - y, SIDE, SIDE);
        Mat::roi(&fixtures::astronaut(), part).unwrap().try_clone().unwrap()
    }

    fn with_noise(image: &Mat, levels: i32) -> Mat {
        let mut noisy = image.try_clone().unwrap();
        // A fixed pattern that no block of the picture repeats.
        for (index, value) in noisy.data_bytes_mut().unwrap().iter_mut().enumerate() {
            let draw = (index as u32).wrapping_mul(2_654_435_761) >> 16;
            *value = (i32::from(*value) + (draw as i32 % (2 * levels + 1)) - levels).clamp(0, 255) as u8;
        }
        noisy
    }

    fn mean_difference(a: &Mat, b: &Mat, area: Rect) -> f64 {
        let (a, b) = (Mat::roi(a, area).unwrap(), Mat::roi(b, area).unwrap());
        core::norm2(&a, &b, core::NORM_L1, &no_array()).unwrap() / f64::from(area.area() * 3)
    }

    const INNER: Rect = Rect { x: 32, y: 32, width: 192, height: 192 };

    #[test]
    fn the_face_shown_last_follows_the_motion_between_the_inputs() {
        // A stand-in for the network's answer: the face with strong contrast, which no input resembles.
        let restored_of = |aligned: &Mat| {
            let mut result = Mat::default();
            aligned.convert_to(&mut result, -1, -1.0, 255.0).unwrap();
            result
        };
        let memory = FaceMemory { input: with_noise(&crop(0, 0), 4), restored: restored_of(&crop(0, 0)) };
        for (x, y) in [(0, 0), (3, -2), (-5, 4)] {
            let recalled = Recall::new().unwrap().recall(&memory, &with_noise(&crop(x, y), 4)).unwrap();
            let moved = mean_difference(&recalled.restored, &restored_of(&crop(x, y)), INNER);
            let unmoved = mean_difference(&memory.restored, &restored_of(&crop(x, y)), INNER);
            assert!(
                moved < 3.0 && (moved < 0.5 * unmoved || unmoved == 0.0),
                "({x}, {y}): {moved} of {unmoved}"
            );
            let agreement =
                core::mean(&Mat::roi(&recalled.agreement, INNER).unwrap(), &no_array()).unwrap()[0];
            assert!(agreement > 0.8, "({x}, {y}): {agreement}");
        }
    }

    #[test]
    fn what_changed_in_the_face_is_not_recalled() {
        let memory = FaceMemory { input: crop(0, 0), restored: crop(0, 0) };
        let mut changed = crop(0, 0);
        // An eyelid's worth of new pixels: a patch of the forehead where the eye was.
        let patch = Mat::roi(&crop(0, 0), Rect::new(100, 40, 40, 24)).unwrap().try_clone().unwrap();
        patch.copy_to(&mut Mat::roi_mut(&mut changed, Rect::new(70, 80, 40, 24)).unwrap()).unwrap();
        let recalled = Recall::new().unwrap().recall(&memory, &changed).unwrap();
        let restored =
            Mat::new_rows_cols_with_default(SIDE, SIDE, opencv::core::CV_8UC3, Scalar::all(200.0)).unwrap();
        let blended = recalled.blend_restored(&restored, 0.5).unwrap();
        let share = |x, y| {
            let (old, new) = (recalled.restored.at_2d::<Vec3b>(y, x).unwrap()[1], 200.0);
            (f32::from(blended.at_2d::<Vec3b>(y, x).unwrap()[1]) - new) / (f32::from(old) - new)
        };
        assert!((share(180, 180) - 0.5).abs() < 0.05, "{}", share(180, 180));
        assert!(recalled.agreement.at_2d::<f32>(92, 90).unwrap() < &0.5);
    }
}
