// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command over many pictures reads and writes.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use restore_core::Shard;

use crate::picture::{self, PictureError};

/// Inputs and outputs that do not fit together, or a file that cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such file or folder.
    #[error("cannot find {}", .0.display())]
    NotFound(PathBuf),
    /// Nothing to do.
    #[error("no PNG or JPEG pictures, nor WebP, TIFF or BMP, in {}", .0.display())]
    Empty(PathBuf),
    /// Two pictures of the same name up to the ending.
    #[error("{} and {} would both become {}: rename one of them", first.display(), second.display(), output.display())]
    SameResult {
        /// A picture.
        first: PathBuf,
        /// The other picture.
        second: PathBuf,
        /// The result of both.
        output: PathBuf,
    },
    /// Results would be the next run's inputs.
    #[error(
        "--output {} lies in {}, where its pictures would be taken for inputs: choose another one",
        output.display(), inputs.display()
    )]
    AmongInputs {
        /// The folder for the results.
        output: PathBuf,
        /// The folder of the inputs.
        inputs: PathBuf,
    },
    /// A file to copy cannot be read.
    #[error("cannot copy {}: repair or remove it", path.display())]
    Copy {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder cannot be listed or made, or a file not written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// A picture and where its result goes.
#[derive(Debug, Clone)]
pub struct Job {
    /// The picture to read.
    pub input: PathBuf,
    /// Its path below the input folder without ending, folders separated by `/`: what its seed follows from.
    pub name: String,
    /// The file to write.
    pub output: PathBuf,
}

/// How results are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// As their pictures, with the ending `.png`: what is looked up again by the name without its ending.
    Png,
    /// The same, but with `.png` behind the ending where several pictures have one name up to it.
    PngApart,
    /// As their pictures; those of formats that are not written here are PNG files ([`picture::result_name`]).
    Same,
}

/// The jobs of a command.
#[derive(Debug)]
pub struct Jobs {
    /// Every job, in the order of the paths.
    pub all: Vec<Job>,
    /// Those without a result yet.
    pub missing: Vec<Job>,
}

impl Jobs {
    /// [Lists](Self::list) the jobs and [prepares](Self::prepare) their outputs.
    ///
    /// # Errors
    /// As those.
    pub fn find(input: &Path, output: &Path, naming: Naming) -> Result<Self, FilesError> {
        let jobs = Self::list(input, output, naming)?;
        jobs.prepare()?;
        Ok(jobs)
    }

    /// One job for the picture `input`, or one for each picture anywhere below the folder `input`, whose tree the folder
    /// `output` gets. Results are written whole or not at all, so one that is there is done.
    ///
    /// # Errors
    /// When there are no pictures, two of them have the same name up to the ending under [`Naming::Png`], or a result
    /// would lie among the inputs.
    pub fn list(input: &Path, output: &Path, naming: Naming) -> Result<Self, FilesError> {
        let folder = input.is_dir();
        if !folder && !input.exists() {
            return Err(FilesError::NotFound(input.to_owned()));
        }
        let source = if folder { input } else { input.parent().unwrap_or(input) };
        let source = if source.as_os_str().is_empty() { Path::new(".") } else { source };
        let files = match (folder, input.file_name()) {
            (false, Some(name)) => vec![PathBuf::from(name)],
            _ => picture::list_tree(input)?,
        };
        if files.is_empty() {
            return Err(FilesError::Empty(input.to_owned()));
        }
        ensure_apart(source, output, folder)?;
        let mut stems: HashMap<PathBuf, usize> = HashMap::new();
        for file in &files {
            *stems.entry(file.with_extension("")).or_default() += 1;
        }
        let mut seen: HashMap<PathBuf, &Path> = HashMap::with_capacity(files.len());
        let mut all = Vec::with_capacity(files.len());
        for file in &files {
            let result = match naming {
                Naming::PngApart if stems.get(&file.with_extension("")).is_some_and(|&count| count > 1) => {
                    let mut name = file.clone().into_os_string();
                    name.push(".png");
                    name.into()
                }
                Naming::Png | Naming::PngApart => file.with_extension("png"),
                Naming::Same => picture::result_name(file),
            };
            let output = output.join(&result);
            if let Some(other) = seen.insert(result, file) {
                let (first, second) = (source.join(other), source.join(file));
                return Err(FilesError::SameResult { first, second, output });
            }
            all.push(Job { input: source.join(file), name: picture::name(file), output });
        }
        let missing = all.iter().filter(|job: &&Job| !job.output.exists()).cloned().collect();
        Ok(Self { all, missing })
    }

    /// Makes the folders of the outputs, and removes what killed runs left of them.
    ///
    /// # Errors
    /// As [`picture::prepare_outputs`].
    pub fn prepare(&self) -> Result<(), FilesError> {
        Ok(picture::prepare_outputs(self.all.iter().map(|job| job.output.as_path()))?)
    }

    /// Keeps the jobs of `shard`, whose unit is a batch of `size` jobs.
    #[must_use]
    pub fn shared_out(self, shard: Shard, size: usize) -> Self {
        let batches = self.all.chunks(size).enumerate().filter(|&(batch, _)| shard.holds(batch));
        let all: Vec<Job> = batches.flat_map(|(_, jobs)| jobs).cloned().collect();
        let missing = all.iter().filter(|job| !job.output.exists()).cloned().collect();
        Self { all, missing }
    }

    /// The jobs in batches of `size`, without those batches whose results are all there.
    #[must_use]
    pub fn unfinished_batches(&self, size: usize) -> Vec<&[Job]> {
        self.all.chunks(size).filter(|batch| batch.iter().any(|job| !job.output.exists())).collect()
    }

    /// How many results were there before.
    #[must_use]
    pub fn done_before(&self) -> usize {
        self.all.len() - self.missing.len()
    }
}

/// The pictures below the folder `input` that are of formats that cannot be read here, each as a message: they are not passed
/// over in silence.
///
/// # Errors
/// When the folder cannot be listed.
pub fn unreadable(input: &Path) -> Result<Vec<String>, FilesError> {
    if !input.is_dir() {
        return Ok(Vec::new());
    }
    let files = picture::list_unreadable(input)?;
    let message = |file: PathBuf| {
        format!("{}: its format cannot be read here; convert it to PNG or JPEG", input.join(file).display())
    };
    Ok(files.into_iter().map(message).collect())
}

/// Results must not become inputs of the next run: `output` may not lie in `source`, or not be `source` itself when only
/// one of its pictures is an input and not the `folder`.
///
/// # Errors
/// When it does.
pub fn ensure_apart(source: &Path, output: &Path, folder: bool) -> Result<(), FilesError> {
    let Ok(source) = source.canonicalize() else { return Ok(()) };
    // The output's nearest folder that exists already decides.
    let Some(existing) = output.ancestors().find_map(|folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.canonicalize().ok()
    }) else {
        return Ok(());
    };
    let inside = if folder {
        existing.starts_with(&source)
    } else {
        output.canonicalize().is_ok_and(|output| output == source)
    };
    if inside {
        return Err(FilesError::AmongInputs { output: output.to_owned(), inputs: source });
    }
    Ok(())
}

/// Copies a file of any size, whole or not at all.
///
/// # Errors
/// When one of the two cannot be read or written.
pub fn copy(source: &Path, target: &Path) -> Result<(), FilesError> {
    let mut contents =
        File::open(source).map_err(|error| FilesError::Copy { path: source.to_owned(), source: error })?;
    restore_core::write_atomically_with(target, |copy| std::io::copy(&mut contents, copy).map(drop))
        .map_err(|source| PictureError::Write { path: target.to_owned(), source })?;
    Ok(())
}
