// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a training run stopped.

use std::path::PathBuf;

use restore_core::RestoreError;

use super::config::{ConfigError, Difference};
use super::loader::LoaderError;
use super::parallel::GroupError;
use super::run::folder::RunFolderError;
use super::run::log::RunLogError;
use super::run::samples::SamplesError;
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

/// A trainer that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// From the model or its files.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// From libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// From the other processes of the run.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The configuration cannot be written into the state.
    #[error("the configuration cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The loss is no number any more.
    #[error(
        "the run has diverged: the loss of iteration {iteration} is {loss}, the gradient's norm {norm}. Go on from the last \
         checkpoint (--resume) with a lower optimiser.learning_rate"
    )]
    Diverged {
        /// Iteration, counted from 0.
        iteration: u64,
        /// The loss.
        loss: f64,
        /// The gradient's norm; NaN without a finite loss.
        norm: f64,
        /// γ of each face of the batch.
        gammas: Vec<f32>,
    },
    /// Weights to go on from are of another network.
    #[error(
        "{} is of another network: {difference}. Use its value in the configuration, or start from fresh weights with \
         another --output", path.display()
    )]
    OtherNetwork {
        /// The model or state file.
        path: PathBuf,
        /// The first key that differs in a way that matters.
        difference: Box<Difference>,
    },
    /// A term of the loss without its network.
    #[error(
        "the configuration has detail.{term}, a term that needs a network: name its TorchScript file with --{term} FILE (idm train \
         --help says what it takes), or set detail.{term} = 0"
    )]
    NoLossNetwork {
        /// The term, as the configuration and the option call it.
        term: &'static str,
    },
    /// A term's network cannot be used.
    #[error("{} is no TorchScript network that can be trained with: {source}", path.display())]
    LossNetwork {
        /// The file.
        path: PathBuf,
        /// What libtorch says.
        source: tch::TchError,
    },
    /// The configuration lets weights learn that there are not.
    #[error("optimiser.only has {prefix:?}, with which no weight's name begins; they begin with {}", parts.join(", "))]
    NothingLearns {
        /// The beginning.
        prefix: String,
        /// The first parts of the names that there are.
        parts: Vec<String>,
    },
    /// A state of a run in which other weights learnt, whose moments it has.
    #[error(
        "{} is of a run in which other weights learnt: optimiser.only was {then} there. Use that, or start from the run's model \
         (--init) with another --output", path.display()
    )]
    OtherWeightsLearn {
        /// The state file.
        path: PathBuf,
        /// What `optimiser.only` was, as JSON.
        then: String,
    },
    /// A state whose parts do not fit the network that it says it is of.
    #[error("{} does not hold a whole state of its network", path.display())]
    Incomplete {
        /// The state file.
        path: PathBuf,
    },
}
