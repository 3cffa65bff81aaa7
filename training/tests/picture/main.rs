// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures: files, copies that keep everything but the colours, and tiles.

mod copy;
mod files;
mod tiles;
