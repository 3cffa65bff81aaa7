//! How does the network learn? Degradations, training, evaluation; the program `idm`.

pub mod aligned;
pub mod blur;
pub mod commands;
pub mod config;
pub mod contact_sheet;
pub mod data_config;
pub mod dataset;
pub mod degradation;
pub mod evaluate;
#[cfg(feature = "detect")]
pub mod face_finder;
pub mod loader;
#[cfg(feature = "detect")]
pub mod manifest;
pub mod metrics;
#[cfg(feature = "detect")]
pub mod near_duplicate;
pub mod optimiser;
pub mod pair;
#[cfg(feature = "detect")]
pub mod photo;
pub mod picture;
#[cfg(feature = "detect")]
pub mod prepare;
pub mod trainer;
pub mod warp;
