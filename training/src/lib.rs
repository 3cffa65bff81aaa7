//! How does the network learn? Degradations, training, evaluation; the program `idm`.

pub mod aligned;
pub mod blur;
pub mod commands;
pub mod config;
pub mod data_config;
pub mod dataset;
pub mod degradation;
pub mod evaluate;
pub mod loader;
pub mod metrics;
pub mod optimiser;
pub mod pair;
pub mod parallel;
#[cfg(feature = "detect")]
pub mod photo;
pub mod picture;
pub mod run;
pub mod trainer;
pub mod warp;
