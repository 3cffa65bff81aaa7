// SPDX-License-Identifier: MIT OR Apache-2.0
//! The JSON report of a file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What was done with a file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// The file that was read.
    pub input: PathBuf,
    /// The file that was written; it exists only where there is no error.
    pub output: PathBuf,
    /// How long the video plays.
    pub duration_seconds: Option<f64>,
    /// Frames of video.
    pub frames: u64,
    /// Faces in them, each counted in every frame.
    pub faces: u64,
    /// Those that were restored.
    pub restored_faces: u64,
    /// Frames that passed as they were because something failed.
    pub failures: u64,
    /// The streams of the file.
    pub streams: Vec<StreamReport>,
    /// What the input holds beside its streams and the output lacks.
    pub losses: Vec<String>,
    /// What went wrong without stopping the work.
    pub warnings: Vec<String>,
    /// How long the work took.
    pub seconds: f64,
    /// Why there is no output.
    pub error: Option<String>,
    /// The element's property `stats`, for each stream of video.
    pub stats: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// What became of a stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StreamReport {
    /// Its media type.
    pub kind: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
    /// What its pictures lost on the way.
    pub losses: Vec<String>,
}

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fate", rename_all = "lowercase")]
pub enum Fate {
    /// Its faces were restored and it was encoded again.
    Restored {
        /// By this encoder.
        encoder: String,
    },
    /// It was passed on as it is.
    Copied,
    /// The output lacks it.
    Dropped {
        /// For this reason.
        reason: String,
    },
}

impl Report {
    /// The report of a file that could not be done.
    #[must_use]
    pub fn of_failure(input: &Path, output: &Path, error: String) -> Self {
        Self { input: input.to_owned(), output: output.to_owned(), error: Some(error), ..Self::default() }
    }

    /// Adds the counters of an element.
    pub fn add_stats(&mut self, stats: &gst::Structure) {
        let count = |field: &str| stats.get::<u64>(field).unwrap_or(0);
        self.frames += count("frames");
        self.faces += count("faces");
        self.restored_faces += count("restored-faces");
        self.failures += count("failures");
        self.stats.push(stats.iter().map(|(name, value)| (name.to_string(), json(value))).collect());
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be made or the file not be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let context = || format!("cannot write the report {}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(context)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        restore_core::write_atomically(path, text.as_bytes()).with_context(context)
    }
}

/// The counters are integers and numbers.
fn json(value: &gst::glib::SendValue) -> serde_json::Value {
    match (value.get::<u64>(), value.get::<f64>()) {
        (Ok(count), _) => count.into(),
        (_, Ok(number)) => number.into(),
        _ => format!("{value:?}").into(),
    }
}
