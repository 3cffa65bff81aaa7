// SPDX-License-Identifier: MIT OR Apache-2.0
//! Degradations: Eq. 11 as a whole, its parts against OpenCV, H.264, and the options beyond it.

#[cfg(feature = "detect")]
mod against_opencv;
#[path = "../common/mod.rs"]
mod common;
mod eq11;
mod filters;
#[cfg(feature = "video")]
mod h264;
mod mix;
mod options;
mod recipes;
mod ringing;
mod sharpen;
mod tape;
