// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where and when to look for faces that nobody follows yet: as seldom, as coarsely and in as small a part of the frame as it
//! can be without missing one.

use face_detect::{
    BoundingBox, Cells, DetectOptions, Face, FaceDetector, Look, Region, TurnedSearch, Watch, add_unknown,
    suppress_overlaps,
};
use opencv::core::Mat;

use crate::error::FaceRestoreError;
use crate::pixels::{FramePixels, resized_bgr};

/// The whole frame is searched again after so many detection intervals in which nobody was in sight, whatever has changed.
const LONGEST_REST: u32 = 12;
/// The whole frame is searched in every so many looks; the others are at what has changed and at the faces that are followed.
const WHOLE_EVERY: u32 = 4;
/// Where a look may be put off, the network takes so many pixels a frame of the stream: about 0.8 ms of a core of an AMD EPYC
/// (Zen 4), which takes 25 a microsecond.
const PIXELS_PER_FRAME: u32 = 20_480;
/// A known face changes a part of the picture that is so many times as wide and as high as its box.
const OF_FACE: f32 = 1.4;

/// How often faces are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Every how many frames, at least 1.
    pub interval: u32,
    /// While nobody is in sight, a look at a large part of the frame may be put off until so many intervals have passed, at
    /// least 1.
    pub most_intervals: u32,
}

/// What is to be looked at.
pub(crate) enum Due {
    /// The whole frame, as finely as is asked for.
    Whole,
    /// A part of it, or all of it less finely: who is suspected there.
    Part(Look),
}

/// What has been searched, and when.
#[derive(Default)]
pub(crate) struct Lookout {
    watch: Watch,
    /// Frames since the last look; those since the whole frame was searched as finely as ever, `None` where it was not.
    since_look: u32,
    since_whole: Option<u32>,
    /// Which faces were looked for last.
    asked: Option<DetectOptions>,
    /// The whole frame is also turned to search it for heads that do not stand upright.
    turned: Option<TurnedSearch>,
}

impl Lookout {
    /// One that finds heads that do not stand upright too.
    pub(crate) fn for_turned_heads() -> Self {
        Self { turned: Some(TurnedSearch::default()), ..Self::default() }
    }

    /// Forgets what has been searched.
    pub(crate) fn forget(&mut self) {
        *self = if self.turned.is_some() { Self::for_turned_heads() } else { Self::default() };
    }

    /// A frame passes.
    pub(crate) fn pass(&mut self) {
        self.since_look = self.since_look.saturating_add(1);
        self.since_whole = self.since_whole.map(|frames| frames.saturating_add(1));
    }

    /// What to look at in a frame of `size` pixels in which nobody is followed; `at_once` where it is searched whatever has
    /// passed.
    pub(crate) fn due(
        &mut self,
        cells: &Cells,
        size: (u32, u32),
        detect: &DetectOptions,
        patience: &Patience,
        at_once: bool,
    ) -> Option<Due> {
        let rest = patience.interval.saturating_mul(LONGEST_REST);
        let is_asked_anew = self.is_asked_anew(detect);
        if at_once || is_asked_anew || self.since_whole.is_none_or(|frames| frames >= rest) {
            // Until it has been searched, which may fail.
            self.since_whole = None;
            return Some(Due::Whole);
        }
        let changed = self.watch.changed(cells, size, &[])?;
        let look = Look::for_suspects(changed, size, detect.min_face_size);
        let pause = wait(&look, patience);
        if self.since_look < pause {
            return None;
        }
        // A look for suspects may miss a face of the least size, which, once it keeps still, changes nothing any more.
        let is_due = self.since_whole.is_none_or(|frames| frames >= pause.saturating_mul(WHOLE_EVERY));
        Some(if is_due { Due::Whole } else { Due::Part(look) })
    }

    /// The faces of a frame in which nobody is followed, where that is due.
    ///
    /// # Errors
    /// The frame's or the detector's; the frame then counts as not searched.
    pub(crate) fn newcomers(
        &mut self,
        due: &Due,
        detector: &mut FaceDetector,
        frame: &dyn FramePixels,
        cells: &Cells,
        detect: &DetectOptions,
    ) -> Result<Vec<Face>, FaceRestoreError> {
        let Due::Part(look) = due else {
            return self.whole(detector, frame, cells, detect);
        };
        match strangers(detector, frame, look, detect, &[])? {
            Some(found) => self.whole_with(found, detector, frame, cells, detect),
            None => {
                self.since_look = 0;
                self.watch.searched(cells, frame.size(), look.region);
                Ok(Vec::new())
            }
        }
    }

    /// The faces of a frame in which the `known` ones are followed, all of them in sight; where there are none, the whole frame is
    /// searched.
    ///
    /// # Errors
    /// As [`newcomers`](Self::newcomers).
    pub(crate) fn faces(
        &mut self,
        detector: &mut FaceDetector,
        frame: &dyn FramePixels,
        cells: &Cells,
        detect: &DetectOptions,
        interval: u32,
        known: &[Face],
    ) -> Result<Vec<Face>, FaceRestoreError> {
        let size = frame.size();
        let looks: Vec<Look> =
            known.iter().map(|face| Look::around(&face.bbox, size, detect.min_face_size)).collect();
        let usual = pixels_of_whole(size, detect);
        let pixels: u32 = looks.iter().map(Look::pixels).sum();
        let is_asked_anew = self.is_asked_anew(detect);
        let due = interval.saturating_mul(WHOLE_EVERY);
        // A head that lies is none to a look at the part around it.
        let is_turned = self.turned.as_ref().is_some_and(TurnedSearch::is_turned);
        let is_due = is_turned || is_asked_anew || self.since_whole.is_none_or(|frames| frames >= due);
        if looks.is_empty() || is_due || pixels > usual / 2 {
            return self.whole(detector, frame, cells, detect);
        }
        let boxes: Vec<BoundingBox> = known.iter().map(|face| enlarged(&face.bbox)).collect();
        if let Some(changed) = self.watch.changed(cells, size, &boxes) {
            let look = Look::for_suspects(changed, size, detect.min_face_size);
            if pixels + look.pixels() > usual / 4 * 3 {
                return self.whole(detector, frame, cells, detect);
            }
            if let Some(found) = strangers(detector, frame, &look, detect, known)? {
                return self.whole_with(found, detector, frame, cells, detect);
            }
            self.watch.searched(cells, size, look.region);
        }
        let mut faces = Vec::new();
        for look in &looks {
            let found = detector.look(&part(frame, look)?, look, detect)?;
            // One that the part cuts is whole in the part around it.
            faces.extend(found.into_iter().filter(|face| look.holds(&face.bbox, size)));
            self.watch.searched(cells, size, look.region);
        }
        self.since_look = 0;
        Ok(suppress_overlaps(&faces, detect.nms_threshold)?)
    }

    /// Whether other faces are wanted than at the look before: smaller ones, or less certain ones, may have been there all the time.
    fn is_asked_anew(&mut self, detect: &DetectOptions) -> bool {
        self.asked.replace(*detect).is_some_and(|asked| asked != *detect)
    }

    /// As [`whole`](Self::whole), with those that a closer look has `found`.
    fn whole_with(
        &mut self,
        found: Vec<Face>,
        detector: &mut FaceDetector,
        frame: &dyn FramePixels,
        cells: &Cells,
        detect: &DetectOptions,
    ) -> Result<Vec<Face>, FaceRestoreError> {
        let mut faces = self.whole(detector, frame, cells, detect)?;
        add_unknown(&mut faces, found);
        Ok(faces)
    }

    /// The faces of the whole frame, as finely as is asked for.
    fn whole(
        &mut self,
        detector: &mut FaceDetector,
        frame: &dyn FramePixels,
        cells: &Cells,
        detect: &DetectOptions,
    ) -> Result<Vec<Face>, FaceRestoreError> {
        let (width, height) = frame.size();
        let input = FaceDetector::input_size(width, height, detect.min_face_size);
        let (small_width, small_height) = input.scaled(width, height);
        let small = frame.shrunk_bgr(small_width, small_height)?;
        let upright = detector.detect_scaled(&small, input, detect)?;
        let faces = match &mut self.turned {
            Some(turned) => turned.add(detector, &small, (width, height), detect, upright)?,
            None => upright,
        };
        let everywhere = Region { x: 0, y: 0, width: width as i32, height: height as i32 };
        self.watch.searched(cells, (width, height), everywhere);
        (self.since_look, self.since_whole) = (0, Some(0));
        Ok(faces)
    }
}

/// After how many frames a look may follow the one before.
fn wait(look: &Look, patience: &Patience) -> u32 {
    let longest = patience.interval.saturating_mul(patience.most_intervals.max(1));
    look.pixels().div_ceil(PIXELS_PER_FRAME).clamp(patience.interval, longest)
}

/// The faces in what is looked at that are not among the `known` ones, each of which has been looked at closely; `None` where there is
/// none. With more suspects than can be looked at for less than the whole frame costs, nobody is told apart.
fn strangers(
    detector: &mut FaceDetector,
    frame: &dyn FramePixels,
    look: &Look,
    detect: &DetectOptions,
    known: &[Face],
) -> Result<Option<Vec<Face>>, FaceRestoreError> {
    let suspects = detector.look(&part(frame, look)?, look, &detect.for_suspects())?;
    let mut left = pixels_of_whole(frame.size(), detect);
    for suspect in others(known, suspects) {
        let close = Look::around(&suspect.bbox, frame.size(), detect.min_face_size);
        if close.pixels() > left {
            return Ok(Some(Vec::new()));
        }
        left -= close.pixels();
        let found = others(known, detector.look(&part(frame, &close)?, &close, detect)?);
        if !found.is_empty() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Pixels of the detector's input for the whole frame.
fn pixels_of_whole((width, height): (u32, u32), detect: &DetectOptions) -> u32 {
    let input = FaceDetector::input_size(width, height, detect.min_face_size);
    input.width * input.height
}

/// Those of `found` that are not among the `known` ones.
fn others(known: &[Face], found: Vec<Face>) -> Vec<Face> {
    let mut all = known.to_vec();
    add_unknown(&mut all, found);
    all.split_off(known.len())
}

/// What is looked at, BGR, at the look's scale.
fn part(frame: &dyn FramePixels, look: &Look) -> opencv::Result<Mat> {
    let (width, height) = look.scaled();
    if look.is_whole(frame.size()) {
        return frame.shrunk_bgr(width, height);
    }
    resized_bgr(&frame.region_rgb(look.region)?, width, height)
}

/// The part of the picture that a face's head changes.
fn enlarged(bbox: &BoundingBox) -> BoundingBox {
    let (width, height) = (OF_FACE * bbox.width, OF_FACE * bbox.height);
    BoundingBox {
        x: bbox.x - (width - bbox.width) / 2.0,
        y: bbox.y - (height - bbox.height) / 2.0,
        width,
        height,
    }
}

#[cfg(test)]
#[path = "lookout_tests.rs"]
mod tests;
