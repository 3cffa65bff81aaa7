//! What happens to one frame: detect and track → align → restore → correction. Knows planes of pixels and networks, not
//! GStreamer elements; what it finds is applied to the frame afterwards, all or nothing.

mod crops;
mod live;
mod restoration;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use face_detect::{Correction, DetectOptions, Face, FaceDetail, PasteOptions, Track};

pub use self::live::LiveRestoration;
pub use self::restoration::{Restoration, RestoreOptions};
pub use self::source::{FaceSource, Finder};

use self::crops::{AlignedFace, align_face};
use crate::error::FrameError;
use crate::overlap::weigh_overlaps;
use crate::pixels::FrameView;
use crate::timing::{Stage, Timings};

/// When a face is restored.
pub enum Restoring {
    /// In the streaming thread: each face of each frame, however long it takes.
    Offline(Box<Restoration>),
    /// In a worker thread: the frame takes what there is.
    Live(LiveRestoration),
}

/// The faces that were found and the restorer that answers them.
pub struct Pipeline {
    source: FaceSource,
    restoring: Restoring,
    /// The visible tracks of the last frame.
    tracked: Vec<u64>,
}

/// What is asked of a frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameOptions {
    /// Which faces count.
    pub detect: DetectOptions,
    /// Every how many frames faces are looked for, at least 1; tracks are followed in between.
    pub detection_interval: u32,
    /// How faces are restored.
    pub restore: RestoreOptions,
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
    /// What became of the faces since the frame before.
    pub changes: Changes,
    /// Live: the oldest restoration that the frame shows.
    pub oldest_detail: Option<Duration>,
    /// Live: how long the worker took for the restorations that have arrived.
    pub worker: Option<Duration>,
    /// Live: what went wrong in the worker. The frame shows what was there before.
    pub worker_failure: Option<FrameError>,
    /// How long it took.
    pub timings: Timings,
}

/// What became of the faces since the frame before, by the ids of their tracks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Now visible.
    pub appeared: Vec<u64>,
    /// Not visible any more.
    pub lost: Vec<u64>,
    /// Restored anew.
    pub restored: Vec<u64>,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    #[must_use]
    pub fn new(source: FaceSource, restoring: Restoring) -> Self {
        Self { source, restoring, tracked: Vec::new() }
    }

    /// Frames do not wait for the network.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.restoring, Restoring::Live(_))
    }

    /// Faces are those that upstream names.
    #[must_use]
    pub fn wants_upstream_faces(&self) -> bool {
        self.source.is_upstream()
    }

    /// Forgets the faces: after a seek, a change of caps or a gap.
    pub fn reset(&mut self) {
        self.source.reset();
        match &mut self.restoring {
            Restoring::Offline(restoration) => restoration.forget(),
            Restoring::Live(live) => live.forget(),
        }
    }

    /// Finds out what to do to `frame`, shown at `time`; changes no pixel. `upstream` are the faces that its metas name.
    ///
    /// # Errors
    /// [`FrameError`] of the step that failed.
    pub fn plan(
        &mut self,
        frame: &FrameView,
        upstream: &[Face],
        time: Duration,
        options: &FrameOptions,
    ) -> Result<FramePlan, FrameError> {
        let mut plan = FramePlan::default();
        plan.tracks = self.source.track(
            frame,
            time,
            upstream,
            &options.detect,
            options.detection_interval,
            &mut plan.timings,
        )?;
        self.note_changes(&mut plan);
        if options.paste.strength == 0.0 {
            return Ok(plan);
        }
        match &mut self.restoring {
            Restoring::Offline(restoration) => restore_now(restoration, frame, &mut plan, options)?,
            Restoring::Live(live) => show_newest(live, frame, time, &mut plan, options)?,
        }
        plan.timings.time(Stage::Paste, || weigh_overlaps(&mut plan.corrections))?;
        Ok(plan)
    }

    fn note_changes(&mut self, plan: &mut FramePlan) {
        let now: Vec<u64> = plan.tracks.iter().map(|track| track.id).collect();
        plan.changes.appeared = now.iter().filter(|id| !self.tracked.contains(id)).copied().collect();
        plan.changes.lost = self.tracked.iter().filter(|id| !now.contains(id)).copied().collect();
        self.tracked = now;
    }
}

/// Restores all faces of the frame as one batch.
fn restore_now(
    restoration: &mut Restoration,
    frame: &FrameView,
    plan: &mut FramePlan,
    options: &FrameOptions,
) -> Result<(), FrameError> {
    let (timings, tracks) = (&mut plan.timings, &plan.tracks);
    restoration.keep_tracks(|id| tracks.iter().any(|track| track.id == id));
    if tracks.is_empty() {
        return Ok(());
    }
    let aligned = timings.time(Stage::Align, || align_faces(frame, tracks, restoration.crop_size()))?;
    let restored = timings.time(Stage::Restore, || restoration.restore(&aligned, &options.restore))?;
    let (width, height) = frame.layout().size();
    for (face, restored) in aligned.iter().zip(&restored) {
        let correction = timings.time(Stage::Paste, || {
            FaceDetail::between(&face.crop, restored, options.paste.keep_color)?.correction(
                &face.to_crop,
                width,
                height,
                options.paste.strength,
            )
        })?;
        plan.corrections.extend(correction);
        plan.changes.restored.push(face.id);
    }
    Ok(())
}

/// Takes what the worker has finished, gives it the newest crops when it is idle, and shows each face's newest detail.
fn show_newest(
    live: &mut LiveRestoration,
    frame: &FrameView,
    time: Duration,
    plan: &mut FramePlan,
    options: &FrameOptions,
) -> Result<(), FrameError> {
    let collected = live.collect();
    plan.changes.restored = collected.restored;
    plan.worker = collected.took;
    plan.worker_failure = collected.failure;
    let (timings, tracks) = (&mut plan.timings, &plan.tracks);
    live.keep_tracks(|id| tracks.iter().any(|track| track.id == id));
    if tracks.is_empty() {
        return Ok(());
    }
    if live.is_idle() {
        let areas: Vec<(u64, f32)> = tracks.iter().map(|track| (track.id, track.face.bbox.area())).collect();
        let chosen = live.choose(&areas, time, options.max_age);
        let chosen: Vec<Track> = tracks.iter().filter(|track| chosen.contains(&track.id)).copied().collect();
        let aligned = timings.time(Stage::Align, || align_faces(frame, &chosen, live.crop_size()))?;
        if !aligned.is_empty() {
            let alive = areas.iter().map(|&(id, _)| id).collect();
            live.submit(aligned, alive, time, options.restore, options.paste.keep_color);
        }
    }
    let (width, height) = frame.layout().size();
    for track in tracks {
        let Some((detail, share, age)) = live.detail(track.id, time, options.max_age) else { continue };
        let Ok(to_crop) = face_detect::face_to_crop(&track.face.landmarks, detail.crop_size()) else {
            continue;
        };
        let strength = options.paste.strength * share;
        let correction =
            timings.time(Stage::Paste, || detail.correction(&to_crop, width, height, strength))?;
        if correction.is_some() {
            plan.oldest_detail = Some(plan.oldest_detail.map_or(age, |oldest| oldest.max(age)));
        }
        plan.corrections.extend(correction);
    }
    Ok(())
}

fn align_faces(frame: &FrameView, tracks: &[Track], size: u32) -> Result<Vec<AlignedFace>, FrameError> {
    let aligned = tracks.iter().map(|track| align_face(frame, track.id, &track.face.landmarks, size));
    Ok(aligned.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
