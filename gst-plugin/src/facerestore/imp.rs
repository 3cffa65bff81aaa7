//! The element's glue: GStreamer's calls on one side, the [`Pipeline`] on the other.

/**
 * SECTION:element-facerestore
 *
 * Restores the faces of a video: finds them, lets a diffusion model repair blur, noise and compression, and puts back
 * what it changed, in place. Caps, timestamps and all bytes away from faces stay as they are; a frame without a face
 * passes through without a copy.
 *
 * The element needs two files, a restoration model and a face detector. Without the properties #GstFaceRestore:model
 * and #GstFaceRestore:detector it finds the shipped ones near the plugin's own file.
 *
 * A frame that cannot be restored passes untouched and a warning message is posted. A frame that is already too late
 * for the sink passes untouched too, and a QoS message is posted. No frame is dropped, unless the base class is told to
 * by `qos=true`.
 *
 * ## Example pipelines
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! facerestore ! videoconvert ! x264enc ! mp4mux ! filesink location=out.mp4
 * ]| Restores a file.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! facerestore strength=0.7 detection-interval=3 ! videoconvert ! autovideosink
 * ]| Restores a camera's picture by 70 %, looking for faces in each third frame.
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! facerestore model=GFPGANv1.4.torchscript draw-boxes=true ! videoconvert ! autovideosink
 * ]| Uses a network of one's own, and shows what was found.
 */
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};

use super::settings::{FrameSettings, PROPERTIES, Settings};
use crate::draw::draw_faces;
use crate::error::FrameError;
use crate::locate::plugin_file;
use crate::meta::attach_faces;
use crate::open::open;
use crate::pipeline::{FramePlan, Pipeline};
use crate::pixels::{FORMATS, FrameView, FrameViewMut, Layout, apply};
use crate::qos::Qos;
use crate::stats::{Outcome, Stage, Stats, Timings};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("facerestore", gst::DebugColorFlags::empty(), Some("Face restoration"))
});

/// A warning is posted for the first failed frame and then for each of this many.
const FAILURES_PER_WARNING: u64 = 100;

/// What exists between `start` and `stop`.
struct State {
    pipeline: Pipeline,
    video: Option<(VideoInfo, Layout)>,
    /// What to do to the buffer that is being transformed, and the settings it was made with.
    planned: Option<(FramePlan, FrameSettings)>,
}

/// Lock order: `state` may be held while `settings`, `qos` or `stats` is taken, none of which is held for long.
#[derive(Default)]
pub struct FaceRestore {
    settings: Mutex<Settings>,
    state: Mutex<Option<State>>,
    qos: Mutex<Qos>,
    stats: Mutex<Stats>,
}

/// A panic elsewhere must not take the element down: the values behind these locks stay valid at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaceRestore {
    /// Decides what to do to a buffer; `None`: let it pass untouched.
    fn plan(&self, buffer: &gst::BufferRef) -> Option<(FramePlan, FrameSettings)> {
        let segment = self.obj().segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        let running_time = segment.and_then(|segment| segment.to_running_time(buffer.pts()));
        let stream_time = segment.and_then(|segment| segment.to_stream_time(buffer.pts()));
        if let Some(stream_time) = stream_time
            && let Err(error) = self.obj().sync_values(stream_time)
        {
            gst::warning!(CAT, imp = self, "controlled properties were not updated: {error}");
        }
        let lateness = lock(&self.qos).lateness(running_time);
        if let Some(lateness) = lateness {
            self.pass_late(buffer, running_time, stream_time, lateness);
            return None;
        }
        let settings = lock(&self.settings).frame;
        if !settings.wants_faces() {
            self.record(Outcome::Bypassed, &FramePlan::default());
            return None;
        }
        match self.plan_frame(buffer, &settings) {
            Ok(plan) if plan.corrections.is_empty() && (plan.faces.is_empty() || !settings.annotates()) => {
                self.record(Outcome::Bypassed, &plan);
                None
            }
            Ok(plan) => Some((plan, settings)),
            Err(error) => {
                self.pass_failed(&error);
                None
            }
        }
    }

    /// Runs the pipeline on a buffer that it only reads.
    fn plan_frame(&self, buffer: &gst::BufferRef, settings: &FrameSettings) -> Result<FramePlan, FrameError> {
        let mut state = lock(&self.state);
        let Some(State { pipeline, video: Some((info, layout)), .. }) = state.as_mut() else {
            return Err(FrameError::Layout("a buffer came before its caps".into()));
        };
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, info)
            .map_err(|error| FrameError::Layout(error.to_string()))?;
        let view = FrameView::new(layout, &frame)?;
        let plan = catch_unwind(AssertUnwindSafe(|| pipeline.plan(&view, &settings.options())))
            .unwrap_or_else(|panic| Err(FrameError::from_panic(&*panic)));
        if plan.is_err() {
            pipeline.reset();
        }
        plan
    }

    fn pass_late(
        &self,
        buffer: &gst::BufferRef,
        running_time: Option<gst::ClockTime>,
        stream_time: Option<gst::ClockTime>,
        lateness: i64,
    ) {
        if let Some(state) = lock(&self.state).as_mut() {
            // The faces found last are older than `detection-interval` says when restoration resumes.
            state.pipeline.reset();
        }
        self.record(Outcome::Late, &FramePlan::default());
        let (processed, late) = lock(&self.stats).processed_and_late();
        let proportion = lock(&self.qos).proportion();
        gst::debug!(CAT, imp = self, "late by {lateness} ns, passed unrestored: {buffer:?}");
        let message = gst::message::Qos::builder(false)
            .running_time(running_time)
            .stream_time(stream_time)
            .timestamp(buffer.pts())
            .duration(buffer.duration())
            .values(lateness, proportion, 1_000_000)
            .stats(gst::format::Buffers::from_u64(processed), gst::format::Buffers::from_u64(late))
            .src(&*self.obj())
            .build();
        // Fails only while the element has no bus.
        let _ = self.obj().post_message(message);
    }

    fn pass_failed(&self, error: &FrameError) {
        self.record(Outcome::Failed, &FramePlan::default());
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

    fn record(&self, outcome: Outcome, plan: &FramePlan) {
        lock(&self.stats).record(outcome, plan.faces.len(), plan.corrections.len(), &plan.timings);
    }

    /// After a seek or a change of caps nothing that was known about earlier frames holds.
    fn forget_stream(&self) {
        *lock(&self.qos) = Qos::default();
        if let Some(state) = lock(&self.state).as_mut() {
            state.pipeline.reset();
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for FaceRestore {
    const NAME: &'static str = "GstFaceRestore";
    type Type = super::FaceRestore;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for FaceRestore {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn constructed(&self) {
        self.parent_constructed();
        // GstVideoFilter switches QoS on, and the base class would then drop late buffers; see `src_event`.
        self.obj().set_qos(false);
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        gst::info!(CAT, imp = self, "{} is set to {value:?}", pspec.name());
        lock(&self.settings).set(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => lock(&self.stats).structure().to_value(),
            name => lock(&self.settings).get(name),
        }
    }
}

impl GstObjectImpl for FaceRestore {}

impl ElementImpl for FaceRestore {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Face restoration",
                "Filter/Effect/Video",
                "Restores the faces of a video in place with a diffusion model; all else stays untouched",
                concat!("The facerestore developers <", env!("CARGO_PKG_REPOSITORY"), ">"),
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst_video::VideoCapsBuilder::new().format_list(FORMATS).build();
            [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]
                .map(|(name, direction)| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps)
                        .expect("the template's arguments are constants")
                })
                .into()
        });
        &TEMPLATES
    }
}

impl BaseTransformImpl for FaceRestore {
    const MODE: BaseTransformMode = BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.settings).model.clone();
        let (pipeline, loaded) = open(&settings, &plugin_file(self.obj().factory())).map_err(|error| {
            gst::error!(CAT, imp = self, "{error}");
            error.to_message()
        })?;
        gst::info!(CAT, imp = self, "loaded {loaded}");
        *lock(&self.state) = Some(State { pipeline, video: None, planned: None });
        *lock(&self.stats) = Stats::default();
        *lock(&self.qos) = Qos::default();
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        gst::info!(CAT, imp = self, "summary: {}", *lock(&self.stats));
        *lock(&self.state) = None;
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        if matches!(event.type_(), gst::EventType::FlushStop | gst::EventType::Segment) {
            self.forget_stream();
        }
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::Qos(qos) = event.view() {
            lock(&self.qos).update(qos);
        }
        self.parent_src_event(event)
    }

    /// Does all the work on the buffer as it is, so that the base class makes it writable (copies it, if others hold
    /// it) only when there is something to change.
    fn before_transform(&self, buffer: &gst::BufferRef) {
        let planned = self.plan(buffer);
        self.obj().set_passthrough(planned.is_none());
        if let Some(state) = lock(&self.state).as_mut() {
            state.planned = planned;
        }
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        // Maps the frame and calls `transform_frame_ip`, where the pixels change.
        let flow = self.parent_transform_ip(buffer)?;
        if let Some(State { video: Some((info, _)), planned: Some((plan, settings)), .. }) =
            lock(&self.state).as_ref()
            && settings.attach_meta
        {
            attach_faces(buffer, &plan.faces, info.width(), info.height());
        }
        Ok(flow)
    }
}

impl VideoFilterImpl for FaceRestore {
    fn set_info(
        &self,
        _incaps: &gst::Caps,
        info: &VideoInfo,
        _outcaps: &gst::Caps,
        _out_info: &VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        if let Some(state) = lock(&self.state).as_mut() {
            state.video = Some((info.clone(), Layout::new(info)));
        }
        self.forget_stream();
        Ok(())
    }

    fn transform_frame_ip(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut state = lock(&self.state);
        let Some(State { video: Some((_, layout)), planned: Some((plan, settings)), .. }) = state.as_mut()
        else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let mut timings = std::mem::take::<Timings>(&mut plan.timings);
        let changed = timings.time(Stage::Paste, || {
            let mut view = FrameViewMut::new(layout, frame)?;
            apply(&mut view, &plan.corrections)?;
            if settings.draw_boxes {
                draw_faces(&mut view, &plan.faces);
            }
            Ok(())
        });
        plan.timings = timings;
        match changed {
            Ok(()) => self.record(Outcome::Changed, plan),
            Err(error) => {
                drop(state);
                self.pass_failed(&error);
            }
        }
        Ok(gst::FlowSuccess::Ok)
    }
}
