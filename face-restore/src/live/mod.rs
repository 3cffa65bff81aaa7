// SPDX-License-Identifier: MIT OR Apache-2.0
//! Live restoration: a worker thread restores the newest crops, and every frame shows the newest detail of each face.
//!
//! A frame never waits: it hands crops over when the worker is idle, and takes what the worker has finished. A detail
//! (restored minus input, in crop space) is put where the face is now, comes in by a ramp and fades out as it ages. Overload
//! lowers the rate of restorations, never that of frames.

mod details;
mod fade;
mod worker;

use std::time::Duration;

use face_detect::{Correction, PasteOptions, Track};

pub use worker::LiveWorker;

use self::details::LiveDetails;
use self::worker::{Finished, FinishedFace, Job};
use crate::crop::align_face;
use crate::error::FaceRestoreError;
use crate::pixels::FramePixels;
use crate::scene::SceneFaces;
use crate::stages::{Stage, Timings};
use crate::temporal::TemporalOptions;

/// What is asked of live restoration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveOptions {
    pub temporal: TemporalOptions,
    pub match_size: bool,
    pub paste: PasteOptions,
    /// A detail older than this is not shown any more.
    pub max_age: Duration,
}

/// What a frame gets, and what has come from the worker.
#[derive(Debug, Default)]
pub(crate) struct LiveFrame {
    pub corrections: Vec<Correction>,
    /// Faces whose detail has arrived with this frame.
    pub restored: Vec<u64>,
    /// Those of them that the network was not asked about, since they had not changed.
    pub reused: Vec<u64>,
    /// How long the network took for them.
    pub took: Option<Duration>,
    /// Age of the oldest detail that the frame shows.
    pub oldest_detail: Option<Duration>,
    /// What went wrong in the worker; the details that there were stay.
    pub failure: Option<FaceRestoreError>,
}

/// The worker, and the details that it has made so far.
pub struct LiveFaces {
    worker: LiveWorker,
    details: LiveDetails,
    epoch: u64,
    /// Smoothed time of the network for one face.
    time_per_face: Option<Duration>,
}

impl LiveFaces {
    /// Faces of which nothing is known.
    #[must_use]
    pub fn new(worker: LiveWorker) -> Self {
        Self { worker, details: LiveDetails::default(), epoch: 0, time_per_face: None }
    }

    /// The worker has finished something that no frame has seen yet.
    #[cfg(test)]
    pub(crate) fn has_news(&self) -> bool {
        self.worker.has_finished()
    }

    /// Forgets every face; what the worker has at hand is thrown away when it is finished.
    pub(crate) fn forget(&mut self) {
        self.epoch += 1;
        self.details.clear();
    }

    /// Takes what the worker has finished, gives it the newest crops when it is idle, and shows each visible face's newest
    /// detail.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when pixels cannot be read, warped or compared.
    pub(crate) fn show(
        &mut self,
        frame: &dyn FramePixels,
        scene: &SceneFaces,
        options: &LiveOptions,
        timings: &mut Timings,
    ) -> Result<LiveFrame, FaceRestoreError> {
        let mut result = LiveFrame::default();
        while let Some(finished) = self.worker.take_finished() {
            self.collect(finished, scene.now, options.max_age, &mut result);
        }
        if let Some(took) = self.worker.take_overdue() {
            result.failure = Some(FaceRestoreError::Overdue { seconds: took.as_secs() });
        }
        self.details.follow(&scene.alive, |id| scene.visible.iter().any(|track| track.id == id));
        if self.worker.is_idle() && !scene.visible.is_empty() {
            timings.time(Stage::Align, || self.submit(frame, scene, options))?;
        }
        for track in &scene.visible {
            timings.time(Stage::Paste, || self.correct(frame, track, scene.now, options, &mut result))?;
        }
        Ok(result)
    }

    fn collect(&mut self, finished: Finished, now: Duration, max_age: Duration, result: &mut LiveFrame) {
        if finished.epoch != self.epoch {
            return;
        }
        match finished.details {
            Ok(details) => {
                let asked = details.iter().filter(|face| !face.is_reused).count();
                if asked > 0 {
                    result.took = Some(finished.took);
                    let each = finished.took / asked as u32;
                    self.time_per_face = Some(self.time_per_face.map_or(each, |mean| (mean * 3 + each) / 4));
                }
                for FinishedFace { id, detail, is_reused } in details {
                    self.details.arrive(id, detail, finished.time, now, max_age);
                    result.restored.push(id);
                    result.reused.extend(is_reused.then_some(id));
                }
            }
            Err(error) => result.failure = Some(error),
        }
    }

    /// Hands the crops that matter most to the worker.
    fn submit(
        &mut self,
        frame: &dyn FramePixels,
        scene: &SceneFaces,
        options: &LiveOptions,
    ) -> Result<(), FaceRestoreError> {
        let areas: Vec<(u64, f32)> =
            scene.visible.iter().map(|track| (track.id, track.face.bbox.area())).collect();
        let chosen = self.details.choose(&areas, scene.now, options.max_age, self.time_per_face);
        let sides = self.worker.crop_sides().matched(options.match_size);
        let mut faces = Vec::with_capacity(chosen.len());
        for track in scene.visible.iter().filter(|track| chosen.contains(&track.id)) {
            let size = sides.for_face(&track.face.landmarks, self.details.crop_size(track.id));
            faces.extend(align_face(frame, track.id, &track.face.landmarks, size)?);
        }
        if !faces.is_empty() {
            self.worker.submit(Job {
                epoch: self.epoch,
                time: scene.now,
                faces,
                options: options.temporal,
                keep_color: options.paste.keep_color,
                alive: scene.alive.clone(),
            });
        }
        Ok(())
    }

    /// Adds the correction by a face's newest detail.
    fn correct(
        &mut self,
        frame: &dyn FramePixels,
        track: &Track,
        now: Duration,
        options: &LiveOptions,
        result: &mut LiveFrame,
    ) -> Result<(), FaceRestoreError> {
        let Some(shown) = self.details.show(track.id, now, options.max_age) else { return Ok(()) };
        let Ok(to_crop) = face_detect::face_to_crop(&track.face.landmarks, shown.detail.crop_size()) else {
            return Ok(());
        };
        let (width, height) = frame.size();
        let strength = options.paste.strength * shown.share;
        if let Some(correction) = shown.detail.correction(&to_crop, width, height, strength)? {
            result.oldest_detail = result.oldest_detail.max(Some(shown.age));
            result.corrections.push(correction);
        }
        Ok(())
    }
}
