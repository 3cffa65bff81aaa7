// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where are the faces? Detection, tracking, alignment to the FFHQ template and paste-back, on OpenCV.
//!
//! The three steps of one frame:
//!
//! 1. [`FaceDetector`] (YuNet through `cv::dnn`) finds faces with five landmarks each.
//! 2. [`face_to_crop`] fits the [`Similarity`] that carries those landmarks onto the FFHQ
//!    [`template()`], and [`align()`] samples the crop that a restoration network wants.
//! 3. [`paste()`] (or [`correction()`], for frames that are not one BGR image) puts back what the
//!    network changed, inside a feathered mask; every other byte of the frame stays as it was.
//!
//! For a still picture [`FaceDetector::search`] is the first step: it finds small faces of large photos and those of photos
//! that lie on their side.
//!
//! Where nobody is in sight a moving picture needs no more than its [`Cells`]: a [`Watch`] says what has changed in it, and
//! [`FaceDetector::look`] looks at that alone.
//!
//! In a moving picture a [`FaceTracker`] stands between the first step and the second: it asks for detection
//! now and then, follows the faces in between, gives each an id and keeps its landmarks steady. [`TurnedSearch`] finds
//! those of videos that lie on their side.
//!
//! Coordinates are pixels of the frame; integer coordinates are pixel centres everywhere, so a
//! frame of width `w` spans `-0.5` to `w - 0.5`. Images are OpenCV `Mat`s.

mod align;
mod cells;
mod correction;
mod detail;
mod detector;
mod error;
mod face;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod image;
mod input_size;
mod keep_color;
mod look;
mod mask;
mod misfit;
mod nms;
mod paste;
mod quarter_turn;
mod region;
mod search;
mod selection;
mod similarity;
mod support;
mod template;
mod tile;
mod track;
mod turned;
mod warp;
mod watch;
mod yunet;

pub use align::align;
pub use cells::Cells;
pub use correction::Correction;
pub use detail::FaceDetail;
pub use detector::{DETECTOR_FILE, DetectOptions, FaceDetector};
pub use error::DetectError;
pub use face::{BoundingBox, Face, Point, add_unknown, keep_largest};
pub use input_size::InputSize;
pub use look::Look;
pub use misfit::{is_plausible, misfit};
pub use nms::suppress_overlaps;
pub use paste::{PasteOptions, correction, paste};
pub use region::{Region, face_region};
pub use similarity::{Similarity, face_to_crop};
pub use template::template;
pub use track::{FaceTracker, Track, TrackOptions, TrackState};
pub use turned::TurnedSearch;
pub use watch::Watch;
