// SPDX-License-Identifier: MIT OR Apache-2.0
//! A data set of aligned faces made from photos: found, measured, and refused where they are not good enough.

mod face_finder;
mod manifest;
mod near_duplicate;
mod preparation;

pub use face_finder::{FaceFinder, FaceMeasures, FindError, FoundFace, Refusal, Thresholds};
pub use manifest::{Collection, FaceRecord, Journal, JournalError, PhotoRecord};
pub use near_duplicate::PerceptualHash;
pub use preparation::{FaceFormat, MANIFEST, Preparation, PrepareError, REFUSED, Settings};
