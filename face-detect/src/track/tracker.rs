// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracker: detection now and then, optical flow in between.

use std::time::Duration;

use opencv::core::{Mat, ToInputArray};
use opencv::prelude::*;

use super::appearance::Appearance;
use super::association::{Candidate, associate};
use super::clock::FrameClock;
use super::optical_flow::{FlowPicture, follow};
use super::scene_cut::SceneCutDetector;
use super::tracked_face::TrackedFace;
use super::{Track, TrackState};
use crate::cells::Cells;
use crate::error::DetectError;
use crate::face::{BoundingBox, Face};
use crate::image::to_grey;

/// Overlap (intersection over union) with a detected face from which on a face that was not detected is taken
/// to be behind it.
const HIDING_OVERLAP: f32 = 0.3;
/// Overlap from which on two faces meet: what is measured of the one behind may be of the one before it.
const MEETING_OVERLAP: f32 = 0.02;
/// Detector runs in a row that may miss a face which flow still follows.
const LARGEST_MISSES: u32 = 2;
/// After a longer gap between two frames flow may have followed anything: the detector is asked at once.
const LONGEST_GAP: Duration = Duration::from_millis(500);

/// When [`FaceTracker`] wants faces detected and how long it remembers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackOptions {
    /// Every how many frames the detector is asked, at least 1; more often when a face has been
    /// lost, or after a gap of more than half a second. Frames in which nobody
    /// is followed may be [skipped](FaceTracker::skip).
    pub detection_interval: u32,
    /// How long a face that is out of sight, or that the detector no longer confirms, keeps its track.
    pub keep: Duration,
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self { detection_interval: 5, keep: Duration::from_secs(1) }
    }
}

impl TrackOptions {
    fn check(&self) -> Result<(), DetectError> {
        if self.detection_interval == 0 {
            let (what, value) = ("detection_interval", "0".to_owned());
            return Err(DetectError::WrongValue { what, value, expected: "at least 1" });
        }
        Ok(())
    }
}

/// Keeps the identity of faces from frame to frame.
///
/// Every `detection_interval` frames, and when a face was lost, the detector is asked; between, optical flow
/// carries each face on. What is known from both is smoothed by a One-Euro filter, so that the
/// landmarks of a still head keep still and those of a moving one do not lag. A scene cut ends all
/// tracks. The same frames give the same tracks, always.
#[derive(Default)]
pub struct FaceTracker {
    next_id: u64,
    /// Time since the first frame, by the intervals between frames.
    now: Duration,
    clock: FrameClock,
    scene_cuts: SceneCutDetector,
    /// The last frame's picture; the next one is followed from there.
    picture: Option<FlowPicture>,
    frame_size: (u32, u32),
    tracked: Vec<TrackedFace>,
    tracks: Vec<Track>,
    /// Frames since the detector was asked; `None`: it is asked at once.
    since_detection: Option<u32>,
    /// The last frame was skipped.
    is_skipping: bool,
    /// The time from the frame before to one that was skipped.
    skipped: Duration,
}

impl FaceTracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all tracks: after a seek, a flush or a change of format. The ids and [`now`](Self::now) go on.
    pub fn reset(&mut self) {
        *self = Self { next_id: self.next_id, now: self.now, ..Self::default() };
    }

    /// The time of the last frame, counted from the first one. It grows from frame to frame even where time stamps stand
    /// still or run backwards.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The faces of the next frame, the largest first.
    ///
    /// `small` is the frame at the detector's scale (see
    /// [`FaceDetector::input_size`](crate::FaceDetector::input_size)), BGR (`CV_8UC3`) or grey (`CV_8UC1`),
    /// `frame_size` the width and height of the frame itself. `time` is the frame's time stamp; where it does
    /// not grow, the interval before is used. `detect` is called at most once, when the faces of this frame
    /// are needed, and returns them in frame pixels; those that have no size, lie outside the frame or whose
    /// landmarks are degenerate or far from the frame are left out. A change of either size is a reset.
    ///
    /// # Errors
    /// What `detect` returns; the tracks then stay, and it is called again for the next frame. And
    /// when `small` is empty or of another type, an option is out of range or OpenCV fails.
    pub fn update<E: From<DetectError>>(
        &mut self,
        small: &(impl MatTraitConst + ToInputArray),
        frame_size: (u32, u32),
        time: Duration,
        options: &TrackOptions,
        detect: impl FnOnce() -> Result<Vec<Face>, E>,
    ) -> Result<&[Track], E> {
        self.update_known(small, frame_size, time, options, |_| detect())
    }

    /// As [`update`](Self::update), with a `detect` that may spare itself the whole picture: it gets the faces that are followed
    /// into this frame, in frame pixels, where all of them are in sight. It must say which of these are there, and which others
    /// there are. Where it gets none, nothing is known.
    ///
    /// # Errors
    /// As there.
    pub fn update_known<E: From<DetectError>>(
        &mut self,
        small: &(impl MatTraitConst + ToInputArray),
        frame_size: (u32, u32),
        time: Duration,
        options: &TrackOptions,
        detect: impl FnOnce(&[Face]) -> Result<Vec<Face>, E>,
    ) -> Result<&[Track], E> {
        options.check()?;
        let mut picture = FlowPicture::new(to_grey("shrunk frame", small)?);
        let factors = factors(&picture, frame_size)?;
        if frame_size != self.frame_size || self.picture.as_ref().is_some_and(|last| !last.fits(&picture)) {
            self.reset();
            self.frame_size = frame_size;
        }
        self.is_skipping = false;
        let interval = self.clock.tick(time);
        self.now += interval;
        self.since_detection = self.since_detection.map(|frames| frames.saturating_add(1));
        if interval > LONGEST_GAP {
            self.since_detection = None;
        }
        if self.scene_cuts.is_cut(picture.grey())? {
            self.tracked.clear();
            self.since_detection = None;
        }
        self.follow(&mut picture, interval)?;
        let picture = self.picture.insert(picture);
        let every = options.detection_interval;
        if is_detection_due(&self.tracked, self.since_detection, every) {
            let in_sight = self.tracked.iter().all(|tracked| tracked.state != TrackState::Missing);
            let known = self.tracked.iter().filter(|_| in_sight && self.since_detection.is_some());
            let known = known.map(|tracked| tracked.face.resized(factors.0.recip(), factors.1.recip()));
            let faces = detect(&known.collect::<Vec<Face>>())?;
            self.since_detection = Some(0);
            match_found(&mut self.tracked, &faces, picture, factors, &mut self.next_id)?;
        }
        self.end_tracks(options.keep);
        self.publish(interval, factors);
        Ok(&self.tracks)
    }

    /// Nobody is followed, not even somebody who is out of sight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tracked.is_empty()
    }

    /// A frame passes in which nobody is followed ([`is_empty`](Self::is_empty)), of which no more is known than its `cells`;
    /// `frame_size` and `time` as [`update`](Self::update)'s. Returns whether it is to be searched at once: it is the first of its
    /// size or after one in which somebody was followed, a new scene begins with it, or too much time has passed.
    pub fn skip(&mut self, cells: &Cells, frame_size: (u32, u32), time: Duration) -> bool {
        if frame_size != self.frame_size {
            self.reset();
            self.frame_size = frame_size;
            self.is_skipping = false;
        }
        let is_first = !std::mem::replace(&mut self.is_skipping, true);
        self.picture = None;
        self.tracked.clear();
        self.tracks.clear();
        self.skipped = self.clock.tick(time);
        self.now += self.skipped;
        self.scene_cuts.is_cut_of_cells(cells) || is_first || self.skipped > LONGEST_GAP
    }

    /// Faces have been found in the frame that was skipped last: from now on they are followed. `small` and `faces` as
    /// [`update`](Self::update)'s.
    ///
    /// # Errors
    /// When `small` is empty or of another type, or OpenCV fails.
    pub fn begin(
        &mut self,
        small: &(impl MatTraitConst + ToInputArray),
        faces: &[Face],
    ) -> Result<&[Track], DetectError> {
        let picture = FlowPicture::new(to_grey("shrunk frame", small)?);
        let factors = factors(&picture, self.frame_size)?;
        self.is_skipping = false;
        self.since_detection = Some(0);
        match_found(&mut self.tracked, faces, &picture, factors, &mut self.next_id)?;
        self.picture = Some(picture);
        self.publish(self.skipped, factors);
        Ok(&self.tracks)
    }

    /// Carries every face from the last picture to this one.
    fn follow(&mut self, picture: &mut FlowPicture, interval: Duration) -> Result<(), DetectError> {
        let Some(last) = &mut self.picture else { return Ok(()) };
        let visible = |face: &&TrackedFace| face.state != TrackState::Missing;
        let faces: Vec<Face> = self.tracked.iter().filter(visible).map(|tracked| tracked.face).collect();
        let mut motions = follow(last, picture, &faces)?.into_iter();
        for tracked in &mut self.tracked {
            tracked.age += interval;
            tracked.unconfirmed += interval;
            if tracked.state == TrackState::Missing {
                tracked.coast(interval);
                continue;
            }
            match motions.next().flatten() {
                Some(motion) if tracked.is_there(&motion, picture.grey())? => tracked.follow(&motion),
                _ => tracked.coast(interval),
            }
        }
        Ok(())
    }

    /// Forgets faces that have left the frame, and those that were not seen or not confirmed for too long.
    fn end_tracks(&mut self, keep: Duration) {
        let Some(picture) = &self.picture else { return };
        let (width, height) = (picture.grey().cols() as f32, picture.grey().rows() as f32);
        self.tracked.retain(|tracked| {
            let centre = tracked.face.bbox.centre();
            let inside = (0.0..width).contains(&centre.x) && (0.0..height).contains(&centre.y);
            match tracked.state {
                TrackState::Detected => true,
                TrackState::Followed => tracked.misses <= LARGEST_MISSES || tracked.unconfirmed <= keep,
                TrackState::Missing => inside && tracked.unseen <= keep,
            }
        });
    }

    /// Smooths every face for this frame and lists them.
    fn publish(&mut self, interval: Duration, factors: (f32, f32)) {
        self.tracks.clear();
        let boxes: Vec<BoundingBox> = self.tracked.iter().map(|tracked| tracked.face.bbox).collect();
        for (index, tracked) in self.tracked.iter_mut().enumerate() {
            let meets = |(other, bbox): (usize, &BoundingBox)| {
                other != index && bbox.overlap(&boxes[index]) > MEETING_OVERLAP
            };
            if !boxes.iter().enumerate().any(meets) {
                tracked.measure_velocity(interval);
            }
            let face = tracked.smoothed(interval).resized(factors.0.recip(), factors.1.recip());
            let TrackedFace { id, state, age, unconfirmed, .. } = *tracked;
            self.tracks.push(Track { id, face, state, age, unconfirmed });
        }
        let area = |track: &Track| track.face.bbox.area();
        self.tracks.sort_by(|a, b| area(b).total_cmp(&area(a)).then(a.id.cmp(&b.id)));
    }
}

/// Whether the detector is to be asked: as often as agreed, at once when a face has been lost, and
/// for one that stays lost after 1, 2, 4, … frames.
fn is_detection_due(tracked: &[TrackedFace], since_detection: Option<u32>, interval: u32) -> bool {
    let Some(frames) = since_detection else { return true };
    let wait = |face: &TrackedFace| 1_u32.checked_shl(face.misses).map_or(interval, |frames| frames / 2);
    let missing = tracked.iter().filter(|face| face.state == TrackState::Missing);
    frames >= missing.map(wait).min().unwrap_or(interval).min(interval)
}

/// As [`match_detected`], for faces in pixels of the frame; those that have no size, lie outside of it or are degenerate are left
/// out.
fn match_found(
    tracked: &mut Vec<TrackedFace>,
    faces: &[Face],
    picture: &FlowPicture,
    factors: (f32, f32),
    next_id: &mut u64,
) -> Result<(), DetectError> {
    let small_faces = faces.iter().map(|face| face.resized(factors.0, factors.1));
    let faces: Vec<Face> = small_faces.filter(|face| picture.shows(face)).collect();
    match_detected(tracked, &faces, picture.grey(), next_id)
}

/// Gives detected faces to their tracks and begins tracks for the rest.
fn match_detected(
    tracked: &mut Vec<TrackedFace>,
    faces: &[Face],
    grey: &Mat,
    next_id: &mut u64,
) -> Result<(), DetectError> {
    let looks = faces.iter().map(|face| Appearance::of(face, grey)).collect::<Result<Vec<_>, _>>()?;
    let detected: Vec<Candidate> = faces
        .iter()
        .zip(&looks)
        .map(|(face, look)| Candidate { face, look: look.as_ref(), missing: false })
        .collect();
    let known: Vec<Candidate> = tracked
        .iter()
        .map(|tracked| Candidate {
            face: &tracked.face,
            look: tracked.look.as_ref(),
            missing: tracked.state == TrackState::Missing,
        })
        .collect();
    let assigned = associate(&known, &detected);

    for (index, tracked) in tracked.iter_mut().enumerate() {
        if !assigned.contains(&Some(index)) {
            tracked.misses += 1;
            if faces.iter().any(|face| face.bbox.overlap(&tracked.face.bbox) >= HIDING_OVERLAP) {
                tracked.state = TrackState::Missing;
            }
        }
    }
    for ((face, look), track) in faces.iter().zip(looks).zip(assigned) {
        match track {
            Some(index) => tracked[index].confirm(face, look),
            // Of a face that breaks up (strong compression), the detector may report a part as a second face.
            None if tracked.iter().any(|known| known.holds(&face.bbox)) => {}
            None => {
                tracked.push(TrackedFace::new(*next_id, *face, look));
                *next_id += 1;
            }
        }
    }
    Ok(())
}

/// Pixels of the small picture per pixel of the frame, across and down.
fn factors(picture: &FlowPicture, (width, height): (u32, u32)) -> Result<(f32, f32), DetectError> {
    if width == 0 || height == 0 {
        return Err(DetectError::WrongValue {
            what: "frame_size",
            value: format!("{width}x{height}"),
            expected: "at least 1x1",
        });
    }
    let grey = picture.grey();
    Ok((grey.cols() as f32 / width as f32, grey.rows() as f32 / height as f32))
}
