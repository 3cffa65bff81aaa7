// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faces of the scene: found by the detector now and then, or told by somebody upstream; tracked in between. The one
//! place that says which faces are visible and which are alive.

use std::time::{Duration, Instant};

use face_detect::{
    DetectOptions, Face, FaceDetector, FaceTracker, Look, Track, TrackOptions, TrackState, keep_largest,
};
use opencv::core::{CV_8UC3, Mat, Scalar};

use crate::error::FaceRestoreError;
use crate::lookout::{Lookout, Patience};
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
    lookout: Lookout,
}

impl Scene {
    /// A scene of which nothing has been seen.
    #[must_use]
    pub fn new(finder: Finder) -> Self {
        Self { finder, tracker: FaceTracker::new(), lookout: Lookout::default() }
    }

    /// The same, in which heads that lie on their side or stand on their crown are found too. Takes up to three more runs of
    /// the detector at some looks: not for frames that must not wait.
    #[must_use]
    pub fn with_turned_heads(self) -> Self {
        Self { lookout: Lookout::for_turned_heads(), ..self }
    }

    /// The faces are those that somebody upstream names.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self.finder, Finder::Upstream)
    }

    /// Ends all tracks: after a seek, a flush or a change of format.
    pub fn reset(&mut self) {
        self.tracker.reset();
        self.lookout.forget();
    }

    /// The faces of the next frame, shown at `time`; `upstream` are those that it is told of.
    ///
    /// Where the detector is not asked in each frame and nobody is followed, a frame is looked at no closer than its cells
    /// until something in it has changed.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when the frame cannot be read or OpenCV fails; the tracks stay.
    pub fn track(
        &mut self,
        frame: &dyn FramePixels,
        time: Duration,
        upstream: &[Face],
        detect: &DetectOptions,
        patience: &Patience,
        timings: &mut Timings,
    ) -> Result<SceneFaces, FaceRestoreError> {
        self.lookout.pass();
        let followed = DetectOptions { max_faces: detect.max_faces.saturating_mul(FOLLOWED), ..*detect };
        let mut detection = Timings::default();
        let work = || self.tracks(frame, time, upstream, &followed, patience, &mut detection);
        let tracks = timings.time(Stage::Track, work);
        // The tracker's own time is what is left of the whole.
        timings.move_out(Stage::Track, &detection);
        let tracks = tracks?;
        let alive = tracks.iter().map(|track| track.id).collect();
        let in_sight = tracks.iter().filter(|track| track.state != TrackState::Missing);
        let visible = in_sight.copied().take(detect.max_faces).collect();
        Ok(SceneFaces { visible, alive, now: self.tracker.now() })
    }

    /// All tracks of the next frame; `detection` gets the time of the detector.
    fn tracks(
        &mut self,
        frame: &dyn FramePixels,
        time: Duration,
        upstream: &[Face],
        detect: &DetectOptions,
        patience: &Patience,
        detection: &mut Timings,
    ) -> Result<Vec<Track>, FaceRestoreError> {
        let size = frame.size();
        let input = FaceDetector::input_size(size.0, size.1, detect.min_face_size);
        let (small_width, small_height) = input.scaled(size.0, size.1);
        let detector = match &mut self.finder {
            Finder::Upstream => {
                let options = TrackOptions { detection_interval: 1, ..TrackOptions::default() };
                let grey = frame.shrunk_grey(small_width, small_height)?;
                // Each is compared with each that is followed.
                let mut told = upstream.to_vec();
                keep_largest(&mut told, detect.max_faces);
                let tracks =
                    self.tracker.update(&grey, size, time, &options, || Ok::<_, FaceRestoreError>(told))?;
                return Ok(tracks.to_vec());
            }
            Finder::Detector(detector) => detector,
        };
        let lookout = &mut self.lookout;
        let is_each_searched = patience.interval <= 1;
        if self.tracker.is_empty() && !is_each_searched {
            let cells = frame.cells()?;
            let at_once = self.tracker.skip(&cells, size, time);
            let Some(due) = lookout.due(&cells, size, detect, patience, at_once) else {
                return Ok(Vec::new());
            };
            let newcomers = || lookout.newcomers(&due, detector, frame, &cells, detect);
            let faces = detection.time(Stage::Detect, newcomers)?;
            if faces.is_empty() {
                return Ok(Vec::new());
            }
            return Ok(self.tracker.begin(&frame.shrunk_grey(small_width, small_height)?, &faces)?.to_vec());
        }
        let grey = frame.shrunk_grey(small_width, small_height)?;
        let options = TrackOptions { detection_interval: patience.interval, ..TrackOptions::default() };
        let tracks = self.tracker.update_known(&grey, size, time, &options, |known| {
            let known = if is_each_searched { &[] } else { known };
            detection.time(Stage::Detect, || {
                lookout.faces(detector, frame, &frame.cells()?, detect, patience.interval, known)
            })
        });
        Ok(tracks?.to_vec())
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
        let black = |(width, height): (u32, u32)| {
            Mat::new_rows_cols_with_default(height as i32, width as i32, CV_8UC3, Scalar::default())
        };
        for look in Look::all_for((width, height), detect.min_face_size) {
            detector.look(&black(look.scaled())?, &look, detect)?;
        }
        let input = FaceDetector::input_size(width, height, detect.min_face_size);
        let black = black(input.scaled(width, height))?;
        detector.detect_scaled(&black, input, detect)?;
        let start = Instant::now();
        detector.detect_scaled(&black, input, detect)?;
        Ok(start.elapsed())
    }
}
