// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use restore_core::Shard;

/// Restores the faces in many videos: sound, subtitles, container and timing stay as they are.
///
/// A file that cannot be done is reported and skipped. Run the same command again to go on where a run was stopped:
/// outputs are written whole or not at all, and those that are there are skipped.
#[derive(Debug, Parser)]
#[command(
    name = "batch-enhance",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Cli {
    /// What a worker process does; the program starts its own.
    #[command(subcommand)]
    pub worker: Option<Worker>,
    /// What the user asks for.
    #[command(flatten)]
    pub batch: Option<Batch>,
    /// How each video is treated.
    #[command(flatten)]
    pub treatment: Treatment,
}

/// The options of a batch.
#[derive(Debug, Args)]
pub struct Batch {
    /// A video, a folder (all below it, the tree is kept), or a text file with one path a line
    #[arg(long, value_name = "FOLDER|FILE|LIST.txt")]
    pub input: PathBuf,
    /// Where the videos go, under the names they have
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
    /// Videos at a time, each in a process of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// Do the i-th of n parts of the list, i from 1; in a Slurm or Kubernetes job array this is read from the environment
    /// (SLURM_ARRAY_TASK_ID, or JOB_COMPLETION_INDEX and JOB_COMPLETIONS)
    #[arg(long, value_name = "i/n")]
    pub shard: Option<Shard>,
    /// Where the JSON reports go, as NAME.json [default: beside the videos]
    #[arg(long, value_name = "DIR")]
    pub reports: Option<PathBuf>,
}

/// How a video is treated.
#[derive(Debug, Clone, Default, Args)]
pub struct Treatment {
    /// Set a property of the element facerestore, for example strength=0.7; can be given several times
    #[arg(long = "property", value_name = "NAME=VALUE")]
    pub properties: Vec<Property>,
    /// What becomes of interlaced video
    #[arg(long, value_enum, default_value_t)]
    pub deinterlace: Deinterlace,
}

/// What becomes of interlaced video. Film on video (telecine) is left alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Deinterlace {
    /// H.264 keeps the fields and tells players their order; of a codec that cannot, each field becomes a picture
    #[default]
    Auto,
    /// Each field becomes a picture: 25 frames of two fields a second become 50 frames
    On,
    /// The fields stay as they are, also where the codec cannot tell players of them
    Off,
}

/// What a worker process does.
#[derive(Debug, Subcommand)]
pub enum Worker {
    /// Answer each path on standard input with the file's duration
    #[command(hide = true)]
    Durations,
    /// Enhance one file
    #[command(hide = true)]
    Enhance {
        /// The video
        input: PathBuf,
        /// The restored video
        output: PathBuf,
        /// Its report
        report: PathBuf,
        /// As in a batch
        #[command(flatten)]
        treatment: Treatment,
    },
}

/// A property of the element with the value that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value as gst-launch-1.0 takes it.
    pub value: String,
}

impl std::str::FromStr for Property {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = text.split_once('=').with_context(|| format!("{text:?} is not NAME=VALUE"))?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl std::fmt::Display for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}
