// SPDX-License-Identifier: MIT OR Apache-2.0
//! Training pairs: the pictures of a folder, what is seen of them, and how the inputs are made worse.

pub mod apart;
pub mod blur;
pub mod classes;
pub mod config;
pub mod dataset;
pub mod degradation;
pub mod overlay;
pub mod pair;
pub mod realign;
pub mod template;
pub mod tone;
