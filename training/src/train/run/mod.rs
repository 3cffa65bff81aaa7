// SPDX-License-Identifier: MIT OR Apache-2.0
//! A training run on disk: its checkpoints, and what it tells about itself.

pub mod diverged;
pub mod folder;
pub mod generated;
pub mod log;
pub mod loss_plot;
pub mod quality;
pub mod samples;
pub mod table;
pub mod tensorboard;
