// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the parts of an aligned face are.

/// Where FFHQ's template has the eyes in a face's crop, as shares of its side, across and down.
pub const EYES: [[f64; 2]; 2] = [[0.377, 0.469], [0.622, 0.469]];
