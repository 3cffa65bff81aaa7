// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures: files, what they hold, copies that keep everything but the colours, and tiles.

#[path = "../common/mod.rs"]
mod common;
mod content;
mod copy;
mod files;
mod notes;
mod tiles;
