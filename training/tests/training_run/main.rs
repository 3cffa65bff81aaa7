// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm train`: what it starts from, a run from end to end, what it tells about itself, and what survives a kill.

#[path = "../common/mod.rs"]
mod common;
mod detail;
mod log;
mod resume;
mod start;
mod whole;
