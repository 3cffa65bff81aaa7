// SPDX-License-Identifier: MIT OR Apache-2.0
//! How does the network learn? Degradations, training, evaluation; the program `idm`.
//!
//! One room for each purpose, from the bottom up: [`seed`], `digest` and [`picture`]; [`jobs`], [`data`] and [`metrics`]; [`restore`], [`generate`], and
//! `prepare`, which needs OpenCV; [`evaluate`]; [`train`], [`study`], [`distance`], [`quality`] and [`export`]; [`iteration`]; [`report`]; [`doctor`]. A room uses those before it
//! alone. The [`commands`] take the command line apart and know all rooms; no room knows of them.

pub mod cli;
pub mod commands;
pub mod data;
mod digest;
pub mod distance;
pub mod doctor;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod iteration;
pub mod jobs;
mod memory;
pub mod metrics;
pub mod picture;
#[cfg(feature = "detect")]
pub mod prepare;
pub mod quality;
pub mod report;
pub mod restore;
pub mod seed;
pub mod study;
pub mod train;
