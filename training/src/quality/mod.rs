// SPDX-License-Identifier: MIT OR Apache-2.0
//! How good do pictures look whose truth nobody has? Naturalness beside given clean pictures, and what networks say, set by set.

mod error;
mod measures;
mod table;

pub use error::QualityError;
pub use measures::{MeasureReport, Measures, NetworkName, QualityReport, QualitySet};
pub use table::table;
