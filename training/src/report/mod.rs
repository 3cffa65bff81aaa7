// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pages about the experiments in scripts/experiments: Markdown with tables, intervals, plots, pictures and the commands, from the
//! files that those commands left in the experiment's folder.

mod comparisons;
mod error;
mod experiment;
mod generation;
mod page;
mod pictures;
mod plot;
mod restoration;

use std::path::{Path, PathBuf};

pub use error::ReportError;
pub use experiment::{Experiment, GenerationSettings, RestorationSettings};

/// Writes the page about the experiment in the folder `input`, and its pictures beside it, to the folder `output`. Returns the
/// page's file.
///
/// # Errors
/// [`ReportError`] when the experiment is not complete, or a file cannot be written.
pub fn write(input: &Path, output: &Path) -> Result<PathBuf, ReportError> {
    match Experiment::open(input)? {
        Experiment::Generation(settings) => generation::write(input, &settings, output),
        Experiment::Restoration(settings) => restoration::write(input, &settings, output),
    }
}
