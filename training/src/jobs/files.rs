// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a command over many pictures reads and writes.

use std::fs::File;
use std::path::{Path, PathBuf};

use restore_core::Shard;

use super::naming::{Named, Naming};
use super::reason;
use crate::picture::{self, Listing, PictureError};

/// Inputs and outputs that do not fit together, or a file that cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such file or folder.
    #[error("cannot find {}", .0.display())]
    NotFound(PathBuf),
    /// Nothing to do.
    #[error("no PNG or JPEG pictures, nor WebP, TIFF, GIF or BMP, in {}{}", folder.display(), other(unreadable))]
    Empty {
        /// The folder.
        folder: PathBuf,
        /// The messages of pictures of other formats in it.
        unreadable: Vec<String>,
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

/// The first of other pictures, for a message.
fn other(unreadable: &[String]) -> String {
    let count = unreadable.len();
    unreadable.first().map_or(String::new(), |first| format!("; {count} of other formats, such as {first}"))
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
    /// The file to write where nothing is to change: [`output`](Self::output), or, when that is of another format than the
    /// picture, a file of the picture's own name.
    pub copy: PathBuf,
}

impl Job {
    /// Whether there is a result.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.output.exists() || (self.copy != self.output && self.copy.exists())
    }
}

/// A file of several pictures, of which a result would keep the first only.
#[derive(Debug, Clone)]
pub struct Several {
    /// The file.
    pub input: PathBuf,
    /// Where its copy goes.
    pub copy: PathBuf,
    /// What its pictures are, in words.
    pub what: &'static str,
}

/// The jobs of a command.
#[derive(Debug, Default)]
pub struct Jobs {
    /// Every job, in the order of the paths.
    pub all: Vec<Job>,
    /// Those without a result yet.
    pub missing: Vec<Job>,
    /// Under [`Naming::Same`] the files of several pictures; no job is among them.
    pub several: Vec<Several>,
    /// The messages of pictures that are no jobs because their formats cannot be read.
    pub unreadable: Vec<String>,
}

impl Jobs {
    /// These jobs.
    #[must_use]
    pub fn of(all: Vec<Job>) -> Self {
        let missing = all.iter().filter(|job| !job.is_done()).cloned().collect();
        Self { all, missing, ..Self::default() }
    }

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
    /// When there are no pictures, or a result would lie among the inputs.
    pub fn list(input: &Path, output: &Path, naming: Naming) -> Result<Self, FilesError> {
        let folder = input.is_dir();
        if !folder && !input.exists() {
            return Err(FilesError::NotFound(input.to_owned()));
        }
        let source = if folder { input } else { input.parent().unwrap_or(input) };
        let source = if source.as_os_str().is_empty() { Path::new(".") } else { source };
        let mut files = Listing::default();
        match (folder, input.file_name()) {
            (false, Some(name)) => files.pictures.push(name.into()),
            _ => files = Listing::of(input)?,
        }
        let unreadable = messages(source, files.unreadable);
        if files.pictures.is_empty() {
            return Err(FilesError::Empty { folder: input.to_owned(), unreadable });
        }
        ensure_apart(source, output, folder)?;
        let Named { results, several } = naming.results(source, files.pictures);
        let jobs = results.into_iter().map(|(file, result)| Job {
            input: source.join(&file),
            name: picture::name(&file),
            copy: output.join(if naming == Naming::Same { &file } else { &result }),
            output: output.join(&result),
        });
        let several = several.into_iter().map(|(file, what)| Several {
            input: source.join(&file),
            copy: output.join(file),
            what,
        });
        Ok(Self { several: several.collect(), unreadable, ..Self::of(jobs.collect()) })
    }

    /// Makes the folders of the outputs, and removes what killed runs left of them.
    ///
    /// # Errors
    /// As [`picture::prepare_outputs`].
    pub fn prepare(&self) -> Result<(), FilesError> {
        let outputs = self.all.iter().flat_map(|job| [job.output.as_path(), job.copy.as_path()]);
        let copies = self.several.iter().map(|several| several.copy.as_path());
        Ok(picture::prepare_outputs(outputs.chain(copies))?)
    }

    /// Keeps the jobs of `shard`, whose unit is a batch of `size` jobs, and its part of the other files.
    #[must_use]
    pub fn shared_out(self, shard: Shard, size: usize) -> Self {
        let batches = self.all.chunks(size).enumerate().filter(|&(batch, _)| shard.holds(batch));
        let all: Vec<Job> = batches.flat_map(|(_, jobs)| jobs).cloned().collect();
        let (several, unreadable) = (part(self.several, shard), part(self.unreadable, shard));
        Self { several, unreadable, ..Self::of(all) }
    }

    /// The jobs in batches of `size`, without those batches whose results are all there.
    #[must_use]
    pub fn unfinished_batches(&self, size: usize) -> Vec<&[Job]> {
        self.all.chunks(size).filter(|batch| batch.iter().any(|job| !job.is_done())).collect()
    }

    /// Copies the files of several pictures as they are, where that is not done yet. Returns a message for each.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn copy_several(&self) -> Result<Vec<String>, PictureError> {
        let mut messages = Vec::with_capacity(self.several.len());
        for Several { input, copy: target, what } in &self.several {
            let copied = if target.exists() { Ok(()) } else { copy(input, target) };
            messages.push(match copied {
                Ok(()) => {
                    format!(
                        "{}: it is {what}, of which one picture would be left; copied as it is",
                        input.display()
                    )
                }
                Err(FilesError::Picture(error)) if error.is_full_disk() => return Err(error),
                Err(error) => reason(&error),
            });
        }
        Ok(messages)
    }

    /// How many results were there before.
    #[must_use]
    pub fn done_before(&self) -> usize {
        self.all.len() - self.missing.len()
    }

    /// How many pictures there are, jobs or not.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.all.len() + self.several.len() + self.unreadable.len()
    }
}

/// Every `shard`th of `items`.
fn part<T>(items: Vec<T>, shard: Shard) -> Vec<T> {
    items.into_iter().enumerate().filter(|&(index, _)| shard.holds(index)).map(|(_, item)| item).collect()
}

/// The pictures below the folder `input` that are of formats that cannot be read here, each as a message: they are not passed
/// over in silence.
///
/// # Errors
/// When the folder cannot be listed.
pub fn unreadable(input: &Path) -> Result<Vec<String>, FilesError> {
    Ok(messages(input, Listing::of(input)?.unreadable))
}

/// Messages for files in `folder` that cannot be read.
fn messages(folder: &Path, unreadable: Vec<(PathBuf, String)>) -> Vec<String> {
    let message = |(file, reason): (PathBuf, String)| unreadable_message(&folder.join(file), &reason);
    unreadable.into_iter().map(message).collect()
}

/// The message for the file `path` that cannot be read for that `reason`.
#[must_use]
pub fn unreadable_message(path: &Path, reason: &str) -> String {
    format!("{} cannot be read: {reason}; convert it to PNG or JPEG", path.display())
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
