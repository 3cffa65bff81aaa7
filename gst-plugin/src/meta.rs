// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faces as `GstVideoRegionOfInterestMeta`s on a buffer: what `attach-meta` writes, and `detector=none` reads.

use std::ops::ControlFlow;

use face_detect::{BoundingBox, Face, Point, Region, Track};
use gst_video::VideoRegionOfInterestMeta;

/// What gst-inspect says of the regions.
pub const REGION_FIELDS: &str = "Attach a GstVideoRegionOfInterestMeta of type \"face\" per face: its rectangle is the face's box within the \
    frame, its parameter structure \"face\" holds id (guint64, the same for the same face in every frame), score (gdouble, 0 to 1) and \
    landmarks (GstValueArray of five GstValueArray of x and y, gdouble, pixels of the frame: the eye on the image's left, the eye on its \
    right, nose tip, left and right corner of the mouth). A plugin built for GStreamer 1.24 (cargo feature v1_24) also adds an object \
    detection of type \"face\" to the buffer's GstAnalyticsRelationMeta";

/// Adds one region of interest of type "face" for each face that is visible in the frame, in place of those of this form that
/// an element upstream has attached (they were read here, or are the answer of another `facerestore`); regions without
/// landmarks, and of other types, stay.
///
/// Its rectangle is the face's box clipped to the frame, its parameter structure has the fields of [`REGION_FIELDS`].
pub fn attach_faces(buffer: &mut gst::BufferRef, tracks: &[Track], width: u32, height: u32) {
    buffer.foreach_meta_mut(|mut meta| {
        let is_ours =
            meta.downcast_ref::<VideoRegionOfInterestMeta>().is_some_and(|meta| face_of(meta).is_some());
        ControlFlow::Continue(if is_ours {
            gst::buffer::BufferMetaForeachAction::Remove
        } else {
            gst::buffer::BufferMetaForeachAction::Keep
        })
    });
    for track in tracks {
        let Some(bounds) = visible_box(&track.face.bbox, width, height) else { continue };
        let rectangle = (bounds.x as u32, bounds.y as u32, bounds.width as u32, bounds.height as u32);
        VideoRegionOfInterestMeta::add(buffer, "face", rectangle).add_param(face_structure(track));
    }
}

fn face_structure(track: &Track) -> gst::Structure {
    let points = track.face.landmarks.map(|point| gst::Array::new([f64::from(point.x), f64::from(point.y)]));
    gst::Structure::builder("face")
        .field("id", track.id)
        .field("score", f64::from(track.face.score))
        .field("landmarks", gst::Array::new(points))
        .build()
}

/// The faces that an element upstream has attached, in the form of [`attach_faces`]; `score` may be missing or no number and
/// counts as 1. Regions of other types, and those without five finite landmarks, are none of ours.
#[must_use]
pub fn attached_faces(buffer: &gst::BufferRef) -> Vec<Face> {
    buffer.iter_meta::<VideoRegionOfInterestMeta>().filter_map(|meta| face_of(&meta)).collect()
}

fn face_of(meta: &VideoRegionOfInterestMeta) -> Option<Face> {
    if !has_type(meta) || meta.roi_type() != "face" {
        return None;
    }
    let parameters = meta.param("face")?;
    let points = parameters.get::<gst::Array>("landmarks").ok()?;
    let points: Vec<Point> = points.iter().map_while(point_of).collect();
    let (x, y, width, height) = meta.rect();
    let bbox = BoundingBox { x: x as f32, y: y as f32, width: width as f32, height: height as f32 };
    let score = parameters.get::<f64>("score").ok().filter(|score| !score.is_nan());
    let score = score.map_or(1.0, |score| score.clamp(0.0, 1.0) as f32);
    Some(Face { bbox, landmarks: points.try_into().ok()?, score })
}

/// Whether the region has a type at all, which upstream may leave out: the binding reads any as a string, also none.
fn has_type(meta: &VideoRegionOfInterestMeta) -> bool {
    // SAFETY: the binding's type is the C structure and nothing else (`repr(transparent)`).
    let raw = unsafe { &*std::ptr::from_ref(meta).cast::<gst_video::ffi::GstVideoRegionOfInterestMeta>() };
    raw.roi_type != 0
}

fn point_of(value: &gst::glib::SendValue) -> Option<Point> {
    let pair = value.get::<gst::Array>().ok()?;
    let [x, y] = pair.as_slice() else { return None };
    // What is finite in 64 bits need not be in 32.
    let coordinate = |value: &gst::glib::SendValue| {
        value.get::<f64>().ok().map(|value| value as f32).filter(|value| value.is_finite())
    };
    Some(Point { x: coordinate(x)?, y: coordinate(y)? })
}

/// The whole pixels of the frame that a box covers, if any.
#[must_use]
pub fn visible_box(bbox: &BoundingBox, width: u32, height: u32) -> Option<Region> {
    let span = |start: f32, length: f32, limit: u32| {
        let limit = limit as f32;
        let first = start.round().clamp(0.0, limit) as i32;
        (first, (start + length).round().clamp(0.0, limit) as i32 - first)
    };
    let (x, width) = span(bbox.x, bbox.width, width);
    let (y, height) = span(bbox.y, bbox.height, height);
    (width > 0 && height > 0).then_some(Region { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use face_detect::Point;

    use super::*;
    use crate::fixtures::assert_described;

    fn face(x: f32, y: f32, width: f32, height: f32) -> Face {
        let landmarks = std::array::from_fn(|k| Point { x: k as f32 + 0.5, y: 10.0 * k as f32 });
        Face { bbox: BoundingBox { x, y, width, height }, landmarks, score: 0.75 }
    }

    /// As `gst_buffer_add_video_region_of_interest_meta(buffer, NULL, …)` of an element in C makes it.
    #[test]
    fn a_region_without_a_type_is_no_face() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let writable = buffer.get_mut().unwrap();
        // SAFETY: the buffer is writable, and 0 is the quark of no string.
        let meta = unsafe {
            gst_video::ffi::gst_buffer_add_video_region_of_interest_meta_id(
                writable.as_mut_ptr(),
                0,
                1,
                2,
                3,
                4,
            )
        };
        assert!(!meta.is_null());
        assert!(attached_faces(&buffer).is_empty());
        attach_faces(buffer.get_mut().unwrap(), &[], 64, 64);
        assert_eq!(buffer.iter_meta::<VideoRegionOfInterestMeta>().count(), 1, "it is not ours");
    }

    #[test]
    fn boxes_are_clipped_to_the_frame() {
        let region = |x, y, width, height| Some(Region { x, y, width, height });
        assert_eq!(visible_box(&face(1.4, 2.6, 10.0, 10.0).bbox, 100, 50), region(1, 3, 10, 10));
        assert_eq!(visible_box(&face(-5.0, 45.0, 10.0, 10.0).bbox, 100, 50), region(0, 45, 5, 5));
        assert_eq!(visible_box(&face(100.0, 0.0, 10.0, 10.0).bbox, 100, 50), None);
        assert_eq!(visible_box(&face(f32::NAN, 0.0, f32::INFINITY, 10.0).bbox, 100, 50), None);
    }

    fn track(id: u64, face: Face) -> Track {
        let zero = std::time::Duration::ZERO;
        Track { id, face, state: face_detect::TrackState::Detected, age: zero, unconfirmed: zero }
    }

    #[test]
    fn faces_come_back_from_the_buffer() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let tracks = [track(7, face(10.0, 20.0, 30.0, 40.0)), track(8, face(-90.0, 0.0, 10.0, 10.0))];
        attach_faces(buffer.get_mut().unwrap(), &tracks, 100, 100);
        let metas: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
        assert_eq!(metas.len(), 1, "the face outside the frame gets none");
        assert_eq!((metas[0].roi_type(), metas[0].rect()), ("face", (10, 20, 30, 40)));
        let parameters = metas[0].param("face").unwrap();
        assert_eq!(parameters.n_fields(), 3);
        assert_described(parameters, REGION_FIELDS);
        assert_eq!((parameters.get::<u64>("id"), parameters.get::<f64>("score")), (Ok(7), Ok(0.75)));
        let landmarks = parameters.get::<gst::Array>("landmarks").unwrap();
        let last = landmarks[4].get::<gst::Array>().unwrap();
        assert_eq!((last[0].get::<f64>().unwrap(), last[1].get::<f64>().unwrap()), (4.5, 40.0));
        assert_eq!(attached_faces(&buffer), [tracks[0].face]);
    }

    /// What a file or another element says is not believed as it stands.
    #[test]
    fn numbers_that_are_none_are_left_out() {
        gst::init().unwrap();
        let read = |coordinate: f64, score: f64| {
            let points = std::array::from_fn::<_, 5, _>(|k| gst::Array::new([coordinate, k as f64]));
            let structure = gst::Structure::builder("face")
                .field("landmarks", gst::Array::new(points))
                .field("score", score)
                .build();
            let mut buffer = gst::Buffer::new();
            VideoRegionOfInterestMeta::add(buffer.get_mut().unwrap(), "face", (1, 2, 3, u32::MAX))
                .add_param(structure);
            attached_faces(&buffer)
        };
        for coordinate in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert_eq!(read(coordinate, 0.5), [], "{coordinate}");
        }
        let score = |score| read(5.0, score)[0].score;
        assert_eq!([score(0.25), score(f64::NAN), score(7.0), score(-1.0)], [0.25, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn regions_that_are_no_faces_with_landmarks_are_left_out() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let buffer = buffer.get_mut().unwrap();
        VideoRegionOfInterestMeta::add(buffer, "face", (1, 2, 3, 4));
        VideoRegionOfInterestMeta::add(buffer, "car", (1, 2, 3, 4))
            .add_param(face_structure(&track(1, face(1.0, 1.0, 5.0, 5.0))));
        let four = gst::Array::new(std::array::from_fn::<_, 4, _>(|_| gst::Array::new([1.0, 2.0])));
        let short = gst::Structure::builder("face").field("landmarks", four).build();
        VideoRegionOfInterestMeta::add(buffer, "face", (1, 2, 3, 4)).add_param(short);
        let text = gst::Structure::builder("face").field("landmarks", "1 2 3").build();
        VideoRegionOfInterestMeta::add(buffer, "face", (1, 2, 3, 4)).add_param(text);
        assert!(attached_faces(buffer).is_empty());
    }
}
