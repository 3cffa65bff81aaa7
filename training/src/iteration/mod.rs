// SPDX-License-Identifier: MIT OR Apache-2.0
//! The paper's two iterations (Eq. 10): x* = f(x) of a data set, how far both trainings are, and what the second one changed.

mod comparison;
mod enhance;
mod enhancement;
mod error;
mod job;
mod recipe;
mod record;

pub use comparison::{CompareError, Comparison, PictureScores, Row, Sides};
pub use enhance::enhance;
pub use enhancement::{EnhanceError, EnhanceJob, Enhanced};
pub use error::IterateError;
pub use job::IterateJob;
pub use recipe::{RECIPE_FILE, Recipe};
pub use record::{DataIdentity, Record, RecordError, Settings, Stage};
