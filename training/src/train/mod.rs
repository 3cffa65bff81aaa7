// SPDX-License-Identifier: MIT OR Apache-2.0
//! A training run: its configuration, its batches, the trainer, the processes that share it, its files, and the loop.

pub mod config;
mod detail;
mod discriminator;
mod draw;
mod error;
mod eyes;
mod job;
pub mod loader;
mod local_energy;
mod loss_networks;
pub mod optimiser;
pub mod parallel;
pub mod run;
pub mod state;
pub mod trainer;

pub use detail::Terms;
pub use error::{RunError, TrainError};
pub use job::TrainJob;
pub use loss_networks::LossNetworkFiles;
