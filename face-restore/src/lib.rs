// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faces of a picture, restored: for a stream of frames ([`FaceStream`]) and for a still picture ([`PhotoRestorer`]).
//!
//! This crate knows neither GStreamer nor files. A frame's pixels reach it through [`FramePixels`]; what is to change comes
//! back as [`Correction`](face_detect::Correction)s, and whoever owns the pixels adds them, all or nothing. One frame:
//!
//! ```text
//!   frame ──► Scene ─────────► align_face ──► TemporalRestorer ──► FaceDetail ──► weigh_overlaps ──► corrections
//!   (pixels)  detect or follow: crops, RGB     the network, and     restored −      a pixel gets one    (applied by
//!             who is visible,                  what it made of      input, masked,  face's worth of     the caller)
//!             who is alive                     the same face before warped back     change
//!                 │                                ▲     │
//!                 │ live: crops of the faces       │     │
//!                 └─────► that are due ──► LiveWorker's thread ──► LiveDetails: the newest detail of each face,
//!                                                                  faded in and out, put where the face is now
//! ```
//!
//! - [`Scene`] (`scene.rs`) owns the lives of faces: it says which are *visible* in this frame and which are *alive*, that is,
//!   may be visible again. Everything that is remembered of a face is kept for the alive ones and dropped with the others.
//! - Where nobody is in sight the scene's lookout (`lookout.rs`) reads no more of a frame than its cells until something
//!   changes, and has the detector look at that alone.
//! - Offline, a frame waits for its faces. Live, it takes what the worker has finished and never waits (`live/`).
//! - A frame that is left out or fails is a pause; [`FaceStream::reset`] (seek, flush, another format) is an end.
//! - A photo takes the same way without the first and the third step's memory (`photo.rs`).
//!
//! Pixels are 8 bits a channel, crops `CV_8UC3` in RGB; coordinates are pixels of the frame, whole numbers pixel centres.

mod answer;
mod crop;
mod error;
#[cfg(test)]
mod fixtures;
mod live;
mod lookout;
mod memory;
mod overlap;
mod photo;
mod picture;
mod pixels;
mod scene;
mod stages;
mod stream;
mod temporal;

pub use crop::{AlignedFace, CropSides, align_face};
pub use error::FaceRestoreError;
pub use live::LiveWorker;
pub use lookout::Patience;
pub use overlap::weigh_overlaps;
pub use photo::{FoundFaces, PhotoFinder, PhotoReport, PhotoRestorer, every_face};
pub use picture::RgbPicture;
pub use pixels::{FramePixels, resized};
pub use scene::{Finder, Scene, SceneFaces};
pub use stages::{STAGES, Stage, Timings};
pub use stream::{Changes, FaceStream, FrameOptions, FramePlan};
pub use temporal::{RestoredFace, TemporalOptions, TemporalRestorer};
