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

/// What gst-inspect says of the message.
pub const MESSAGE_FIELDS: &str = "An element message \"facerestore\" says when faces appear, are lost or, in live mode, have been restored: \
    timestamp, running-time and stream-time (guint64, nanoseconds; each where it is known); appeared, lost and restored (GstValueArray \
    of ids, guint64); faces (GstValueArray of GstStructure \"face\": id, guint64; x, y, width and height of the box, gint, pixels within \
    the frame; score, gdouble, 0 to 1)";

/// The structure of the message, with the fields of [`MESSAGE_FIELDS`].
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face_detect::{BoundingBox, Face, Point, TrackState};

    use super::*;
    use crate::fixtures::assert_described;

    #[test]
    fn gst_inspect_describes_every_field() {
        gst::init().unwrap();
        let bbox = BoundingBox { x: 1.0, y: 2.0, width: 3.0, height: 4.0 };
        let face = Face { bbox, landmarks: [Point { x: 2.0, y: 3.0 }; 5], score: 0.9 };
        let (age, unconfirmed) = (Duration::ZERO, Duration::ZERO);
        let track = Track { id: 1, face, state: TrackState::Detected, age, unconfirmed };
        let plan = FramePlan { tracks: vec![track], ..FramePlan::default() };
        let time = Some(gst::ClockTime::SECOND);
        let times = FrameTimes { timestamp: time, running_time: time, stream_time: time };
        let message = faces_changed(&plan, &times, (10, 10));
        let faces = message.get::<gst::Array>("faces").unwrap();
        let face = faces[0].get::<gst::Structure>().unwrap();
        assert_eq!(message.n_fields() + face.n_fields(), 7 + 6);
        assert_described(&message, MESSAGE_FIELDS);
        assert_described(&face, MESSAGE_FIELDS);
    }
}
