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
 * With #GstFaceRestore:mode=live no frame waits for the network: a worker thread restores the newest crop of each face,
 * and every frame shows the newest detail, put where the face is now. The element then adds half a frame interval to
 * the latency that it answers, and when the machine is too slow, restorations become rarer and never frames.
 *
 * When faces appear, are lost or have been restored, an element message `facerestore` says so, with ids and boxes.
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
 * gst-launch-1.0 v4l2src ! videoconvert ! facerestore mode=live strength=0.7 ! videoconvert ! autovideosink
 * ]| Restores a camera's picture by 70 %.
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! facerestore model=GFPGANv1.4.torchscript draw-boxes=true ! videoconvert ! autovideosink
 * ]| Uses a network of one's own, and shows what was found.
 */
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};

use super::properties::PROPERTIES;
use super::settings::{FrameSettings, Settings};
use crate::draw::draw_faces;
use crate::locate::plugin_file;
use crate::meta::attach_faces;
use crate::open::open;
use crate::pipeline::{FramePlan, Pipeline};
use crate::pixels::{FORMATS, FrameViewMut, Layout, apply};
use crate::qos::Qos;
use crate::stats::{Outcome, Stats};
use crate::timing::{Stage, Timings};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("facerestore", gst::DebugColorFlags::empty(), Some("Face restoration"))
});

/// What exists between `start` and `stop`.
pub(super) struct State {
    pub(super) pipeline: Pipeline,
    pub(super) video: Option<(VideoInfo, Layout)>,
    /// What to do to the buffer that is being transformed, and the settings it was made with.
    pub(super) planned: Option<(FramePlan, FrameSettings)>,
    /// The time of frames without a timestamp.
    pub(super) started: Instant,
}

/// Lock order: `state` may be held while `settings`, `qos` or `stats` is taken, none of which is held for long.
#[derive(Default)]
pub struct FaceRestore {
    pub(super) settings: Mutex<Settings>,
    pub(super) state: Mutex<Option<State>>,
    pub(super) qos: Mutex<Qos>,
    pub(super) stats: Mutex<Stats>,
}

/// A panic elsewhere must not take the element down: the values behind these locks stay valid at every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        *lock(&self.state) = Some(State { pipeline, video: None, planned: None, started: Instant::now() });
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

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if !BaseTransformImplExt::parent_query(self, direction, query) {
            return false;
        }
        if direction == gst::PadDirection::Src
            && let gst::QueryViewMut::Latency(latency) = query.view_mut()
        {
            let own = self.latency();
            let (live, least, most) = latency.result();
            latency.set(live, least + own, most.map(|most| most + own));
        }
        true
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
            attach_faces(buffer, &plan.tracks, info.width(), info.height());
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
        let before = self.latency();
        if let Some(state) = lock(&self.state).as_mut() {
            state.video = Some((info.clone(), Layout::new(info)));
        }
        self.forget_stream();
        if self.latency() != before {
            // Fails only while the element has no bus.
            let _ = self.obj().post_message(gst::message::Latency::builder().src(&*self.obj()).build());
        }
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
                draw_faces(&mut view, &plan.tracks);
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
