//! One frame: what to do to it, and what to report about it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_video::VideoFrameRef;

use super::imp::{CAT, FaceRestore, State, lock};
use super::settings::FrameSettings;
use crate::error::FrameError;
use crate::message::{FrameTimes, faces_changed};
use crate::meta::attached_faces;
use crate::pipeline::{Changes, FramePlan};
use crate::pixels::FrameView;
use crate::qos::Qos;
use crate::stats::Outcome;

/// A warning is posted for the first failed frame and then for each of this many.
const FAILURES_PER_WARNING: u64 = 100;
/// Frames a second where the caps do not say: the latency then is that of a usual camera.
const USUAL_FRAME_RATE: gst::Fraction = gst::Fraction::new_raw(30, 1);

impl FaceRestore {
    /// Decides what to do to a buffer; `None`: let it pass untouched.
    pub(super) fn plan(&self, buffer: &gst::BufferRef) -> Option<(FramePlan, FrameSettings)> {
        let segment = self.obj().segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        let running_time = segment.and_then(|segment| segment.to_running_time(buffer.pts()));
        let stream_time = segment.and_then(|segment| segment.to_stream_time(buffer.pts()));
        if let Some(stream_time) = stream_time
            && let Err(error) = self.obj().sync_values(stream_time)
        {
            gst::warning!(CAT, imp = self, "controlled properties were not updated: {error}");
        }
        let times = FrameTimes { timestamp: buffer.pts(), running_time, stream_time };
        let lateness = lock(&self.qos).lateness(running_time);
        if let Some(lateness) = lateness {
            self.pass_late(buffer, &times, lateness);
            return None;
        }
        let settings = lock(&self.settings).frame;
        if !settings.wants_faces() {
            self.record(Outcome::Bypassed, &FramePlan::default());
            return None;
        }
        match self.plan_frame(buffer, &settings) {
            Ok(mut plan) => {
                self.report(&mut plan, &times);
                if plan.corrections.is_empty() && (plan.tracks.is_empty() || !settings.annotates()) {
                    self.record(Outcome::Bypassed, &plan);
                    return None;
                }
                Some((plan, settings))
            }
            Err(error) => {
                self.pass_failed(&error);
                None
            }
        }
    }

    /// Runs the pipeline on a buffer that it only reads.
    fn plan_frame(&self, buffer: &gst::BufferRef, settings: &FrameSettings) -> Result<FramePlan, FrameError> {
        let mut state = lock(&self.state);
        let Some(State { pipeline, video: Some((info, layout)), started, .. }) = state.as_mut() else {
            return Err(FrameError::Layout("a buffer came before its caps".into()));
        };
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info)
            .map_err(|error| FrameError::Layout(error.to_string()))?;
        let view = FrameView::new(layout, &frame)?;
        let upstream = if pipeline.wants_upstream_faces() { attached_faces(buffer) } else { Vec::new() };
        let time = buffer.pts().map_or_else(|| started.elapsed(), Duration::from);
        let plan =
            catch_unwind(AssertUnwindSafe(|| pipeline.plan(&view, &upstream, time, &settings.options())))
                .unwrap_or_else(|panic| Err(FrameError::from_panic(&*panic)));
        if plan.is_err() {
            pipeline.reset();
        }
        plan
    }

    /// Posts what became of the faces, and what went wrong in the worker.
    fn report(&self, plan: &mut FramePlan, times: &FrameTimes) {
        if let Some(error) = plan.worker_failure.take() {
            lock(&self.stats).record_worker_failure();
            self.warn(&error);
        }
        let Changes { appeared, lost, restored } = &plan.changes;
        // In offline mode every face is restored in every frame: that is no news.
        let is_news =
            !(appeared.is_empty() && lost.is_empty()) || plan.worker.is_some() && !restored.is_empty();
        let size = lock(&self.state).as_ref().and_then(|state| Some(state.video.as_ref()?.1.size()));
        if let (true, Some(size)) = (is_news, size) {
            let message = gst::message::Element::builder(faces_changed(plan, times, size)).src(&*self.obj());
            // Fails only while the element has no bus.
            let _ = self.obj().post_message(message.build());
        }
    }

    fn pass_late(&self, buffer: &gst::BufferRef, times: &FrameTimes, lateness: i64) {
        if let Some(state) = lock(&self.state).as_mut() {
            // The faces have moved on unseen when restoration resumes.
            state.pipeline.reset();
        }
        self.record(Outcome::Late, &FramePlan::default());
        let (processed, late) = lock(&self.stats).processed_and_late();
        let proportion = lock(&self.qos).proportion();
        gst::debug!(CAT, imp = self, "late by {lateness} ns, passed unrestored: {buffer:?}");
        let message = gst::message::Qos::builder(false)
            .running_time(times.running_time)
            .stream_time(times.stream_time)
            .timestamp(buffer.pts())
            .duration(buffer.duration())
            .values(lateness, proportion, 1_000_000)
            .stats(gst::format::Buffers::from_u64(processed), gst::format::Buffers::from_u64(late))
            .src(&*self.obj())
            .build();
        // Fails only while the element has no bus.
        let _ = self.obj().post_message(message);
    }

    pub(super) fn pass_failed(&self, error: &FrameError) {
        self.record(Outcome::Failed, &FramePlan::default());
        self.warn(error);
    }

    fn warn(&self, error: &FrameError) {
        let failures = lock(&self.stats).failures();
        gst::warning!(CAT, imp = self, "frame passed unrestored (failure {failures}): {error}");
        if failures % FAILURES_PER_WARNING == 1 {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Failed,
                ("A frame could not be restored and passes unchanged: {error}"),
                [
                    "failure {failures} since the start; a message is posted for each {FAILURES_PER_WARNING}th: {error:?}"
                ]
            );
        }
    }

    pub(super) fn record(&self, outcome: Outcome, plan: &FramePlan) {
        lock(&self.stats).record(outcome, plan);
    }

    /// What the element adds to the latency: nothing in offline mode, where a frame takes what it takes; in live mode half
    /// of a frame interval, which is more than tracking and pasting need.
    pub(super) fn latency(&self) -> gst::ClockTime {
        let state = lock(&self.state);
        let Some(State { pipeline, video: Some((info, _)), .. }) = state.as_ref() else {
            return gst::ClockTime::ZERO;
        };
        if !pipeline.is_live() {
            return gst::ClockTime::ZERO;
        }
        let rate = if info.fps().numer() > 0 { info.fps() } else { USUAL_FRAME_RATE };
        let half_frame = gst::ClockTime::SECOND.mul_div_floor(rate.denom() as u64, 2 * rate.numer() as u64);
        half_frame.unwrap_or(gst::ClockTime::ZERO)
    }

    /// After a seek or a change of caps nothing that was known about earlier frames holds.
    pub(super) fn forget_stream(&self) {
        *lock(&self.qos) = Qos::default();
        if let Some(state) = lock(&self.state).as_mut() {
            state.pipeline.reset();
        }
    }
}
