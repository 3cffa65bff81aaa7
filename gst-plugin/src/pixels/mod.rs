// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pixels of raw video frames: read pictures for the networks out of any format, put changes back.
//!
//! All formats are one table row here, a [`Layout`]: three colour [`Component`]s (or one, of grey) with plane, offset, step,
//! width and subsampling, and a [`Colour`] that says what they mean. Nothing else of a frame is ever touched.
//!
//! The networks see 8 bits a channel. What comes back is a change, which is added at the depth of the format: a sample of
//! 10 bits that no change reaches keeps all of them.

mod colour;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod view;
mod write;

pub use colour::is_hdr;
use colour::{ChannelOrder, Colour};
use layout::Component;
pub use layout::{FORMATS, Field, Layout};
#[cfg(test)]
use read::{region_rgb, shrunk_bgr};
pub use view::{FrameView, FrameViewMut};
pub use write::{apply, fill};
