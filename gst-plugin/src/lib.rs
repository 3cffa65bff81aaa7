//! Faces in a moving picture: the GStreamer element `facerestore`.
//!
//! The element's glue is in `facerestore`; what happens to a frame is in `pipeline`, free of GStreamer's elements, on
//! top of `pixels`, which knows the video formats. A program that links this crate statically calls
//! [`plugin_register_static`] after `gst::init`.

mod draw;
mod error;
pub mod facerestore;
#[cfg(test)]
mod fixtures;
mod locate;
mod message;
mod meta;
mod open;
mod overlap;
mod pipeline;
mod pixels;
mod plugin;
mod qos;
mod stats;
mod temporal;
mod timing;

pub use plugin::plugin_register_static;
