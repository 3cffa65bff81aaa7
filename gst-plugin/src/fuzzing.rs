// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets `layout` and `regions` reach of this crate's inside (`fuzz/`); for no other use.
#![doc(hidden)]

use face_detect::{Correction, Face, Region};
use face_restore::FramePixels;
use gst_video::{VideoInfo, VideoRegionOfInterestMeta};
use opencv::core::{CV_32FC1, CV_32FC3, Mat, Scalar};

use crate::meta::{attached_faces, visible_box};
use crate::pixels::{FORMATS, Field, FrameView, FrameViewMut, Layout, apply, fill};

/// A frame of any format, as a stranger may hand it over.
#[derive(Debug, Clone, Copy)]
pub struct AnyFrame {
    /// Index of the format, taken modulo their number.
    pub format: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes from a row to the next, of each plane.
    pub strides: [usize; 4],
    /// What is read and changed.
    pub region: Region,
    /// The field that is seen, of interlaced frames.
    pub field: Option<bool>,
}

/// Views `memory` as each plane of `frame`, reads the region, a thumbnail and the grid of changes, and changes the region. `None` when such a frame
/// is refused.
#[must_use]
pub fn read_and_change(frame: &AnyFrame, memory: &[u8]) -> Option<()> {
    // The fuzzer's bytes lie anywhere; samples of two bytes are read where words begin, as GStreamer's memory does.
    let aligned = memory.to_vec();
    let memory = aligned.as_slice();
    let format = FORMATS[frame.format % FORMATS.len()];
    let info = VideoInfo::builder(format, frame.width, frame.height).build().ok()?;
    let whole = Layout::new(&info);
    let field = frame.field.map(|top| if top { Field::Top } else { Field::Bottom });
    let part = field.map(|field| whole.field(field).ok_or(())).transpose().ok()?;
    let layout = part.as_ref().unwrap_or(&whole);
    let view = FrameView::from_planes(&whole, [memory; 4], frame.strides).ok()?;
    let view = field.map_or(Ok(view), |field| {
        FrameView::from_planes(&whole, [memory; 4], frame.strides)?.field(layout, field)
    });
    let region = layout.clip(frame.region);
    if let Ok(view) = &view {
        view.shrunk_bgr(8, 8).ok()?;
        view.shrunk_grey(8, 8).ok()?;
        view.cells().ok()?;
        if let Some(region) = region {
            view.region_rgb(region).ok()?;
        }
    }
    let mut planes: [Vec<u8>; 4] = std::array::from_fn(|_| memory.to_vec());
    let mut view =
        FrameViewMut::from_planes(&whole, planes.each_mut().map(Vec::as_mut_slice), frame.strides).ok()?;
    let mut view = match field {
        Some(field) => view.field(layout, field).ok()?,
        None => view,
    };
    fill(&mut view, frame.region, [200, 30, 90]);
    // The change is made as it is, fitting or not: what does not fit is to be refused.
    let region = region.unwrap_or(frame.region);
    let size = (region.width.clamp(1, 512), region.height.clamp(1, 512));
    let of = |kind| Mat::new_rows_cols_with_default(size.1, size.0, kind, Scalar::all(1.0)).ok();
    let correction = Correction { region, delta: of(CV_32FC3)?, mask: of(CV_32FC1)? };
    apply(&mut view, &[correction]).ok()
}

/// The faces that a region of interest with these numbers stands for; their visible boxes lie within the frame.
///
/// # Panics
/// When one does not, which is what the fuzzer looks for.
#[must_use]
pub fn faces_of_region(
    rectangle: (u32, u32, u32, u32),
    landmarks: &[[f64; 2]],
    score: f64,
    (width, height): (u32, u32),
) -> Vec<Face> {
    let points = landmarks.iter().map(|point| gst::Array::new(*point));
    let structure = gst::Structure::builder("face")
        .field("landmarks", gst::Array::new(points))
        .field("score", score)
        .build();
    let mut buffer = gst::Buffer::new();
    VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", rectangle).add_param(structure);
    let faces = attached_faces(&buffer);
    for region in faces.iter().filter_map(|face| visible_box(&face.bbox, width, height)) {
        let end = |start: i32, length: i32| i64::from(start) + i64::from(length);
        assert!(region.x >= 0 && end(region.x, region.width) <= i64::from(width), "{region:?}");
        assert!(region.y >= 0 && end(region.y, region.height) <= i64::from(height), "{region:?}");
    }
    faces
}
