// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm doctor`: what this machine has and lacks.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::doctor::examine;

/// Say what this machine has of what the project needs, and how to get what it lacks
///
/// The processor and the precision chosen for it, libtorch, a GPU or why none is used, OpenCV, GStreamer with the element, the
/// shipped models with their hashes, and the time that a face takes. The exit code is 1 when something is wrong.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Folder of the models [default: where the element and the programs look]
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

/// Prints what is found.
///
/// # Errors
/// When something is wrong, after everything was looked at.
pub fn run(args: &DoctorArgs) -> anyhow::Result<()> {
    let findings = examine(args.models.clone(), |finding| println!("{finding}"));
    let wrong = findings.iter().filter(|finding| finding.remedy.is_some()).count();
    ensure!(wrong == 0, "{wrong} of {} things are wrong; the remedies stand above", findings.len());
    Ok(())
}
