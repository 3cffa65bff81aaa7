// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands of `idm`, one module each: their arguments, and what they print.

pub mod bench;
pub mod degrade;
pub mod distance;
pub mod doctor;
pub mod enhance;
pub mod evaluate;
pub mod export;
pub mod generate;
pub mod iterate;
pub mod pack;
#[cfg(feature = "detect")]
pub mod prepare;
pub mod quality;
pub mod report;
pub mod restore;
pub mod restorer_args;
pub mod study;
pub mod train;
