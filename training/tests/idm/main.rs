// SPDX-License-Identifier: MIT OR Apache-2.0
//! The commands of `idm` as their users meet them; `bench` needs the machine for itself, `study` a browser, and `train` has
//! tests of its own.

#[path = "../common/mod.rs"]
mod common;
mod degrade;
mod distance;
mod doctor;
mod enhance;
mod evaluate;
mod export;
mod generate;
mod iterate;
mod pack;
#[cfg(feature = "detect")]
mod photo_files;
mod pictures;
#[cfg(feature = "detect")]
mod prepare;
#[cfg(feature = "detect")]
mod readme;
