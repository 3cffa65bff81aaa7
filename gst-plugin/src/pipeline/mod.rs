//! What happens to one frame: detect → align → restore → correction. Knows planes of pixels and networks, not GStreamer
//! elements; what it finds is applied to the frame afterwards, all or nothing.

#[cfg(test)]
mod tests;

use face_detect::{Correction, DetectOptions, Face, FaceDetector, PasteOptions, Similarity};
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::Restorer;

use crate::error::FrameError;
use crate::overlap::weigh_overlaps;
use crate::pixels::{FrameView, region_rgb, shrunk_bgr};
use crate::stats::{Stage, Timings};

/// The detector and the restorer, and the faces found last.
pub struct Pipeline {
    detector: FaceDetector,
    restorer: Box<dyn Restorer>,
    faces: Vec<Face>,
    /// Frames that still use `faces`; 0: the next frame is searched.
    frames_to_reuse: u32,
}

/// What is asked of a frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameOptions {
    /// Which faces count.
    pub detect: DetectOptions,
    /// Every how many frames faces are looked for, at least 1.
    pub detection_interval: u32,
    /// Seed of the sampler's noise, the same for each face of each frame, so that noise does not flicker.
    pub seed: u64,
    /// How restored faces are put back. With strength 0 faces are found and not restored.
    pub paste: PasteOptions,
}

/// What was found out about a frame and is to be done to it.
#[derive(Default)]
pub struct FramePlan {
    /// Its faces, the largest first.
    pub faces: Vec<Face>,
    /// What to add to its pixels, channel order RGB.
    pub corrections: Vec<Correction>,
    /// How long it took.
    pub timings: Timings,
}

/// A face's crop and how it was made.
struct AlignedFace {
    to_crop: Similarity,
    crop: Mat,
}

impl Pipeline {
    /// A pipeline of these networks.
    #[must_use]
    pub fn new(detector: FaceDetector, restorer: Box<dyn Restorer>) -> Self {
        Self { detector, restorer, faces: Vec::new(), frames_to_reuse: 0 }
    }

    /// Forgets the faces found last: after a seek, a change of caps or a gap.
    pub fn reset(&mut self) {
        self.faces.clear();
        self.frames_to_reuse = 0;
    }

    /// Finds out what to do to `frame`; changes no pixel.
    ///
    /// # Errors
    /// [`FrameError`] of the step that failed.
    pub fn plan(&mut self, frame: &FrameView, options: &FrameOptions) -> Result<FramePlan, FrameError> {
        let mut timings = Timings::default();
        let faces = self.detect(frame, options, &mut timings)?;
        if faces.is_empty() || options.paste.strength == 0.0 {
            return Ok(FramePlan { faces, corrections: Vec::new(), timings });
        }
        let size = self.restorer.crop_size();
        let aligned = timings.time(Stage::Align, || align_faces(frame, &faces, size))?;
        let restored = timings.time(Stage::Restore, || self.restore(&aligned, options.seed))?;
        let corrections =
            timings.time(Stage::Paste, || corrections(frame, &aligned, &restored, &options.paste))?;
        Ok(FramePlan { faces, corrections, timings })
    }

    /// The faces of the frame, found now or `detection_interval` frames ago at most.
    fn detect(
        &mut self,
        frame: &FrameView,
        options: &FrameOptions,
        timings: &mut Timings,
    ) -> Result<Vec<Face>, FrameError> {
        if self.frames_to_reuse == 0 {
            self.faces =
                timings.time(Stage::Detect, || find_faces(&mut self.detector, frame, &options.detect))?;
            self.frames_to_reuse = options.detection_interval;
        }
        self.frames_to_reuse -= 1;
        Ok(self.faces.clone())
    }

    /// All faces of the frame as one batch.
    fn restore(&self, aligned: &[AlignedFace], seed: u64) -> Result<Vec<Mat>, FrameError> {
        if aligned.is_empty() {
            return Ok(Vec::new());
        }
        let crops = aligned.iter().map(|face| face.crop.data_bytes()).collect::<opencv::Result<Vec<_>>>()?;
        let restored = self.restorer.restore_rgb8(&crops, &vec![seed; crops.len()])?;
        let size = self.restorer.crop_size() as i32;
        let to_mat = |bytes: &Vec<u8>| Mat::new_rows_cols_with_bytes::<Vec3b>(size, size, bytes)?.try_clone();
        Ok(restored.iter().map(to_mat).collect::<opencv::Result<_>>()?)
    }
}

fn find_faces(
    detector: &mut FaceDetector,
    frame: &FrameView,
    options: &DetectOptions,
) -> Result<Vec<Face>, FrameError> {
    let (width, height) = (frame.layout().width as u32, frame.layout().height as u32);
    let input = FaceDetector::input_size(width, height, options.min_face_size);
    let (small_width, small_height) = input.scaled(width, height);
    let small = shrunk_bgr(frame, small_width, small_height)?;
    Ok(detector.detect_scaled(&small, input, options)?)
}

/// Crops of the faces. A face whose landmarks fit no similarity, or that misses the frame, is left out.
fn align_faces(frame: &FrameView, faces: &[Face], size: u32) -> Result<Vec<AlignedFace>, FrameError> {
    let (width, height) = (frame.layout().width as u32, frame.layout().height as u32);
    let mut aligned = Vec::with_capacity(faces.len());
    for face in faces {
        let Ok(to_crop) = face_detect::face_to_crop(&face.landmarks, size) else { continue };
        let Some(region) = face_detect::face_region(&to_crop, size, width, height) else { continue };
        let pixels = region_rgb(frame, region)?;
        aligned.push(AlignedFace { to_crop, crop: face_detect::align(&pixels, region, &to_crop, size)? });
    }
    Ok(aligned)
}

fn corrections(
    frame: &FrameView,
    aligned: &[AlignedFace],
    restored: &[Mat],
    options: &PasteOptions,
) -> Result<Vec<Correction>, FrameError> {
    let (width, height) = (frame.layout().width as u32, frame.layout().height as u32);
    let mut corrections = Vec::with_capacity(aligned.len());
    for (face, restored) in aligned.iter().zip(restored) {
        corrections.extend(face_detect::correction(
            &face.crop,
            restored,
            &face.to_crop,
            width,
            height,
            options,
        )?);
    }
    weigh_overlaps(&mut corrections)?;
    Ok(corrections)
}
