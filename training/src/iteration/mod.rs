//! The paper's two iterations (Eq. 10) on disk: how far they are, and what the second one changed.

mod comparison;
mod record;

pub use comparison::{CompareError, Comparison, PictureScores, Row, Sides};
pub use record::{DataIdentity, Record, RecordError, Settings, Stage};
