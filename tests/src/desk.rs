// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` with folders of its own, and a network that is quick and whose work can be seen.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::{example, negative, tree};

/// Folders for inputs and outputs of `batch-enhance`, and its network.
#[derive(Debug)]
pub struct Desk {
    folder: tempfile::TempDir,
    model: PathBuf,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// With empty folders.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = negative(folder.path());
        Self { folder, model }
    }

    /// The path of an input.
    #[must_use]
    pub fn input(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    /// The path of its output.
    #[must_use]
    pub fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join("out").join(name)
    }

    /// The program with these arguments, outside of any job array.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(example("batch-enhance"));
        command.args([Path::new("--input"), &self.input(""), Path::new("--output"), &self.output("")]);
        command.arg("--property").arg(format!("model={}", self.model.display()));
        command.args(["--property", "device=cpu"]).args(arguments);
        for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "RUST_BACKTRACE"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The report of an output.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn report(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.output(&format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The names of the outputs.
    ///
    /// # Panics
    /// When the folder cannot be read.
    #[must_use]
    pub fn videos(&self) -> Vec<String> {
        let files = tree(&self.output("")).into_iter().map(|file| file.to_str().unwrap().to_owned());
        files.filter(|file| !file.ends_with(".json")).collect()
    }
}

/// What a program printed.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Fails the test with what the program printed when it failed.
///
/// # Panics
/// When the program failed.
#[track_caller]
pub fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}
