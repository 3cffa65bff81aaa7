// SPDX-License-Identifier: MIT OR Apache-2.0
//! Support for the whole-system tests: real pictures, frames of any format, the element in a harness, pipelines and
//! programs.
//!
//! The element is linked in statically, so these tests need no installed plugin; those that load the plugin as
//! GStreamer does take it from [`plugin_folder`].

#[cfg(feature = "browser-tests")]
mod browser;
mod clip;
mod coded;
mod desk;
mod frame;
mod network;
mod picture;
mod pipeline;
mod program;
mod rig;
mod steadiness;
mod synchronised;

use std::path::{Path, PathBuf};
use std::sync::Once;

#[cfg(feature = "browser-tests")]
pub use browser::Page;
pub use clip::{ClipRecipe, Packet, StreamContents, decoded_caps, decoded_frames, frame_size, streams, tree};
pub use coded::{coded, decoded};
pub use desk::{Desk, succeeded, text};
pub use face_detect::Region;
pub use frame::{FORMATS, Frame};
pub use network::{HangingNetwork, failing, lightening, negative, sharpening, traced};
pub use picture::{FACE, Picture, SKIN};
pub use pipeline::{Recording, element, first_message, on_bus, play_to_end, shipped_element, wait_for};
pub use program::{Output, example, gst_program, plugin_folder, target_folder};
pub use rig::{FRAME_TIME, Rig, address, bytes, landmarks};
pub use steadiness::{FilmMotion, WarpingError};
pub use synchronised::{Punctuality, punctuality};

/// Initialises GStreamer and registers the element, once.
pub fn init() {
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        gstfacerestore::plugin_register_static().unwrap();
    });
}

/// A picture or video of `tests/data`.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// The shipped restoration model of live mode, a fraction of the work of the other one; tests that set no model cover that.
#[must_use]
pub fn model() -> PathBuf {
    shipped("facerestore-live.safetensors")
}

/// The shipped face detector.
#[must_use]
pub fn detector() -> PathBuf {
    shipped("face_detection_yunet_2023mar.onnx")
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}
