// SPDX-License-Identifier: MIT OR Apache-2.0
//! One face while it is tracked: where it is, how it moves, what it looks like.

use std::time::Duration;

use opencv::core::Mat;

use super::TrackState;
use super::appearance::Appearance;
use super::association::landmark_distance;
use super::one_euro::{OneEuroFilter, OneEuroParameters, low_pass_share};
use super::shape;
use crate::error::DetectError;
use crate::face::{BoundingBox, Face, Point};
use crate::similarity::Similarity;

/// How detections correct what flow has carried along. Flow is the more precise from frame to frame and
/// drifts over seconds; detections tremble and do not drift. Unit: the face's size.
const CORRECTION: OneEuroParameters =
    OneEuroParameters { min_cutoff: 0.5, beta: 5.0, derivative_cutoff: 1.0 };
/// How the result is smoothed: a head at rest is held by the low cutoff; one in steady motion lags by less
/// than 1 % of its size at any speed (measured), since flow leaves little noise that could open the filter.
const SMOOTHING: OneEuroParameters =
    OneEuroParameters { min_cutoff: 1.0, beta: 40.0, derivative_cutoff: 5.0 };
/// Cutoff of the velocity's low-pass filter, Hz.
const VELOCITY_CUTOFF: f64 = 1.0;
/// Flow that misses the detection by more than this share of the face's size is wrong, not imprecise.
const LARGEST_DRIFT: f32 = 0.1;
/// Likeness to itself below which what flow has followed is something else: a hand, another face, a wall.
const LEAST_LIKENESS: f32 = 0.5;
/// Share of the smaller of two faces that the larger one may cover: two heads do not get closer without one
/// hiding the other.
const LARGEST_COVERAGE: f32 = 0.5;

/// A face with an identity. Coordinates are pixels of the small picture.
pub(super) struct TrackedFace {
    pub id: u64,
    pub state: TrackState,
    /// Where it is, not smoothed: what flow and association start from.
    pub face: Face,
    /// What it looks like, once that is known.
    pub look: Option<Appearance>,
    /// Detector runs in a row that did not find it, since it was lost if it is.
    pub misses: u32,
    pub age: Duration,
    /// Time since the detector found it.
    pub unconfirmed: Duration,
    /// Time since it was found or followed.
    pub unseen: Duration,
    /// The centre of the box at the end of the frame before, and its speed in pixels per second.
    last_centre: Point,
    velocity: (f64, f64),
    correction: OneEuroFilter<14>,
    smoothing: OneEuroFilter<14>,
}

impl TrackedFace {
    /// A face that has just been detected for the first time.
    pub(super) fn new(id: u64, face: Face, look: Option<Appearance>) -> Self {
        let mut correction = OneEuroFilter::new(CORRECTION);
        correction.filter(shape::shape(&face), 1.0, 0.0);
        Self {
            id,
            state: TrackState::Detected,
            face,
            look,
            misses: 0,
            age: Duration::ZERO,
            unconfirmed: Duration::ZERO,
            unseen: Duration::ZERO,
            last_centre: face.bbox.centre(),
            velocity: (0.0, 0.0),
            correction,
            smoothing: OneEuroFilter::new(SMOOTHING),
        }
    }

    /// A frame has passed, and flow has found this motion.
    pub(super) fn follow(&mut self, motion: &Similarity) {
        self.go(motion);
        self.state = TrackState::Followed;
        self.unseen = Duration::ZERO;
    }

    /// A frame has passed, and nobody knows where the face is: it is thought to go on as before.
    pub(super) fn coast(&mut self, interval: Duration) {
        let seconds = interval.as_secs_f64();
        let (tx, ty) = (self.velocity.0 * seconds, self.velocity.1 * seconds);
        self.go(&Similarity { a: 1.0, b: 0.0, tx, ty });
        self.unseen += interval;
        if self.state != TrackState::Missing {
            self.state = TrackState::Missing;
            self.misses = 0;
        }
    }

    fn go(&mut self, motion: &Similarity) {
        self.correction.carry(|shape| shape::moved(shape, motion));
        self.face = self.after(motion);
    }

    /// Whether the face is where flow says it went, in the picture of this frame. A face that was never seen
    /// well enough to know its look is believed to be.
    pub(super) fn is_there(&self, motion: &Similarity, grey: &Mat) -> Result<bool, DetectError> {
        let Some(known) = &self.look else { return Ok(true) };
        let look = Appearance::of(&self.after(motion), grey)?;
        Ok(look.is_some_and(|look| look.likeness(known) >= LEAST_LIKENESS))
    }

    fn after(&self, motion: &Similarity) -> Face {
        shape::face(&shape::moved(shape::shape(&self.face), motion), self.face.score)
    }

    /// Whether this face, which is in sight, and the box are for the most part the same place.
    pub(super) fn holds(&self, bbox: &BoundingBox) -> bool {
        self.state != TrackState::Missing && self.face.bbox.coverage(bbox) > LARGEST_COVERAGE
    }

    /// The detector has found the face.
    pub(super) fn confirm(&mut self, detected: &Face, look: Option<Appearance>) {
        // A face that flow has lost in this very frame goes on; one that was out of sight begins anew.
        let was_out_of_sight = self.state == TrackState::Missing && self.misses > 0;
        if was_out_of_sight {
            self.last_centre = detected.bbox.centre();
            self.smoothing.reset();
        }
        if was_out_of_sight || landmark_distance(&self.face, detected) > LARGEST_DRIFT {
            self.correction.reset();
        }
        let unit = f64::from(detected.bbox.longer_side());
        let corrected = self.correction.filter(shape::shape(detected), unit, self.unconfirmed.as_secs_f64());
        self.face = shape::face(&corrected, detected.score);
        match (&mut self.look, look) {
            (Some(known), Some(now)) => known.renew(&now),
            (known, now) => *known = now.or(known.take()),
        }
        self.state = TrackState::Detected;
        self.misses = 0;
        self.unconfirmed = Duration::ZERO;
        self.unseen = Duration::ZERO;
    }

    /// Learns from this frame how fast the face moves, which is where it goes while it is missing.
    pub(super) fn measure_velocity(&mut self, interval: Duration) {
        let seconds = interval.as_secs_f64();
        if self.state == TrackState::Missing || seconds <= 0.0 {
            return;
        }
        let (centre, last) = (self.face.bbox.centre(), self.last_centre);
        let share = low_pass_share(VELOCITY_CUTOFF, seconds);
        self.velocity.0 += share * (f64::from(centre.x - last.x) / seconds - self.velocity.0);
        self.velocity.1 += share * (f64::from(centre.y - last.y) / seconds - self.velocity.1);
    }

    /// The frame is over: the face as it is shown, smoothed.
    pub(super) fn smoothed(&mut self, interval: Duration) -> Face {
        self.last_centre = self.face.bbox.centre();
        let unit = f64::from(self.face.bbox.longer_side());
        let smoothed = self.smoothing.filter(shape::shape(&self.face), unit, interval.as_secs_f64());
        shape::face(&smoothed, self.face.score)
    }
}
