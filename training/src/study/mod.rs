// SPDX-License-Identifier: MIT OR Apache-2.0
//! The paper's user study (Table 3): a page that shows raters anonymous results beside the true face, and the tally of
//! their answers.
//!
//! [`faces`] finds the pictures, [`page`] makes the page and its [`Key`](key::Key), [`answers`] reads what raters saved
//! from the page, and [`tally`] counts it with the tests and intervals of [`statistics`].

pub mod answers;
mod error;
pub mod faces;
pub mod key;
pub mod page;
pub mod statistics;
pub mod tally;

pub use error::StudyError;
