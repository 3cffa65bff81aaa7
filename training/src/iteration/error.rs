// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the two iterations stopped.

use std::path::PathBuf;

use restore_core::RestoreError;

use super::comparison::CompareError;
use super::enhancement::EnhanceError;
use super::record::RecordError;
use crate::jobs::files::FilesError;
use crate::jobs::interrupt::InterruptError;
use crate::picture::PictureError;
use crate::restore::ModelError;
use crate::train::RunError;
use crate::train::config::ConfigError;

/// Two iterations that cannot be begun or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum IterateError {
    /// Several processes.
    #[error(
        "idm iterate runs in one process: under mpirun use idm train for both trainings (the second with --init and \
         --targets), and idm enhance --shard in between"
    )]
    UnderMpirun,
    /// Interruptions cannot be told.
    #[error(transparent)]
    Interrupt(#[from] InterruptError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A generator enhances nothing.
    #[error(
        "configuration: model.unet.condition is of a generator, which restores nothing: idm iterate is for restorers; train it with \
         idm train on the enhanced pictures"
    )]
    Generator,
    /// There is no such folder of training pictures.
    #[error("--data {} is no folder", .0.display())]
    NoData(PathBuf),
    /// The output lies among the training pictures, or a file cannot be copied.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The schedule does not have so many steps.
    #[error("--steps")]
    Steps(#[source] RestoreError),
    /// Nothing to compare on.
    #[error("--validation {} holds no pictures (PNG, JPEG, WebP, TIFF, GIF or BMP)", .0.display())]
    NoValidation(PathBuf),
    /// A folder cannot be listed or made, or a file not written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The output is of other settings or other pictures.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A training failed.
    #[error(transparent)]
    Train(#[from] RunError),
    /// The enhancement failed.
    #[error(transparent)]
    Enhance(#[from] EnhanceError),
    /// The second configuration is no TOML.
    #[error("cannot write the configuration of the second training")]
    SecondConfig(#[source] toml::ser::Error),
    /// A model that was made cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] RestoreError),
    /// A model that was made cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The two models cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The comparison cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The table of an earlier comparison cannot be read.
    #[error("cannot read {}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}
