// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm study`: what is in the page and its key, a rater's work in a real browser (with the cargo feature
//! browser-tests), and the tally.

#[cfg(feature = "browser-tests")]
mod browser;
#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod page;
mod tally;
