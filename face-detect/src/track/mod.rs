// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracking: faces keep their identity from frame to frame, and their landmarks keep still when they do.

mod appearance;
mod association;
mod clock;
mod one_euro;
mod optical_flow;
mod scene_cut;
mod shape;
mod tracked_face;
mod tracker;

use std::time::Duration;

pub use tracker::{FaceTracker, TrackOptions};

use crate::face::Face;

/// A face with an identity, as it is in the present frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Which face; a tracker never gives an id to a second one.
    pub id: u64,
    /// Where it is, in frame pixels: box and landmarks, smoothed. The score is that of the last
    /// detection.
    pub face: Face,
    /// How that is known.
    pub state: TrackState,
    /// Time since the face was found first.
    pub age: Duration,
    /// Time since the detector saw it last; 0 in a frame in which it did.
    pub unconfirmed: Duration,
}

/// How a track's place in the present frame is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackState {
    /// The detector found the face in this frame.
    Detected,
    /// Optical flow carried it here from the frame before.
    Followed,
    /// Out of sight: behind something, or too fast for the flow. Its place is a guess, and nothing should be
    /// drawn there. It comes back with its id if it is found again in time.
    Missing,
}
