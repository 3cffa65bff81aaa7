// SPDX-License-Identifier: MIT OR Apache-2.0
//! Long work over many pictures: what is to do, in batches, with a progress bar, until it ends or is interrupted.

pub mod batches;
pub mod claim;
pub mod conclusion;
pub mod files;
pub mod interrupt;
pub mod naming;
pub mod progress;
mod reason;
mod threads;

pub use reason::reason;
pub use threads::in_parallel;
