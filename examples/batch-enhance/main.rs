// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restores the faces in a folder of videos: in parallel processes, as a job array, and again after a crash.
//!
//! `cargo run --release -p facerestore-examples --bin batch-enhance -- --input VIDEOS --output RESTORED --jobs 4`

mod boxes;
mod chain;
mod cli;
mod clips;
mod codec;
mod colorimetry;
mod container;
mod ebml;
mod enhance;
mod errors;
mod fields;
mod formats;
mod graph;
mod inventory;
mod master;
mod picture;
mod progress;
mod property;
mod report;
mod shard;
mod source;
mod sps;
mod start;
mod subtitles;
mod worker;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::cli::{Batch, Cli, Property, Treatment};
use crate::clips::Clip;
use crate::errors::DiskFull;
use crate::master::{Master, Tally};
use crate::progress::Progress;
use crate::shard::shard_of_job_array;

/// What an interrupted process exits with by convention: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    match (cli.worker, cli.batch) {
        (Some(worker), _) => worker::run(worker),
        (None, Some(batch)) => run(&batch, &cli.treatment),
        (None, None) => bail!("give --input and --output; --help says more"),
    }
}

fn run(batch: &Batch, treatment: &Treatment) -> Result<ExitCode> {
    check_properties(&treatment.properties)?;
    let shard = match batch.shard {
        Some(shard) => shard,
        None => shard_of_job_array(|name| std::env::var(name).ok())?,
    };
    let clips = clips::list(batch)?;
    let all = clips.len();
    let mine: Vec<Clip> = clips
        .into_iter()
        .enumerate()
        .filter(|(index, _)| shard.holds(*index))
        .map(|(_, clip)| clip)
        .collect();
    let missing: Vec<Clip> = mine.iter().filter(|clip| !clip.output.exists()).cloned().collect();
    println!(
        "{all} videos, shard {shard} has {}: {} to do, {} there before",
        mine.len(),
        missing.len(),
        mine.len() - missing.len()
    );
    let master = Arc::new(Master::default());
    let stopped = master.clone();
    ctrlc::set_handler(move || stopped.stop()).context("cannot handle Ctrl-C")?;
    let progress = Progress::new();
    let tally = std::thread::scope(|scope| {
        scope.spawn(|| progress.measure(&missing));
        master.run(&missing, batch.jobs.into(), treatment, &progress)
    });
    progress.close();
    conclude(&tally, &missing, master.is_stopped())
}

fn conclude(tally: &Tally, missing: &[Clip], interrupted: bool) -> Result<ExitCode> {
    println!("{} of {} restored", tally.done, missing.len());
    if tally.disk_full {
        return Err(DiskFull.into());
    }
    if interrupted {
        eprintln!("interrupted: run the same command again to go on");
        return Ok(INTERRUPTED.into());
    }
    for (clip, error) in &tally.failed {
        eprintln!("could not be restored: {}: {error}", clip.input.display());
    }
    Ok(if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A wrong property would fail every file: better to say so once.
fn check_properties(properties: &[Property]) -> Result<()> {
    gst::init()?;
    gstfacerestore::plugin_register_static()?;
    let element = gst::ElementFactory::make("facerestore").build()?;
    properties.iter().try_for_each(|Property { name, value }| property::set_property(&element, name, value))
}
