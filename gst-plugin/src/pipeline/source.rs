//! Where the faces of a frame are: found by the detector now and then, or told by an upstream element; tracked in between.

use std::time::Duration;

use face_detect::{DetectOptions, Face, FaceDetector, FaceTracker, Track, TrackOptions, TrackState};

use crate::error::FrameError;
use crate::pixels::{FrameView, shrunk_bgr, shrunk_grey};
use crate::timing::{Stage, Timings};

/// Who knows where faces are.
pub enum Finder {
    /// The detector, asked every few frames.
    Detector(Box<FaceDetector>),
    /// An element upstream, which says so for each frame.
    Upstream,
}

/// Finds and follows faces.
pub struct FaceSource {
    finder: Finder,
    tracker: FaceTracker,
}

impl FaceSource {
    /// A source that has seen nothing.
    #[must_use]
    pub fn new(finder: Finder) -> Self {
        Self { finder, tracker: FaceTracker::new() }
    }

    /// The faces are those that upstream names.
    #[must_use]
    pub fn is_upstream(&self) -> bool {
        matches!(self.finder, Finder::Upstream)
    }

    /// Ends all tracks: after a seek, a change of caps or a gap.
    pub fn reset(&mut self) {
        self.tracker.reset();
    }

    /// The visible faces of the next frame, shown at `time`, the largest first; `upstream` are those that its metas name.
    ///
    /// # Errors
    /// [`FrameError`] when the frame cannot be read or OpenCV fails.
    pub fn track(
        &mut self,
        frame: &FrameView,
        time: Duration,
        upstream: &[Face],
        detect: &DetectOptions,
        detection_interval: u32,
        timings: &mut Timings,
    ) -> Result<Vec<Track>, FrameError> {
        let (width, height) = frame.layout().size();
        let input = FaceDetector::input_size(width, height, detect.min_face_size);
        let (small_width, small_height) = input.scaled(width, height);
        let grey = timings.time(Stage::Track, || shrunk_grey(frame, small_width, small_height))?;
        let interval = if self.is_upstream() { 1 } else { detection_interval };
        let options = TrackOptions { detection_interval: interval, ..TrackOptions::default() };
        let mut detection = Timings::default();
        let finder = &mut self.finder;
        let tracks = timings.time(Stage::Track, || {
            self.tracker.update(&grey, (width, height), time, &options, || match finder {
                Finder::Upstream => Ok(upstream.to_vec()),
                Finder::Detector(detector) => detection.time(Stage::Detect, || {
                    let small = shrunk_bgr(frame, small_width, small_height)?;
                    Ok::<_, FrameError>(detector.detect_scaled(&small, input, detect)?)
                }),
            })
        });
        // The tracker's own time is what is left of the whole.
        timings.move_out(Stage::Track, &detection);
        let visible = tracks?.iter().filter(|track| track.state != TrackState::Missing);
        Ok(visible.copied().take(detect.max_faces).collect())
    }
}
