//! Pixels of raw video frames: read pictures for the networks out of any format, put changes back.
//!
//! All formats are one table row here, a [`Layout`]: three colour [`Component`]s with plane, offset, step and
//! subsampling, and a [`Colour`] that says what they mean. Nothing else of a frame is ever touched.

mod colour;
mod frame;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod write;

use colour::{ChannelOrder, Colour};
pub use frame::{FrameView, FrameViewMut};
use layout::Component;
pub use layout::{FORMATS, Layout};
pub use read::{region_rgb, shrunk_bgr, shrunk_grey};
pub use write::{apply, fill};
