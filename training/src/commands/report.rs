// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm report`: the page about an experiment of scripts/experiments.

use std::path::PathBuf;

use clap::Args;

use crate::report;

/// Write the page about an experiment that scripts/experiments made
///
/// The page is Markdown, generation.md or restoration.md, with tables, intervals, plots and pictures beside it, and the commands that
/// made them. The scripts call this at their end; it needs neither a model nor a network.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The experiment's folder, which holds experiment.json
    #[arg(value_name = "EXPERIMENT")]
    experiment: PathBuf,
    /// Folder for the page and its pictures [default: report in that folder]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Writes the page.
///
/// # Errors
/// An experiment that is not complete, and a full disk.
pub fn run(args: &ReportArgs) -> anyhow::Result<()> {
    let output = args.output.clone().unwrap_or_else(|| args.experiment.join("report"));
    let page = report::write(&args.experiment, &output)?;
    println!("{}", page.display());
    Ok(())
}
