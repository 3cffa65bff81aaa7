// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faces of a stream of frames: track → align → restore → overlap → temporal → correction, offline or live.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use face_detect::{Correction, DetectOptions, Face, FaceDetail, PasteOptions, Track};

use crate::crop::{AlignedFace, align_face};
use crate::error::FaceRestoreError;
use crate::live::{LiveFaces, LiveOptions, LiveWorker};
use crate::lookout::Patience;
use crate::overlap::weigh_overlaps;
use crate::pixels::FramePixels;
use crate::scene::{Scene, SceneFaces};
use crate::stages::{Stage, Timings};
use crate::temporal::{TemporalOptions, TemporalRestorer};

/// Live, while nobody is in sight and much of the picture moves, a new face is found after so many intervals at the latest, by default
/// a second of 30 frames: a call has the processor for others then, and a face comes in by degrees anyway.
const MOST_LIVE_INTERVALS: u32 = 6;

/// Who restores the faces of a stream, and when.
enum Mode {
    /// The caller's thread: each face of each frame, however long it takes.
    Offline(Box<TemporalRestorer>),
    /// A worker thread: the frame takes what there is.
    Live(Box<LiveFaces>),
}

/// What is asked of a frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameOptions {
    /// Which faces count.
    pub detect: DetectOptions,
    /// Every how many frames faces are looked for, at least 1; tracks are followed in between. Above 1 only what has changed is
    /// looked at, and live, while nobody is in sight and much moves, up to six times as seldom.
    pub detection_interval: u32,
    /// How faces are restored.
    pub temporal: TemporalOptions,
    /// Faces that are so small that half a crop shows all there is of them are restored in such a one, where the network takes it.
    pub match_size: bool,
    /// How restored faces are put back. With strength 0 faces are found and not restored.
    pub paste: PasteOptions,
    /// Live: a face restored longer ago than this is not shown any more.
    pub max_age: Duration,
}

/// What was found out about a frame and is to be done to it.
#[derive(Default)]
pub struct FramePlan {
    /// Its faces, the largest first.
    pub tracks: Vec<Track>,
    /// What to add to its pixels, channel order RGB.
    pub corrections: Vec<Correction>,
    /// What became of the faces since the last plan.
    pub changes: Changes,
    /// Live: the oldest restoration that the frame shows.
    pub oldest_detail: Option<Duration>,
    /// Live: how long the worker took for the restorations that have arrived.
    pub worker: Option<Duration>,
    /// Live: what went wrong in the worker. The frame shows what was there before.
    pub worker_failure: Option<FaceRestoreError>,
    /// How long it took.
    pub timings: Timings,
}

/// What became of the faces since the last plan, by the ids of their tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Now visible.
    pub appeared: Vec<u64>,
    /// Not visible any more.
    pub lost: Vec<u64>,
    /// Restored.
    pub restored: Vec<u64>,
    /// Those of the restored ones that get the network's last answer, since they have not changed.
    pub reused: Vec<u64>,
}

/// Restores the faces of one frame after the other.
///
/// A face's life has one owner, the [`Scene`]: it says which faces are *visible* and which are *alive*. What is remembered of a
/// face (its temporal memory, its live detail) lasts as long as it is alive, so a face that is hidden for a moment, or is
/// beyond the number asked for, comes back as it was. A frame that is never shown to the stream, because it is too late for
/// its viewer, or one whose plan fails, is a pause and nothing else. [`reset`](Self::reset) ends all lives.
pub struct FaceStream {
    scene: Scene,
    mode: Mode,
    /// The visible faces of the last plan that the caller got, to which [`Changes`] refer.
    told: Vec<u64>,
}

impl FaceStream {
    /// A stream whose frames wait for their faces: for files. Heads that do not stand upright are
    /// [looked for too](Scene::with_turned_heads).
    #[must_use]
    pub fn offline(scene: Scene, restorer: TemporalRestorer) -> Self {
        let scene = scene.with_turned_heads();
        Self { scene, mode: Mode::Offline(Box::new(restorer)), told: Vec::new() }
    }

    /// A stream whose frames wait for nothing: for calls.
    #[must_use]
    pub fn live(scene: Scene, worker: LiveWorker) -> Self {
        Self { scene, mode: Mode::Live(Box::new(LiveFaces::new(worker))), told: Vec::new() }
    }

    /// Frames do not wait for the network.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live(_))
    }

    /// Faces are those that the caller names.
    #[must_use]
    pub fn is_told_faces(&self) -> bool {
        self.scene.is_told()
    }

    /// Forgets the faces: after a seek, a flush or a change of format.
    pub fn reset(&mut self) {
        self.scene.reset();
        match &mut self.mode {
            Mode::Offline(restorer) => restorer.forget(),
            Mode::Live(live) => live.forget(),
        }
    }

    /// As [`Scene::rehearse`], for frames of that size.
    ///
    /// # Errors
    /// As there.
    pub fn rehearse(
        &mut self,
        size: (u32, u32),
        detect: &DetectOptions,
    ) -> Result<Duration, FaceRestoreError> {
        self.scene.rehearse(size, detect)
    }

    /// Finds out what to do to `frame`, shown at `time`; changes no pixel. `upstream` are the faces that it is told of, which
    /// count where there is no detector.
    ///
    /// # Errors
    /// [`FaceRestoreError`] of the step that failed. The faces stay known, but after a panic, which nothing is known about.
    pub fn plan(
        &mut self,
        frame: &dyn FramePixels,
        upstream: &[Face],
        time: Duration,
        options: &FrameOptions,
    ) -> Result<FramePlan, FaceRestoreError> {
        catch_unwind(AssertUnwindSafe(|| self.plan_frame(frame, upstream, time, options))).unwrap_or_else(
            |panic| {
                self.reset();
                Err(FaceRestoreError::from_panic(&*panic))
            },
        )
    }

    fn plan_frame(
        &mut self,
        frame: &dyn FramePixels,
        upstream: &[Face],
        time: Duration,
        options: &FrameOptions,
    ) -> Result<FramePlan, FaceRestoreError> {
        let mut plan = FramePlan::default();
        let most_intervals = if self.is_live() { MOST_LIVE_INTERVALS } else { 1 };
        let patience = Patience { interval: options.detection_interval, most_intervals };
        let scene = self.scene.track(frame, time, upstream, &options.detect, &patience, &mut plan.timings)?;
        if options.paste.strength > 0.0 {
            match &mut self.mode {
                Mode::Offline(restorer) => restore_now(restorer, frame, &scene, &mut plan, options)?,
                Mode::Live(live) => show_newest(live, frame, &scene, &mut plan, options)?,
            }
            plan.timings.time(Stage::Paste, || weigh_overlaps(&mut plan.corrections))?;
        }
        // Last, since what the caller never heard of is still to be told.
        let visible: Vec<u64> = scene.visible.iter().map(|track| track.id).collect();
        let told = std::mem::replace(&mut self.told, visible);
        plan.changes.appeared = self.told.iter().filter(|id| !told.contains(id)).copied().collect();
        plan.changes.lost = told.into_iter().filter(|id| !self.told.contains(id)).collect();
        plan.tracks = scene.visible;
        Ok(plan)
    }
}

/// Restores all faces of the frame as one batch.
fn restore_now(
    restorer: &mut TemporalRestorer,
    frame: &dyn FramePixels,
    scene: &SceneFaces,
    plan: &mut FramePlan,
    options: &FrameOptions,
) -> Result<(), FaceRestoreError> {
    let timings = &mut plan.timings;
    restorer.keep(&scene.alive);
    if scene.visible.is_empty() {
        return Ok(());
    }
    let sides = restorer.crop_sides().matched(options.match_size);
    let aligned = timings.time(Stage::Align, || {
        align_faces(frame, &scene.visible, |track| {
            sides.for_face(&track.face.landmarks, restorer.last_side(track.id))
        })
    })?;
    let restored = timings.time(Stage::Restore, || restorer.restore(&aligned, &options.temporal))?;
    let (width, height) = frame.size();
    for (face, restored) in aligned.iter().zip(&restored) {
        let correction = timings.time(Stage::Paste, || {
            FaceDetail::between(&face.crop, &restored.crop, options.paste.keep_color)?.correction(
                &face.to_crop,
                width,
                height,
                options.paste.strength,
            )
        })?;
        plan.corrections.extend(correction);
        plan.changes.restored.push(face.id);
        plan.changes.reused.extend(restored.is_reused.then_some(face.id));
    }
    Ok(())
}

/// Shows the newest restoration of each face.
fn show_newest(
    live: &mut LiveFaces,
    frame: &dyn FramePixels,
    scene: &SceneFaces,
    plan: &mut FramePlan,
    options: &FrameOptions,
) -> Result<(), FaceRestoreError> {
    let options = LiveOptions {
        temporal: options.temporal,
        match_size: options.match_size,
        paste: options.paste,
        max_age: options.max_age,
    };
    let shown = live.show(frame, scene, &options, &mut plan.timings)?;
    plan.corrections = shown.corrections;
    plan.changes.restored = shown.restored;
    plan.changes.reused = shown.reused;
    plan.worker = shown.took;
    plan.worker_failure = shown.failure;
    plan.oldest_detail = shown.oldest_detail;
    Ok(())
}

fn align_faces(
    frame: &dyn FramePixels,
    tracks: &[Track],
    size: impl Fn(&Track) -> u32,
) -> Result<Vec<AlignedFace>, FaceRestoreError> {
    let aligned = tracks.iter().map(|track| align_face(frame, track.id, &track.face.landmarks, size(track)));
    Ok(aligned.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
