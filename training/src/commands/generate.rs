// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm generate`: pictures of noise alone, by a generator.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use restore_core::Sampler;

use super::restorer_args::ComputeArgs;
use crate::generate::GenerateJob;
use crate::jobs::conclusion::conclude;
use crate::jobs::files::Jobs;
use crate::jobs::interrupt::{self, Outcome};
use crate::picture;

/// Pictures in the grid at most.
const GRID: usize = 64;

/// Make pictures of noise, by a model that idm train made of a configuration with model.unet.condition
///
/// Pictures are PNG files, 000000.png and on. Each depends on the model, the seed and its number, not on --count, and on those
/// made with it by rounding alone. An interrupted run goes on where it was when started again; a larger --count adds
/// pictures. generate.json says what made them, and another model or other settings need another folder.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The generator: a safetensors file as `idm train` writes it
    #[arg(long, value_name = "FILE", help_heading = "Model")]
    model: PathBuf,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Sampler: ddpm (with noise between steps) or ddim (without) [default: the model's own]
    #[arg(long, value_name = "SAMPLER", help_heading = "Model")]
    sampler: Option<Sampler>,
    /// Sampling steps [default: the model's own]
    #[arg(long, value_name = "N", help_heading = "Model")]
    steps: Option<usize>,
    /// Seed of the noise; each picture's own follows from it and its number
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    seed: u64,
    /// Make pictures of this class, the name of its folder in the training data [default: of any]
    #[arg(long, value_name = "NAME", help_heading = "Pictures")]
    class: Option<String>,
    /// w of classifier-free guidance, (1 + w) f(class) - w f(any): above 0 pictures are more typical of their class and less
    /// various, in twice the time
    #[arg(long, value_name = "W", default_value_t = 0.0, requires = "class", help_heading = "Pictures")]
    guidance: f64,
    /// Folder for the pictures
    #[arg(long, value_name = "DIR", help_heading = "Pictures")]
    output: PathBuf,
    /// How many pictures
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Pictures")]
    count: usize,
    /// Pictures that go through the network together
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Pictures")]
    batch: usize,
    /// Draw the first 64 pictures into one (PNG or JPEG)
    #[arg(long, value_name = "FILE", help_heading = "Pictures")]
    grid: Option<PathBuf>,
}

/// Runs `idm generate`.
///
/// # Errors
/// As [`GenerateJob::run`].
pub fn run(args: &GenerateArgs) -> Result<Outcome> {
    ensure!(args.count > 0, "--count is 0, must be at least 1");
    ensure!(args.batch > 0, "--batch is 0, must be at least 1");
    interrupt::listen()?;
    let job = GenerateJob {
        model: args.compute.choice(&args.model, args.sampler),
        steps: args.steps,
        class: args.class.clone(),
        guidance: args.guidance,
        seed: args.seed,
        count: args.count,
        batch: args.batch,
        output: args.output.clone(),
    };
    let (outcome, jobs, failures) = job.run()?;
    if outcome == Outcome::Interrupted {
        println!("interrupted; the same command goes on");
        return Ok(outcome);
    }
    conclude("generated", &jobs, &failures, &args.output)?;
    if let Some(file) = &args.grid {
        draw_grid(&jobs, file)?;
    }
    Ok(outcome)
}

/// Draws the first pictures into one file.
fn draw_grid(jobs: &Jobs, file: &Path) -> Result<()> {
    let pictures = jobs.all.iter().take(GRID).map(|job| picture::read(&job.output));
    picture::write(file, &picture::square_grid(&pictures.collect::<Result<Vec<_>, _>>()?))?;
    Ok(())
}
