// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faces of the scene: found by the detector now and then, or told by somebody upstream; tracked in between. The one
//! place that says which faces are visible and which are alive.

use std::time::{Duration, Instant};

use face_detect::{
    DetectOptions, Face, FaceDetector, FaceTracker, Track, TrackOptions, TrackState, TurnedSearch,
};
use opencv::core::{CV_8UC3, Mat, Scalar};

use crate::error::FaceRestoreError;
use crate::pixels::FramePixels;
use crate::stages::{Stage, Timings};

/// So many times as many faces are followed as are shown: one that is now among the largest and now not keeps its track.
const FOLLOWED: usize = 2;

/// Who knows where faces are.
pub enum Finder {
    /// The detector, asked every few frames.
    Detector(Box<FaceDetector>),
    /// Somebody upstream, who says so for each frame.
    Upstream,
}

/// The faces of a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneFaces {
    /// Those to be seen in it and to be restored, the largest first, at most as many as were asked for.
    pub visible: Vec<Track>,
    /// The ids of these, of faces that are out of sight for a moment, and of those beyond the number asked for: all
    /// that may be visible again. What is remembered of a face is remembered as long as it is alive.
    pub alive: Vec<u64>,
    /// Time since the first frame; grows from frame to frame, whatever the time stamps.
    pub now: Duration,
}

/// Finds and follows faces.
pub struct Scene {
    finder: Finder,
    tracker: FaceTracker,
    /// Frames are also turned to look for heads that do not stand upright.
    turned: Option<TurnedSearch>,
}

impl Scene {
    /// A scene of which nothing has been seen.
    #[must_use]
    pub fn new(finder: Finder) -> Self {
        Self { finder, tracker: FaceTracker::new(), turned: None }
    }

    /// The same, in which heads that lie on their side or stand on their crown are found too. Takes up to three more runs of
    /// the detector at some looks: not for frames that must not wait.
    #[must_use]
    pub fn with_turned_heads(self) -> Self {
        Self { turned: Some(TurnedSearch::default()), ..self }
    }

    /// The faces are those that somebody upstream names.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self.finder, Finder::Upstream)
    }

    /// Ends all tracks: after a seek, a flush or a change of format.
    pub fn reset(&mut self) {
        self.tracker.reset();
        self.turned = self.turned.as_ref().map(|_| TurnedSearch::default());
    }

    /// The faces of the next frame, shown at `time`; `upstream` are those that it is told of.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when the frame cannot be read or OpenCV fails; the tracks stay.
    pub fn track(
        &mut self,
        frame: &dyn FramePixels,
        time: Duration,
        upstream: &[Face],
        detect: &DetectOptions,
        detection_interval: u32,
        timings: &mut Timings,
    ) -> Result<SceneFaces, FaceRestoreError> {
        let (width, height) = frame.size();
        let input = FaceDetector::input_size(width, height, detect.min_face_size);
        let (small_width, small_height) = input.scaled(width, height);
        let grey = timings.time(Stage::Track, || frame.shrunk_grey(small_width, small_height))?;
        let interval = if self.is_told() { 1 } else { detection_interval };
        let options = TrackOptions { detection_interval: interval, ..TrackOptions::default() };
        let followed = DetectOptions { max_faces: detect.max_faces.saturating_mul(FOLLOWED), ..*detect };
        let mut detection = Timings::default();
        let (finder, turned) = (&mut self.finder, &mut self.turned);
        let tracks = timings.time(Stage::Track, || {
            self.tracker.update(&grey, (width, height), time, &options, || match finder {
                Finder::Upstream => Ok(upstream.to_vec()),
                Finder::Detector(detector) => detection.time(Stage::Detect, || {
                    let small = frame.shrunk_bgr(small_width, small_height)?;
                    let upright = detector.detect_scaled(&small, input, &followed)?;
                    Ok::<_, FaceRestoreError>(match turned {
                        Some(turned) => turned.add(detector, &small, (width, height), &followed, upright)?,
                        None => upright,
                    })
                }),
            })
        });
        // The tracker's own time is what is left of the whole.
        timings.move_out(Stage::Track, &detection);
        let tracks = tracks?;
        let alive = tracks.iter().map(|track| track.id).collect();
        let in_sight = tracks.iter().filter(|track| track.state != TrackState::Missing);
        let visible = in_sight.copied().take(detect.max_faces).collect();
        Ok(SceneFaces { visible, alive, now: self.tracker.now() })
    }

    /// Lets the detector lay out its buffers for frames of `size`, so that the first frame is no slower than others, and
    /// returns how long a look at such a frame then takes.
    ///
    /// # Errors
    /// [`FaceRestoreError::OpenCv`] or [`FaceRestoreError::Detect`].
    pub fn rehearse(
        &mut self,
        (width, height): (u32, u32),
        detect: &DetectOptions,
    ) -> Result<Duration, FaceRestoreError> {
        let Finder::Detector(detector) = &mut self.finder else { return Ok(Duration::ZERO) };
        let input = FaceDetector::input_size(width, height, detect.min_face_size);
        let (width, height) = input.scaled(width, height);
        let black = Mat::new_rows_cols_with_default(height as i32, width as i32, CV_8UC3, Scalar::default())?;
        detector.detect_scaled(&black, input, detect)?;
        let start = Instant::now();
        detector.detect_scaled(&black, input, detect)?;
        Ok(start.elapsed())
    }
}
