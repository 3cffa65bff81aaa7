// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faces as object detections in a buffer's `GstAnalyticsRelationMeta` (GStreamer 1.24): what `attach-meta` writes beside the
//! regions of interest. They are not read: such a detection has no landmarks, without which a face cannot be aligned.

use face_detect::Track;
use gst::glib;
use gst_analytics::AnalyticsRelationMeta;
use gst_analytics::prelude::*;

use crate::meta::visible_box;

/// Adds an object detection of type "face" for each face that is visible in the frame, in the order of the regions of interest: its
/// box clipped to the frame, in pixels, and its score (0 to 1). Detections that are there already stay.
pub fn attach_detections(buffer: &mut gst::BufferRef, tracks: &[Track], width: u32, height: u32) {
    // A buffer has one such meta at most.
    if buffer.meta::<AnalyticsRelationMeta>().is_none() {
        AnalyticsRelationMeta::add(buffer);
    }
    let Some(mut meta) = buffer.meta_mut::<AnalyticsRelationMeta>() else { return };
    let face = glib::Quark::from_str("face");
    for track in tracks {
        let Some(bounds) = visible_box(&track.face.bbox, width, height) else { continue };
        let added = meta.add_od_mtd(face, bounds.x, bounds.y, bounds.width, bounds.height, track.face.score);
        // No memory for more: the regions of interest have all of the faces.
        if added.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use face_detect::{BoundingBox, Face, Point, TrackState};
    use gst_analytics::AnalyticsODMtd;

    use super::*;

    fn track(id: u64, x: f32) -> Track {
        let bbox = BoundingBox { x, y: 20.0, width: 30.0, height: 40.0 };
        let face = Face { bbox, landmarks: [Point { x, y: 30.0 }; 5], score: 0.75 };
        Track { id, face, state: TrackState::Detected, age: Duration::ZERO, unconfirmed: Duration::ZERO }
    }

    #[test]
    fn visible_faces_are_object_detections_beside_those_of_others() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let buffer = buffer.get_mut().unwrap();
        let car = glib::Quark::from_str("car");
        AnalyticsRelationMeta::add(buffer).add_od_mtd(car, 1, 2, 3, 4, 0.5).unwrap();
        attach_detections(buffer, &[track(7, 90.0), track(8, -90.0)], 100, 100);
        assert_eq!(buffer.iter_meta::<AnalyticsRelationMeta>().count(), 1);
        let meta = buffer.meta::<AnalyticsRelationMeta>().unwrap();
        let found: Vec<_> = meta
            .iter::<AnalyticsODMtd>()
            .map(|mtd| {
                let place = mtd.location().unwrap();
                let name = mtd.obj_type().unwrap().as_str().as_str();
                (name, place.x, place.y, place.w, place.h, place.loc_conf_lvl)
            })
            .collect();
        assert_eq!(found, [("car", 1, 2, 3, 4, 0.5), ("face", 90, 20, 10, 40, 0.75)]);
    }
}
