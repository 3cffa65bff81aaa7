// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faces in a moving picture: the GStreamer element `facerestore`.
//!
//! What happens to a frame is in the crate `face-restore`, which knows no GStreamer. Here is what is GStreamer's: the element
//! and its properties (`facerestore`), the video formats (`pixels`), metadata, messages, latency, QoS and statistics. A
//! program that links this crate statically calls [`plugin_register_static`] after `gst::init`.

#[cfg(feature = "v1_24")]
mod analytics;
mod clock;
mod draw;
mod error;
pub mod facerestore;
#[cfg(test)]
mod fixtures;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod latency;
mod locate;
mod message;
mod meta;
mod open;
mod pixels;
mod plugin;
mod qos;
mod stats;

pub use plugin::plugin_register_static;
