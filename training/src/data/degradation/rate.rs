// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many bits H.264 may spend on a clip.

use serde::{Deserialize, Serialize};

/// How many bits x264 spends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Constant rate factor: about the same quality for every picture.
    Crf(u8),
    /// Constant bit rate, in bits for a pixel of a frame.
    BitsPerPixel(f64),
}
