// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures of any size restored by a network of a fixed size.

mod aligned;
mod model;
mod tiles;

pub use aligned::{AlignedError, restore_aligned};
pub use model::{ModelChoice, ModelError};
pub use tiles::restore_tiled;
