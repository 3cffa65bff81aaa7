// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures: figures of pictures and of sets, and the networks that users bring.

mod networks;
mod pictures;
mod sets;
mod spectrum;
