// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a training run stopped.

use std::path::PathBuf;

use super::config::ConfigError;
use super::loader::LoaderError;
use super::parallel::GroupError;
use super::run::folder::RunFolderError;
use super::run::log::RunLogError;
use super::run::samples::SamplesError;
use super::trainer::TrainError;
use crate::data::dataset::DatasetError;
use crate::jobs::interrupt::InterruptError;

/// A run that cannot be started or gone on with. The last checkpoint stays.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The training pictures cannot.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A new run would overwrite another one.
    #[error("{} holds a run already; add --resume to go on, or choose another --output", .0.display())]
    HoldsRun(PathBuf),
    /// The run's files cannot be written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The checkpoint cannot be read.
    #[error("cannot resume")]
    Checkpoint(#[source] RunFolderError),
    /// The checkpoint is of another network.
    #[error("cannot resume")]
    Resume(#[source] TrainError),
    /// The configuration of the checkpoint cannot be compared with the present one.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// Faces beside a generator's pictures.
    #[error(
        "--{0} is for a restorer; a generator (model.unet.condition) learns the pictures in --data as they are, and is looked at \
         by what it makes of noise: leave it out"
    )]
    OfRestorers(&'static str),
    /// The faces to look at cannot be listed.
    #[error("--validation")]
    Validation(#[source] DatasetError),
    /// The faces to look at cannot be read or restored.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] RunLogError),
    /// No batch could be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The trainer cannot go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The loss is no number any more.
    #[error("{reason}. {note}")]
    Diverged {
        /// What the trainer says.
        reason: TrainError,
        /// Where the batch is.
        note: String,
    },
    /// The processes of the run cannot come together.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Interruptions cannot be told.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
}
