// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network's last answer to each face, which is the answer to its next crop, too, where nothing in it has changed.

use std::collections::HashMap;

use opencv::core::{Mat, NORM_INF, Size, no_array, norm2};
use opencv::imgproc::{self, INTER_AREA};
use opencv::prelude::*;

use crate::crop::AlignedFace;
use crate::temporal::TemporalOptions;

/// Crops are compared as means over a grid of this side. A cell is 32×32 pixels of a crop of 512: the size of an iris.
const CELLS: i32 = 16;
/// Two crops are of an unchanged face where no mean of a colour differs by more than this, in levels. What a camera (σ = 6 in each
/// pixel) or H.264 adds to a still face stays below 1 in a mean of a thousand pixels, and below 3 in one of the 56 that a cell is
/// in a frame in which the face is 60 pixels large. A lid that closes, a lip that moves by 5 pixels of the crop or a strong
/// edge that moves by one are more.
const CODEC_NOISE: f64 = 3.0;

/// An answer and what it was the answer to.
struct Answer {
    /// The crop's means, `CV_8UC3`. Those of the crop that was restored, not of the last one that was shown: changes add up.
    means: Mat,
    side: i32,
    options: TemporalOptions,
    restored: Mat,
    /// How often it was shown again.
    shown_again: u32,
}

/// The last answers by the ids of their faces.
#[derive(Default)]
pub(crate) struct Answers(HashMap<u64, Answer>);

impl Answers {
    /// Forgets every face.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Forgets all faces but those that are `alive`.
    pub(crate) fn keep(&mut self, alive: &[u64]) {
        self.0.retain(|id, _| alive.contains(id));
    }

    /// The answer to a face whose crop has these `means`, where the last one was asked for by the same options, is not shown too
    /// often yet and is that to the same crop but for noise.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub(crate) fn again(
        &mut self,
        face: &AlignedFace,
        means: &Mat,
        options: &TemporalOptions,
    ) -> opencv::Result<Option<Mat>> {
        let Some(answer) = self.0.get_mut(&face.id) else { return Ok(None) };
        let is_asked_alike = answer.options == *options && answer.side == face.crop.cols();
        if !is_asked_alike || answer.shown_again >= options.most_reuse {
            return Ok(None);
        }
        if norm2(means, &answer.means, NORM_INF, &no_array())? > CODEC_NOISE {
            return Ok(None);
        }
        answer.shown_again += 1;
        Ok(Some(answer.restored.clone()))
    }

    /// A face whose crop has these `means` has been restored.
    pub(crate) fn remember(
        &mut self,
        face: &AlignedFace,
        means: Mat,
        restored: &Mat,
        options: &TemporalOptions,
    ) {
        let (side, restored) = (face.crop.cols(), restored.clone());
        let answer = Answer { means, side, options: *options, restored, shown_again: 0 };
        self.0.insert(face.id, answer);
    }
}

/// The means of a crop's cells, `CV_8UC3`.
///
/// # Errors
/// When OpenCV fails.
pub(crate) fn means(crop: &Mat) -> opencv::Result<Mat> {
    let mut means = Mat::default();
    imgproc::resize(crop, &mut means, Size::new(CELLS, CELLS), 0.0, 0.0, INTER_AREA)?;
    Ok(means)
}

#[cfg(test)]
mod tests {
    use opencv::core::{CV_8UC3, Rect, Scalar, add};

    use super::*;
    use crate::fixtures;

    const SIDE: i32 = 512;

    /// The astronaut's head, enlarged, `x` pixels farther right.
    fn crop(x: i32) -> Mat {
        let part = Rect::new(126 - x, 16, 192, 192);
        let (photo, mut crop) = (fixtures::astronaut(), Mat::default());
        let size = Size::new(SIDE, SIDE);
        imgproc::resize(&Mat::roi(&photo, part).unwrap(), &mut crop, size, 0.0, 0.0, imgproc::INTER_CUBIC)
            .unwrap();
        crop
    }

    fn face(crop: Mat) -> AlignedFace {
        let to_crop = face_detect::Similarity { a: 1.0, b: 0.0, tx: 0.0, ty: 0.0 };
        AlignedFace { id: 3, to_crop, crop }
    }

    fn brighter(crop: &Mat, levels: f64) -> Mat {
        let mut result = Mat::default();
        add(crop, &Scalar::all(levels), &mut result, &no_array(), -1).unwrap();
        result
    }

    /// With even noise of ±`levels` in blocks of 4 pixels, which is what noise of the frame is after enlargement.
    fn with_noise(crop: &Mat, levels: i32) -> Mat {
        let mut noisy = crop.try_clone().unwrap();
        for (index, value) in noisy.data_bytes_mut().unwrap().iter_mut().enumerate() {
            let (x, y) = (index as u32 / 3 % SIDE as u32 / 4, index as u32 / 3 / SIDE as u32 / 4);
            let mut draw = (x * 131 + y + 1).wrapping_mul(2_654_435_761);
            draw ^= draw >> 15;
            draw = draw.wrapping_mul(0x85eb_ca6b) >> 16;
            *value = (i32::from(*value) + draw as i32 % (2 * levels + 1) - levels).clamp(0, 255) as u8;
        }
        noisy
    }

    const OPTIONS: TemporalOptions =
        TemporalOptions { seed: 1, persistence: 0.0, detail: 1.0, most_reuse: 1000 };

    /// Answers of which the one to `crop` is the last, a plain grey.
    fn answered(crop: Mat, options: &TemporalOptions) -> Answers {
        let mut answers = Answers::default();
        let grey = Mat::new_rows_cols_with_default(SIDE, SIDE, CV_8UC3, Scalar::all(128.0)).unwrap();
        let means = means(&crop).unwrap();
        answers.remember(&face(crop), means, &grey, options);
        answers
    }

    /// What is shown to `face` of an earlier answer.
    fn shown(answers: &mut Answers, face: &AlignedFace, options: &TemporalOptions) -> Option<Mat> {
        answers.again(face, &means(&face.crop).unwrap(), options).unwrap()
    }

    #[test]
    fn noise_is_no_change_and_motion_is_one() {
        let mut answers = answered(crop(0), &OPTIONS);
        let mut again = |crop: Mat| shown(&mut answers, &face(crop), &OPTIONS);
        let answer = again(with_noise(&crop(0), 4)).unwrap();
        assert!(answer.data_bytes().unwrap().iter().all(|&value| value == 128), "the answer itself");
        // A pixel of the frame is almost three of the crop.
        assert!(again(crop(1)).is_none());
        let mut blinks = crop(0);
        let lid = Mat::roi(&crop(0), Rect::new(150, 150, 60, 20)).unwrap().try_clone().unwrap();
        lid.copy_to(&mut Mat::roi_mut(&mut blinks, Rect::new(170, 225, 60, 20)).unwrap()).unwrap();
        assert!(again(blinks).is_none(), "a lid");
        assert!(again(crop(0)).is_some(), "it is open again");
    }

    #[test]
    fn changes_add_up_since_the_answer() {
        let mut answers = answered(crop(0), &OPTIONS);
        // Three levels are three or, by rounding to even, four.
        let brighter = [1, 2, 4, 5, 6].map(|level| face(brighter(&crop(0), f64::from(level))));
        let seen = brighter.map(|face| shown(&mut answers, &face, &OPTIONS).is_some());
        assert_eq!(seen, [true, true, false, false, false]);
    }

    #[test]
    fn an_answer_is_shown_as_often_as_is_allowed_and_to_those_who_asked_for_it() {
        let twice = TemporalOptions { most_reuse: 2, ..OPTIONS };
        let mut answers = answered(crop(0), &twice);
        let often = [(); 4].map(|()| shown(&mut answers, &face(crop(0)), &twice).is_some());
        assert_eq!(often, [true, true, false, false]);
        let mut answers = answered(crop(0), &OPTIONS);
        let other = TemporalOptions { seed: 2, ..OPTIONS };
        assert!(shown(&mut answers, &face(crop(0)), &other).is_none(), "another seed");
        let stranger = AlignedFace { id: 4, ..face(crop(0)) };
        assert!(shown(&mut answers, &stranger, &OPTIONS).is_none(), "another face");
        answers.keep(&[4]);
        assert!(shown(&mut answers, &face(crop(0)), &OPTIONS).is_none(), "its track has ended");
    }
}
