//! The `GstVideoRegionOfInterestMeta` that `attach-meta` puts on a buffer for each face.

use face_detect::{BoundingBox, Face, Region};
use gst_video::VideoRegionOfInterestMeta;

/// Adds one region of interest of type "face" for each face that is visible in the frame.
///
/// Its rectangle is the face's box clipped to the frame. Its parameter structure is named "face" and has `score`
/// (double, 0 to 1) and `landmarks`: an array of five arrays (x, y) of doubles in frame pixels, the eye on the image's
/// left, the eye on the right, nose tip, left and right corner of the mouth.
pub fn attach_faces(buffer: &mut gst::BufferRef, faces: &[Face], width: u32, height: u32) {
    for face in faces {
        let Some(bounds) = visible_box(&face.bbox, width, height) else { continue };
        let rectangle = (bounds.x as u32, bounds.y as u32, bounds.width as u32, bounds.height as u32);
        VideoRegionOfInterestMeta::add(buffer, "face", rectangle).add_param(parameters(face));
    }
}

fn parameters(face: &Face) -> gst::Structure {
    let points = face.landmarks.map(|point| gst::Array::new([f64::from(point.x), f64::from(point.y)]));
    gst::Structure::builder("face")
        .field("score", f64::from(face.score))
        .field("landmarks", gst::Array::new(points))
        .build()
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

    fn face(x: f32, y: f32, width: f32, height: f32) -> Face {
        let landmarks = std::array::from_fn(|k| Point { x: k as f32 + 0.5, y: 10.0 * k as f32 });
        Face { bbox: BoundingBox { x, y, width, height }, landmarks, score: 0.75 }
    }

    #[test]
    fn boxes_are_clipped_to_the_frame() {
        let region = |x, y, width, height| Some(Region { x, y, width, height });
        assert_eq!(visible_box(&face(1.4, 2.6, 10.0, 10.0).bbox, 100, 50), region(1, 3, 10, 10));
        assert_eq!(visible_box(&face(-5.0, 45.0, 10.0, 10.0).bbox, 100, 50), region(0, 45, 5, 5));
        assert_eq!(visible_box(&face(100.0, 0.0, 10.0, 10.0).bbox, 100, 50), None);
        assert_eq!(visible_box(&face(f32::NAN, 0.0, f32::INFINITY, 10.0).bbox, 100, 50), None);
    }

    #[test]
    fn score_and_landmarks_come_back_from_the_buffer() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let faces = [face(10.0, 20.0, 30.0, 40.0), face(-90.0, 0.0, 10.0, 10.0)];
        attach_faces(buffer.get_mut().unwrap(), &faces, 100, 100);
        let metas: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
        assert_eq!(metas.len(), 1, "the face outside the frame gets none");
        assert_eq!((metas[0].roi_type(), metas[0].rect()), ("face", (10, 20, 30, 40)));
        let parameters = metas[0].param("face").unwrap();
        assert_eq!(parameters.get::<f64>("score"), Ok(0.75));
        let landmarks = parameters.get::<gst::Array>("landmarks").unwrap();
        let last = landmarks[4].get::<gst::Array>().unwrap();
        assert_eq!((last[0].get::<f64>().unwrap(), last[1].get::<f64>().unwrap()), (4.5, 40.0));
    }
}
