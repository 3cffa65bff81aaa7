// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element's glue: GStreamer's calls on one side, the [`Planner`] of the streaming thread on the other.

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
 * and every frame shows the newest detail, put where the face is now. The element then adds what finding, following and
 * pasting have taken in the last second, with a margin, to the latency that it answers, and posts a LATENCY message when
 * that changes; when the machine is too slow, restorations become rarer and never frames. Put a queue between it and a sink
 * that keeps time: such a sink holds its thread until a frame is due.
 *
 * In interlaced video (interlace-mode interleaved, or mixed for the frames that say so) each field is restored as a picture of its own, so that no field gets anything of the other.
 *
 * HDR video (colorimetry with the transfer function PQ or HLG) passes untouched, with one warning message: the models know SDR.
 *
 * Since: 0.2
 *
 * A frame that cannot be restored passes untouched and a warning message is posted; in live mode also when the network has not
 * answered for five seconds, while frames go on. A frame that is already too late
 * for the sink passes untouched too, and a QoS message is posted. No frame is dropped, unless the base class is told to
 * by `qos=true`.
 *
 * ## Element messages
 *
 * When faces appear, are lost or, in live mode, have been restored, an element message with the structure `facerestore`
 * says so. Its fields:
 *
 * * `timestamp`, `running-time`, `stream-time` (#guint64): of the frame, in nanoseconds; each where it is known.
 * * `appeared`, `lost`, `restored` (#GstValueArray of #guint64): the ids of these faces.
 * * `faces` (#GstValueArray of #GstStructure `face`): those in the frame, each with
 *   * `id` (#guint64): the same for the same face in every frame, and never given to a second one,
 *   * `x`, `y`, `width`, `height` (#gint): its box, in pixels within the frame,
 *   * `score` (#gdouble): how sure the detector was when it saw the face last, 0 to 1.
 *
 * Since: 0.1
 *
 * ## Regions of interest
 *
 * With #GstFaceRestore:attach-meta each face in the frame is a #GstVideoRegionOfInterestMeta of type `face`. Its rectangle is the
 * box, in pixels within the frame. The fields of its parameter structure `face`:
 *
 * * `id` (#guint64) and `score` (#gdouble): as in the messages.
 * * `landmarks` (#GstValueArray of five #GstValueArray of two #gdouble): x and y, in pixels of the frame, of the eye on the image's
 *   left, the eye on its right, the nose tip, the left and the right corner of the mouth.
 *
 * With #GstFaceRestore:detector=none the faces are taken from such regions, which an element upstream has attached: the landmarks
 * are needed, the score may be missing and counts as 1.
 *
 * Since: 0.1
 *
 * A plugin built for GStreamer 1.24 (cargo feature `v1_24`) also adds each face to the buffer's #GstAnalyticsRelationMeta, as an object
 * detection of type `face` with the box and the score.
 *
 * Since: 0.2
 *
 * ## Example pipelines
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! facerestore ! videoconvert ! x264enc ! mp4mux ! filesink location=out.mp4
 * ]| Restores a file.
 * |[
 * gst-launch-1.0 v4l2src ! videoconvert ! facerestore mode=live strength=0.7 ! queue ! videoconvert ! autovideosink
 * ]| Restores a camera's picture by 70 %.
 * |[
 * gst-launch-1.0 filesrc location=in.mp4 ! decodebin ! videoconvert ! facerestore model=GFPGANv1.4.torchscript draw-boxes=true ! videoconvert ! autovideosink
 * ]| Uses a network of one's own, and shows what was found.
 *
 * Since: 0.1
 */
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use face_restore::{FaceRestoreError, FramePlan};
use gst::glib;
use gst::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::BaseTransformMode;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};

use super::planner::Planner;
use super::properties::PROPERTIES;
use super::settings::{FrameSettings, Settings};
use crate::error::FrameError;
use crate::locate::plugin_file;
use crate::message::{FrameTimes, MESSAGE_FIELDS, faces_changed};
use crate::open::open;
use crate::pixels::FORMATS;
use crate::qos::Qos;
use crate::stats::{Outcome, Stats};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("facerestore", gst::DebugColorFlags::empty(), Some("Face restoration"))
});

/// A warning is posted for the first failure and then for each of this many.
const FAILURES_PER_WARNING: u64 = 100;
/// Offline, so many frames that fail one after the other end the stream.
const MOST_FAILURES_IN_A_ROW: u64 = 30;

/// What the streaming thread works with is apart from what properties, queries and events of other threads read and write,
/// so that none of these ever waits for the network. The mutexes but the last are held for a copy, and taken after that one.
#[derive(Default)]
pub struct FaceRestore {
    settings: Mutex<Settings>,
    qos: Mutex<Qos>,
    stats: Mutex<Stats>,
    /// Added to the latency, in nanoseconds.
    latency: AtomicU64,
    /// A seek or a flush has come: the streaming thread forgets the faces before the next frame.
    is_forgetful: AtomicBool,
    /// Of the streaming thread alone, between `start` and `stop`: nobody ever waits for this lock.
    planner: Mutex<Option<Planner>>,
}

/// A panic elsewhere must not take the element down: the values behind these locks stay valid at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be told once a frame is planned.
#[derive(Default)]
struct News {
    message: Option<gst::Structure>,
    worker_failure: Option<FrameError>,
}

impl FaceRestore {
    fn times(&self, buffer: &gst::BufferRef) -> FrameTimes {
        let segment = self.obj().segment();
        let segment = segment.downcast_ref::<gst::ClockTime>();
        FrameTimes {
            timestamp: buffer.pts(),
            running_time: segment.and_then(|segment| segment.to_running_time(buffer.pts())),
            stream_time: segment.and_then(|segment| segment.to_stream_time(buffer.pts())),
        }
    }

    /// Plans a buffer, unless it is to pass untouched. What is planned is in the planner afterwards.
    fn plan(&self, buffer: &gst::BufferRef, times: &FrameTimes) {
        if let Some(stream_time) = times.stream_time
            && let Err(error) = self.obj().sync_values(stream_time)
        {
            gst::warning!(CAT, imp = self, "controlled properties were not updated: {error}");
        }
        let lateness = lock(&self.qos).lateness(times.running_time);
        if let Some(lateness) = lateness {
            self.pass_late(buffer, times, lateness);
            return;
        }
        let settings = lock(&self.settings).frame;
        if !settings.wants_faces() {
            lock(&self.stats).record(Outcome::Bypassed, &FramePlan::default());
            return;
        }
        match self.plan_frame(buffer, times, settings) {
            Ok(news) => self.tell(news),
            Err(error) => self.pass_failed(&error),
        }
    }

    fn plan_frame(
        &self,
        buffer: &gst::BufferRef,
        times: &FrameTimes,
        settings: FrameSettings,
    ) -> Result<News, FrameError> {
        let mut planner = lock(&self.planner);
        let Some(planner) = planner.as_mut() else { return Ok(News::default()) };
        let size = planner.size().unwrap_or_default();
        let plan = planner.plan(buffer, settings)?;
        let mut news = News { worker_failure: plan.worker_failure.take().map(Into::into), message: None };
        let changes = &plan.changes;
        // In offline mode faces are restored in every frame: that is no news.
        let is_news = !(changes.appeared.is_empty() && changes.lost.is_empty())
            || plan.worker.is_some() && !changes.restored.is_empty();
        if is_news {
            news.message = Some(faces_changed(plan, times, size));
        }
        if planner.is_idle() {
            planner.record_bypassed(|plan| lock(&self.stats).record(Outcome::Bypassed, plan));
        }
        Ok(news)
    }

    /// Posts what became of the faces, and what went wrong in the worker.
    fn tell(&self, news: News) {
        if let Some(error) = news.worker_failure {
            lock(&self.stats).record_worker_failure();
            self.warn(
                "The worker could not restore a face, and frames show what it restored before",
                "restoration failed",
                &error,
            );
        }
        if let Some(structure) = news.message {
            let message = gst::message::Element::builder(structure).src(&*self.obj());
            // Fails only while the element has no bus.
            let _ = self.obj().post_message(message.build());
        }
    }

    /// The sink is too late for this buffer: the faces pause.
    fn pass_late(&self, buffer: &gst::BufferRef, times: &FrameTimes, lateness: i64) {
        lock(&self.stats).record(Outcome::Late, &FramePlan::default());
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

    /// The frame passes untouched. Offline, a stream in which one frame after the other fails is given up: a file that looks
    /// restored and is not would be worse than none.
    fn pass_failed(&self, error: &FrameError) {
        lock(&self.stats).record(Outcome::Failed, &FramePlan::default());
        self.warn("A frame could not be restored and passes unchanged", "frame passed unrestored", error);
        // Once: the stream ends with this frame.
        if self.has_given_up() && lock(&self.stats).failures_in_a_row() == MOST_FAILURES_IN_A_ROW {
            gst::element_imp_error!(
                self,
                gst::StreamError::Failed,
                ("{MOST_FAILURES_IN_A_ROW} frames in a row could not be restored: {error}"),
                ["{error:?}"]
            );
        }
    }

    /// Whether the stream was given up.
    fn has_given_up(&self) -> bool {
        lock(&self.stats).failures_in_a_row() >= MOST_FAILURES_IN_A_ROW
            && lock(&self.planner).as_ref().is_some_and(|planner| !planner.is_live())
    }

    fn warn(&self, text: &str, log: &str, error: &FrameError) {
        let failures = lock(&self.stats).failures();
        gst::warning!(CAT, imp = self, "{log} (failure {failures}): {error}");
        // A network that does not answer is reported once for each time that it does not.
        let is_overdue = matches!(error, FrameError::Faces(FaceRestoreError::Overdue { .. }));
        if is_overdue || failures % FAILURES_PER_WARNING == 1 {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Failed,
                ("{text}: {error}"),
                [
                    "failure {failures} since the start; a message is posted for each {FAILURES_PER_WARNING}th: {error:?}"
                ]
            );
        }
    }

    /// The buffer under way leaves.
    fn end(&self) {
        let changed = lock(&self.planner).as_mut().and_then(Planner::end);
        if let Some(latency) = changed {
            gst::info!(CAT, imp = self, "adds {latency:?} to the latency");
            self.answer_latency(latency);
        }
    }

    /// Gives queries another answer, and asks the application to make them.
    fn answer_latency(&self, latency: Duration) {
        let nanoseconds = latency.as_nanos() as u64;
        if self.latency.swap(nanoseconds, Ordering::Relaxed) != nanoseconds {
            // Fails only while the element has no bus.
            let _ = self.obj().post_message(gst::message::Latency::builder().src(&*self.obj()).build());
        }
    }

    /// After a seek or a flush nothing that was known about earlier frames holds.
    fn forget_stream(&self) {
        *lock(&self.qos) = Qos::default();
        self.is_forgetful.store(true, Ordering::Relaxed);
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
                &format!(
                    "Restores the faces of a video in place with a diffusion model; all else stays untouched. {MESSAGE_FIELDS}"
                ),
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
        let (stream, loaded) = open(&settings, &plugin_file(self.obj().factory())).map_err(|error| {
            gst::error!(CAT, imp = self, "{error}");
            error.to_message()
        })?;
        gst::info!(CAT, imp = self, "loaded {loaded}");
        *lock(&self.planner) = Some(Planner::new(stream));
        *lock(&self.stats) = Stats::default();
        *lock(&self.qos) = Qos::default();
        self.latency.store(0, Ordering::Relaxed);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        gst::info!(CAT, imp = self, "summary: {}", *lock(&self.stats));
        *lock(&self.planner) = None;
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
            let own = gst::ClockTime::from_nseconds(self.latency.load(Ordering::Relaxed));
            let (live, least, most) = latency.result();
            latency.set(live, least + own, most.map(|most| most + own));
        }
        true
    }

    /// Does all the work on the buffer as it is, so that the base class makes it writable (copies it, if others hold
    /// it) only when there is something to change.
    fn before_transform(&self, buffer: &gst::BufferRef) {
        let times = self.times(buffer);
        if let Some(planner) = lock(&self.planner).as_mut() {
            if self.is_forgetful.swap(false, Ordering::Relaxed) {
                planner.forget();
            }
            // Running time grows in reverse playback too.
            planner.begin(times.running_time.or(times.timestamp), buffer.duration());
        }
        self.plan(buffer, &times);
        let is_idle = lock(&self.planner).as_ref().is_none_or(Planner::is_idle);
        // Only `transform_ip` can end a stream, which is not asked in passthrough.
        self.obj().set_passthrough(is_idle && !self.has_given_up());
        if is_idle {
            self.end();
        }
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        if self.has_given_up() {
            return Err(gst::FlowError::Error);
        }
        // Maps the frame and calls `transform_frame_ip`, where the pixels change.
        let flow = self.parent_transform_ip(buffer)?;
        if let Some(planner) = lock(&self.planner).as_ref() {
            planner.attach(buffer);
        }
        self.end();
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
        let settings = lock(&self.settings).frame;
        let mut latency = Duration::ZERO;
        let mut becomes_hdr = false;
        if let Some(planner) = lock(&self.planner).as_mut() {
            let was_hdr = planner.is_hdr();
            planner.set_video(info, &settings).map_err(|error| gst::loggable_error!(CAT, "{error}"))?;
            latency = planner.latency();
            becomes_hdr = planner.is_hdr() && !was_hdr;
        }
        if becomes_hdr {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("HDR video (PQ or HLG) passes as it is: its faces are not restored; convert it to SDR before the element"),
                ["{:?}", info.colorimetry()]
            );
        }
        // The planner has forgotten the faces already.
        *lock(&self.qos) = Qos::default();
        self.answer_latency(latency);
        Ok(())
    }

    fn transform_frame_ip(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let result = match lock(&self.planner).as_mut() {
            Some(planner) => planner.apply(frame).map(|plan| {
                plan.into_iter().for_each(|plan| lock(&self.stats).record(Outcome::Changed, plan));
            }),
            None => Ok(()),
        };
        if let Err(error) = result {
            self.pass_failed(&error);
        }
        Ok(gst::FlowSuccess::Ok)
    }
}
