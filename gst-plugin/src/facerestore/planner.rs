// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the streaming thread alone owns: the faces of the stream, the format of its frames, and what is planned for the
//! buffer under way.

use std::time::{Duration, Instant};

use face_detect::{Correction, Face};
use face_restore::{Changes, FaceStream, FramePlan, Stage};
use gst_video::prelude::*;
use gst_video::{VideoFrameFlags, VideoFrameRef, VideoInfo};

use super::settings::FrameSettings;
use crate::clock::FrameClock;
use crate::draw::draw_faces;
use crate::error::FrameError;
use crate::latency::LatencyMeter;
use crate::meta::{attach_faces, attached_faces};
use crate::pixels::{Field, FrameView, FrameViewMut, Layout, apply, is_hdr};

/// Frames a second where the caps do not say.
const USUAL_FRAME_RATE: gst::Fraction = gst::Fraction::new_raw(30, 1);

/// The format of the frames.
struct Video {
    info: VideoInfo,
    layout: Layout,
    /// Frames of HDR pass as they are.
    is_hdr: bool,
    /// The top and the bottom field, for frames that are interlaced.
    fields: Option<[(Field, Layout); 2]>,
}

impl Video {
    fn new(info: &VideoInfo) -> Self {
        let layout = Layout::new(info);
        let field = |field| Some((field, layout.field(field)?));
        let fields = field(Field::Top).zip(field(Field::Bottom)).map(<[_; 2]>::from);
        let fields = fields.filter(|_| info.is_interlaced());
        Self { info: info.clone(), layout, is_hdr: is_hdr(info), fields }
    }

    /// The fields of a frame in the order of their time; `None` when it is one picture.
    fn fields_of(&self, flags: VideoFrameFlags) -> Option<[&(Field, Layout); 2]> {
        let [top, bottom] = self.fields.as_ref().filter(|_| flags.contains(VideoFrameFlags::INTERLACED))?;
        Some(if flags.contains(VideoFrameFlags::TFF) { [top, bottom] } else { [bottom, top] })
    }

    fn frame_time(&self) -> Duration {
        let rate = if self.has_rate() { self.info.fps() } else { USUAL_FRAME_RATE };
        Duration::from_secs_f64(f64::from(rate.denom()) / f64::from(rate.numer()))
    }

    fn has_rate(&self) -> bool {
        self.info.fps().numer() > 0
    }
}

/// What is to be done to the buffer under way.
struct Planned {
    settings: FrameSettings,
    /// The plan of the whole frame; its corrections are in `changes`.
    plan: FramePlan,
    /// What to add to the whole frame (`None`) or to a field.
    changes: Vec<(Option<Field>, Vec<Correction>)>,
}

/// What the element's streaming thread owns between `start` and `stop`. Nobody else looks at it, so nothing waits for it.
pub(super) struct Planner {
    stream: FaceStream,
    video: Option<Video>,
    planned: Option<Planned>,
    /// Live: how long frames take.
    latency: LatencyMeter,
    /// When the buffer under way came, and the time of its frame.
    came: Instant,
    time: Duration,
    clock: FrameClock,
}

impl Planner {
    pub fn new(stream: FaceStream) -> Self {
        Self {
            stream,
            video: None,
            planned: None,
            latency: LatencyMeter::new(Duration::ZERO),
            came: Instant::now(),
            time: Duration::ZERO,
            clock: FrameClock::default(),
        }
    }

    /// Whether no frame may wait.
    pub fn is_live(&self) -> bool {
        self.stream.is_live()
    }

    /// Width and height of the frames, once they are known.
    pub fn size(&self) -> Option<(u32, u32)> {
        Some(self.video.as_ref()?.layout.size())
    }

    /// Whether the frames are of HDR, which pass as they are.
    pub fn is_hdr(&self) -> bool {
        self.video.as_ref().is_some_and(|video| video.is_hdr)
    }

    /// Frames of another format come: nothing that was known of earlier ones holds.
    ///
    /// # Errors
    /// The detector's at frames of this size.
    pub fn set_video(&mut self, info: &VideoInfo, settings: &FrameSettings) -> Result<(), FrameError> {
        self.video = Some(Video::new(info));
        self.planned = None;
        self.stream.reset();
        if self.stream.is_live() {
            let size = (info.width(), info.height());
            self.latency = LatencyMeter::new(self.stream.rehearse(size, &settings.options().detect)?);
        }
        Ok(())
    }

    /// After a seek or a flush: the faces are others.
    pub fn forget(&mut self) {
        self.stream.reset();
        self.clock.restart();
    }

    /// A buffer comes, to be shown at `time` for `duration` as far as anybody knows.
    ///
    /// One without a time that helps comes, in live mode, as long after the one before as it did; offline, where frames come
    /// as fast as they are restored, by the frame rate, so that the same stream always gives the same faces.
    pub fn begin(&mut self, time: Option<gst::ClockTime>, duration: Option<gst::ClockTime>) {
        let before = std::mem::replace(&mut self.came, Instant::now());
        self.planned = None;
        let passed = if self.stream.is_live() {
            self.came - before
        } else {
            let video = self.video.as_ref();
            let duration = duration.filter(|duration| !duration.is_zero()).map(Duration::from);
            let of_buffer = duration.filter(|_| video.is_none_or(|video| !video.has_rate()));
            of_buffer.or(video.map(Video::frame_time)).unwrap_or_default()
        };
        self.time = self.clock.tick(time.map(Duration::from), passed);
    }

    /// The buffer under way leaves. What the element adds to the latency, where that has changed.
    pub fn end(&mut self) -> Option<Duration> {
        let took = self.came.elapsed();
        (self.stream.is_live() && self.latency.record(self.time, took)).then(|| self.latency.answer())
    }

    /// What the element adds to the latency: nothing offline, where a frame takes what it takes.
    pub fn latency(&self) -> Duration {
        if self.stream.is_live() { self.latency.answer() } else { Duration::ZERO }
    }

    /// Plans the buffer under way; reads it only.
    ///
    /// # Errors
    /// [`FrameError`] of the step that failed; nothing is planned then.
    pub fn plan(
        &mut self,
        buffer: &gst::BufferRef,
        settings: FrameSettings,
    ) -> Result<&mut FramePlan, FrameError> {
        let video =
            self.video.as_ref().ok_or_else(|| FrameError::Layout("a buffer came before its caps".into()))?;
        let mut planned = Planned { settings, plan: FramePlan::default(), changes: Vec::new() };
        if video.is_hdr {
            return Ok(&mut self.planned.insert(planned).plan);
        }
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &video.info)
            .map_err(|error| FrameError::Layout(error.to_string()))?;
        let view = FrameView::new(&video.layout, &frame)?;
        let upstream = if self.stream.is_told_faces() { attached_faces(buffer) } else { Vec::new() };
        let time = self.time;
        match video.fields_of(frame.flags()) {
            None => plan_picture(&mut self.stream, &view, &upstream, time, &mut planned)?,
            Some(fields) => {
                let times = [time, time + video.frame_time() / 2];
                plan_fields(&mut self.stream, &view, fields, &upstream, times, &mut planned)?;
            }
        }
        Ok(&mut self.planned.insert(planned).plan)
    }

    /// Nothing is to be done to the buffer under way: it passes without a copy.
    pub fn is_idle(&self) -> bool {
        self.planned.as_ref().is_none_or(|planned| {
            let nothing = planned.changes.iter().all(|(_, corrections)| corrections.is_empty());
            nothing && (planned.plan.tracks.is_empty() || !planned.settings.annotates())
        })
    }

    /// Gives `record` the plan of the buffer under way, to which nothing is done.
    pub fn record_bypassed(&self, record: impl FnOnce(&FramePlan)) {
        if let Some(planned) = &self.planned {
            record(&planned.plan);
        }
    }

    /// Does to the frame's pixels what is planned, and returns the plan; `None` when there is none.
    ///
    /// # Errors
    /// [`FrameError`] when the frame is another than the one planned for.
    pub fn apply(
        &mut self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<Option<&FramePlan>, FrameError> {
        let (Some(video), Some(planned)) = (&self.video, &mut self.planned) else { return Ok(None) };
        let Planned { settings, plan, changes } = planned;
        let mut timings = plan.timings;
        timings.time(Stage::Paste, || {
            let mut view = FrameViewMut::new(&video.layout, frame)?;
            for (field, corrections) in changes.iter() {
                let of_field = |field| video.fields.iter().flatten().find(move |(other, _)| *other == field);
                match field.and_then(of_field) {
                    Some((field, layout)) => apply(&mut view.field(layout, *field)?, corrections)?,
                    None => apply(&mut view, corrections)?,
                }
            }
            if settings.draw_boxes {
                draw_faces(&mut view, &plan.tracks);
            }
            Ok::<(), FrameError>(())
        })?;
        plan.timings = timings;
        Ok(Some(plan))
    }

    /// Attaches the faces of the buffer under way, if that is asked for.
    pub fn attach(&self, buffer: &mut gst::BufferRef) {
        let (Some(video), Some(planned)) = (&self.video, &self.planned) else { return };
        if planned.settings.attach_meta {
            let (width, height) = video.layout.size();
            attach_faces(buffer, &planned.plan.tracks, width, height);
            #[cfg(feature = "v1_24")]
            crate::analytics::attach_detections(buffer, &planned.plan.tracks, width, height);
        }
    }
}

fn plan_picture(
    stream: &mut FaceStream,
    view: &FrameView,
    upstream: &[Face],
    time: Duration,
    planned: &mut Planned,
) -> Result<(), FrameError> {
    planned.plan = stream.plan(view, upstream, time, &planned.settings.options())?;
    planned.changes.push((None, std::mem::take(&mut planned.plan.corrections)));
    Ok(())
}

/// Each field is a picture of its own time, so that nothing of one gets into the other.
fn plan_fields(
    stream: &mut FaceStream,
    view: &FrameView,
    fields: [&(Field, Layout); 2],
    upstream: &[Face],
    times: [Duration; 2],
    planned: &mut Planned,
) -> Result<(), FrameError> {
    for ((field, layout), time) in fields.into_iter().zip(times) {
        let plan = stream.plan(&view.field(layout, *field)?, upstream, time, &planned.settings.options())?;
        let corrections = join(&mut planned.plan, plan);
        planned.changes.push((Some(*field), corrections));
    }
    Ok(())
}

/// Makes `whole` the plan of both fields of a frame, and returns the corrections of the later one.
fn join(whole: &mut FramePlan, later: FramePlan) -> Vec<Correction> {
    let FramePlan { tracks, corrections, changes, oldest_detail, worker, worker_failure, timings } = later;
    let came_and_went = |id: &u64| whole.changes.appeared.contains(id);
    let lost: Vec<u64> = changes.lost.iter().filter(|id| !came_and_went(id)).copied().collect();
    whole.changes.appeared.retain(|id| !changes.lost.contains(id));
    let Changes { appeared, restored, reused, .. } = changes;
    let asked = |all: &[u64], again: &[u64]| -> Vec<u64> {
        all.iter().filter(|id| !again.contains(id)).copied().collect()
    };
    let mut asked_in_either = asked(&whole.changes.restored, &whole.changes.reused);
    asked_in_either.extend(asked(&restored, &reused));
    whole.changes.appeared.extend(appeared);
    whole.changes.lost.extend(lost);
    let anew = restored.into_iter().filter(|id| !whole.changes.restored.contains(id));
    let anew: Vec<u64> = anew.collect();
    whole.changes.restored.extend(anew);
    // Of the two fields' faces those count for which the network was asked in neither.
    whole.changes.reused = asked(&whole.changes.restored, &asked_in_either);
    whole.tracks = tracks;
    whole.oldest_detail = whole.oldest_detail.max(oldest_detail);
    whole.worker = whole.worker.or(worker);
    whole.worker_failure = whole.worker_failure.take().or(worker_failure);
    whole.timings.add(&timings);
    corrections
}
