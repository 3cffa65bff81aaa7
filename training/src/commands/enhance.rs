// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm enhance`: the enhanced copy of a data set, x* = f(x) of every picture.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use restore_core::Shard;

use super::restorer_args::RestorerArgs;
use crate::data::config::DataKind;
use crate::iteration::EnhanceJob;
use crate::jobs::conclusion::conclude;
use crate::jobs::interrupt::{self, Outcome};

/// The paper's number of sampling steps.
pub const STEPS: usize = 10;

/// Write the enhanced copy of a data set: x* = f(x) of every picture
///
/// The copy can take the data set's place in any training: it has the same tree and file names, and every picture
/// keeps its size, its format (PNG; JPEG at quality 95, 4:4:4), grey or colour, transparency, 16 bits, orientation and
/// colour profile. WebP, TIFF, GIF and BMP become PNG. Other files (labels, tables) are copied as they are; hidden files and
/// empty folders are left out.
///
/// Pictures are taken for aligned faces, as idm prepare cuts them. With --pictures they may show anything, in any
/// size: the network then sees overlapping tiles, which are blended.
///
/// An interrupted run goes on where it was when started again, with the same result. The noise of a picture depends
/// on the seed and its name alone. Broken pictures are skipped; animations, files of several pages and pictures of other formats
/// are copied as they are. All are named at the end; the exit code is then 1.
///
/// In a job array, every job gets a part of the work with --shard I/N, I from 1 to N, and all write to one --output:
/// together they make exactly what one run makes. In Slurm: sbatch --array=1-8, then --shard $SLURM_ARRAY_TASK_ID/8.
#[derive(Debug, Args)]
pub struct EnhanceArgs {
    /// The model, and where to compute
    #[command(flatten)]
    restorer: RestorerArgs,
    /// Sampling steps
    #[arg(long, value_name = "N", default_value_t = STEPS, help_heading = "Model")]
    steps: usize,
    /// Seed of the sampler's noise; each picture's own follows from it and its name
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    seed: u64,
    /// Folder of the data set
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    input: PathBuf,
    /// Folder for the enhanced copy
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    output: PathBuf,
    /// The pictures are no aligned faces: see tiles at the pictures' own scale
    #[arg(long, help_heading = "Data")]
    pictures: bool,
    /// Do part I of N only, I from 1 to N
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, help_heading = "Data")]
    shard: Shard,
}

/// Runs `idm enhance`.
///
/// # Errors
/// As [`EnhanceJob::run`], and broken pictures (after all others are done).
pub fn run(args: &EnhanceArgs) -> Result<Outcome> {
    interrupt::listen()?;
    let job = args.job()?;
    let enhanced = job.run()?;
    if enhanced.outcome == Outcome::Interrupted {
        println!("interrupted; the same command goes on");
        return Ok(Outcome::Interrupted);
    }
    let copied = job.copy_other_files()?;
    if !copied.is_empty() {
        let counts: Vec<String> = copied.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        println!("other files copied as they are: {}", counts.join(", "));
    }
    let mut messages: Vec<String> = enhanced.failures.into_iter().map(|(_, message)| message).collect();
    messages.extend(enhanced.several);
    conclude("enhanced", &enhanced.jobs, &messages, &args.output)?;
    Ok(Outcome::Finished)
}

impl EnhanceArgs {
    fn job(&self) -> anyhow::Result<EnhanceJob> {
        Ok(EnhanceJob {
            model: self.restorer.choice()?,
            steps: self.steps,
            seed: self.seed,
            input: self.input.clone(),
            output: self.output.clone(),
            kind: if self.pictures { DataKind::Pictures } else { DataKind::Faces },
            shard: self.shard,
        })
    }
}
