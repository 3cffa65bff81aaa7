// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element message `facerestore`: which faces have come, gone and been restored.

use face_detect::Track;
use face_restore::FramePlan;

use crate::meta::visible_box;

/// When a frame is shown, by its clock and in its stream.
#[derive(Debug, Clone, Copy)]
pub struct FrameTimes {
    /// Of the buffer.
    pub timestamp: Option<gst::ClockTime>,
    /// On the pipeline's clock.
    pub running_time: Option<gst::ClockTime>,
    /// In the stream, which is what controllers and applications count in.
    pub stream_time: Option<gst::ClockTime>,
}

/// The structure of the message: `timestamp`, `running-time` and `stream-time` (uint64, nanoseconds, where known),
/// `appeared`, `lost` and `restored` (arrays of ids, uint64), and `faces`, an array of structures `face` with `id`, the
/// box `x`, `y`, `width`, `height` (int, within the frame) and `score` (double).
#[must_use]
pub fn faces_changed(plan: &FramePlan, times: &FrameTimes, (width, height): (u32, u32)) -> gst::Structure {
    let ids = |ids: &[u64]| gst::Array::new(ids.iter().copied());
    let faces = plan.tracks.iter().filter_map(|track| face(track, width, height));
    gst::Structure::builder("facerestore")
        .field_if_some("timestamp", times.timestamp.map(gst::ClockTime::nseconds))
        .field_if_some("running-time", times.running_time.map(gst::ClockTime::nseconds))
        .field_if_some("stream-time", times.stream_time.map(gst::ClockTime::nseconds))
        .field("appeared", ids(&plan.changes.appeared))
        .field("lost", ids(&plan.changes.lost))
        .field("restored", ids(&plan.changes.restored))
        .field("faces", gst::Array::new(faces))
        .build()
}

fn face(track: &Track, width: u32, height: u32) -> Option<gst::Structure> {
    let bounds = visible_box(&track.face.bbox, width, height)?;
    let face = gst::Structure::builder("face")
        .field("id", track.id)
        .field("x", bounds.x)
        .field("y", bounds.y)
        .field("width", bounds.width)
        .field("height", bounds.height)
        .field("score", f64::from(track.face.score));
    Some(face.build())
}
