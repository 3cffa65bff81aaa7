// SPDX-License-Identifier: MIT OR Apache-2.0
//! The folder of a training run: where its files are, and the order in which a checkpoint is written.
//!
//! The model is written before the state, and the state before it is kept. A run that is killed at any moment, or that
//! finds the disk full, leaves a whole state which makes the same model again.

use std::path::{Path, PathBuf};

use restore_core::Checkpoint;
use tch::Kind;

use crate::jobs::files::{self, FilesError};
use crate::picture::{PictureError, prepare_output_folder};
use crate::train::error::TrainError;
use crate::train::state::{LossSum, RunState, StateError};
use crate::train::trainer::Trainer;

/// A checkpoint that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// The folder cannot be made or cleaned.
    #[error(transparent)]
    Folder(#[from] PictureError),
    /// A model cannot be kept.
    #[error(transparent)]
    Keep(#[from] FilesError),
    /// From the trainer or its model file.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// From a state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// The state cannot be put in its place.
    #[error("cannot rename {} to {}: {source}", from.display(), to.display())]
    Rename {
        /// The name it has.
        from: PathBuf,
        /// The name it should have.
        to: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Nothing to go on from.
    #[error("{} holds no state of a run ({}); start one without --resume", folder.display(), RunFolder::STATE)]
    NoState {
        /// The run's folder.
        folder: PathBuf,
    },
    /// Neither of the two states can be read.
    #[error(
        "no state of the run can be read: {state}; {previous}. Start a new run from its model, with --init {} and \
         another --output", model.display()
    )]
    Lost {
        /// What is wrong with the state.
        state: Box<StateError>,
        /// What is wrong with the one before it.
        previous: Box<StateError>,
        /// The run's model.
        model: PathBuf,
    },
}

/// The files of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// A state to go on from.
#[derive(Debug)]
pub struct Resumable {
    /// The state.
    pub state: RunState,
    /// The file that it is from.
    pub path: PathBuf,
    /// Why it is the one before the last.
    pub warning: Option<String>,
}

impl RunFolder {
    /// The averaged weights, as a model.
    pub const MODEL: &str = "model.safetensors";
    /// Likewise, of the look at which least was left of the damage.
    pub const BEST_MODEL: &str = "best.safetensors";
    /// What `--resume` goes on from.
    pub const STATE: &str = "state.safetensors";
    /// The state before it.
    pub const PREVIOUS_STATE: &str = "state.previous.safetensors";
    /// The models of checkpoints, where the run keeps them.
    pub const MODELS: &str = "models";
    /// A new state until the old one is out of its way. Hidden, and named as what a later run clears away.
    const NEXT_STATE: &str = ".state.safetensors.part";

    /// The files of the run in the folder `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Makes the folder where it is missing, and clears away what a killed run left half-written.
    ///
    /// # Errors
    /// [`RunFolderError::Folder`].
    pub fn prepare(&self) -> Result<(), RunFolderError> {
        Ok(prepare_output_folder(&self.path)?)
    }

    /// The path of a file of the run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a run has been saved here.
    #[must_use]
    pub fn holds_run(&self) -> bool {
        [Self::STATE, Self::PREVIOUS_STATE].iter().any(|name| self.file(name).exists())
    }

    /// Writes a checkpoint: the model, then the state.
    ///
    /// # Errors
    /// [`RunFolderError`], for example with a full disk; the checkpoint before is then whole.
    pub fn save(&self, trainer: &Trainer, unlogged: LossSum) -> Result<(), RunFolderError> {
        let model = trainer.averaged_model()?;
        model.save(&self.file(Self::MODEL), Kind::BFloat16).map_err(TrainError::from)?;
        trainer.state(unlogged)?.save(&self.file(Self::NEXT_STATE))?;
        if self.file(Self::STATE).exists() {
            self.rename(Self::STATE, Self::PREVIOUS_STATE)?;
        }
        self.rename(Self::NEXT_STATE, Self::STATE)
    }

    /// Writes the best model so far.
    ///
    /// # Errors
    /// [`RunFolderError`], for example with a full disk; the one before is then whole.
    pub fn save_best(&self, model: &Checkpoint) -> Result<(), RunFolderError> {
        Ok(model.save(&self.file(Self::BEST_MODEL), Kind::BFloat16).map_err(TrainError::from)?)
    }

    /// Keeps the model as it is now, that of so many `iterations`, as `models/000250.safetensors`.
    ///
    /// # Errors
    /// [`RunFolderError::Folder`] and [`RunFolderError::Keep`].
    pub fn keep_model(&self, iterations: u64) -> Result<(), RunFolderError> {
        let models = self.file(Self::MODELS);
        prepare_output_folder(&models)?;
        let kept = models.join(format!("{iterations:06}.safetensors"));
        Ok(files::copy(&self.file(Self::MODEL), &kept)?)
    }

    /// Reads the state, or the one before it when the state is damaged or, by a kill between two renames, missing. That one
    /// then takes its place, so that the next checkpoint does not replace it by the damaged one.
    ///
    /// # Errors
    /// [`RunFolderError::NoState`], [`RunFolderError::Lost`], or [`RunFolderError::State`] when the system does not let a
    /// file be read.
    pub fn load(&self) -> Result<Resumable, RunFolderError> {
        if !self.holds_run() {
            return Err(RunFolderError::NoState { folder: self.path.clone() });
        }
        let path = self.file(Self::STATE);
        let problem = match RunState::open(&path) {
            Ok(state) => return Ok(Resumable { state, path, warning: None }),
            Err(error) if path.exists() && !matches!(error, StateError::Damaged { .. }) => {
                return Err(error.into());
            }
            Err(problem) => problem,
        };
        match RunState::open(&self.file(Self::PREVIOUS_STATE)) {
            Ok(state) => {
                self.rename(Self::PREVIOUS_STATE, Self::STATE)?;
                let iterations = state.iterations;
                let warning =
                    Some(format!("{problem}; going on from the state before it, iteration {iterations}"));
                Ok(Resumable { state, path, warning })
            }
            Err(previous) => Err(RunFolderError::Lost {
                state: problem.into(),
                previous: previous.into(),
                model: self.file(Self::MODEL),
            }),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), RunFolderError> {
        let (from, to) = (self.file(from), self.file(to));
        std::fs::rename(&from, &to).map_err(|source| RunFolderError::Rename { from, to, source })
    }
}
