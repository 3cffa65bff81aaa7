// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pairs of a clean face x and its degraded counterpart x_d, from a folder.

use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::EvaluateError;
use crate::data::degradation::{Degradation, DegradationParams};
use crate::picture;
use crate::restore::AlignedError;
use crate::seed::seed_for;

/// Where the pairs (x, x_d) come from.
#[derive(Debug, Clone)]
pub struct PairSource {
    /// The clean faces.
    pub files: Vec<PathBuf>,
    /// Width and height in pixels at which faces are degraded and compared.
    pub size: u32,
    /// Seed of the degradations and of the sampler's noise; each face's own follows from it and its name.
    pub seed: u64,
    /// Ready degraded pictures by name; without it [`Degradation::default`] is drawn.
    pub degraded: Option<PathBuf>,
}

impl PairSource {
    /// The first `limit` pictures of the folder `data`, in the order of their names.
    ///
    /// # Errors
    /// [`EvaluateError::Picture`] when the folder cannot be read, [`EvaluateError::Empty`] without pictures.
    pub fn open(
        data: &Path,
        degraded: Option<&Path>,
        size: u32,
        seed: u64,
        limit: Option<usize>,
    ) -> Result<Self, EvaluateError> {
        let mut files = picture::list(data)?;
        files.truncate(limit.unwrap_or(usize::MAX));
        if files.is_empty() {
            return Err(EvaluateError::Empty(data.to_owned()));
        }
        Ok(Self { files, size, seed, degraded: degraded.map(Path::to_owned) })
    }

    /// Reads, resizes and degrades one face.
    ///
    /// # Errors
    /// [`EvaluateError`], for the first thing that is wrong with the face.
    pub fn pair(&self, file: &Path) -> Result<Pair, EvaluateError> {
        let (clean, _) = self.at_size(file)?;
        let name = picture::stem(file);
        let (degraded, params) = match &self.degraded {
            None => {
                let params = Degradation::default().params_for(self.seed, &name);
                (params.apply(&clean)?, Some(params))
            }
            Some(folder) => (self.counterpart("degraded", file, folder)?.0, None),
        };
        let seed = seed_for(self.seed, &name);
        Ok(Pair { file: file.to_owned(), name, seed, clean, degraded, params })
    }

    /// The picture of the same name as `file` in `folder`, at the size of the evaluation, and whether it had another
    /// size. `kind` says in a message what it is.
    ///
    /// # Errors
    /// [`EvaluateError::Unpaired`] when it is not there, and the reasons for which it cannot be used.
    pub(super) fn counterpart(
        &self,
        kind: &'static str,
        file: &Path,
        folder: &Path,
    ) -> Result<(RgbImage, bool), EvaluateError> {
        let counterpart = picture::find(folder, file).ok_or_else(|| EvaluateError::Unpaired {
            kind,
            clean: file.to_owned(),
            folder: folder.to_owned(),
        })?;
        self.at_size(&counterpart)
    }

    /// A square picture at the size of the evaluation, and whether it had another size.
    fn at_size(&self, file: &Path) -> Result<(RgbImage, bool), EvaluateError> {
        let face = picture::read(file)?;
        let (width, height) = face.dimensions();
        if width != height {
            let source = AlignedError::NotSquare { width, height };
            return Err(EvaluateError::Aligned { path: file.to_owned(), source });
        }
        Ok((picture::resize_antialiased(&face, self.size, self.size)?, width != self.size))
    }
}

/// A clean face and its degraded counterpart.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The file of the clean face.
    pub file: PathBuf,
    /// Its name without folder and ending.
    pub name: String,
    /// Seed of the sampler for this face.
    pub seed: u64,
    /// x.
    pub clean: RgbImage,
    /// x_d.
    pub degraded: RgbImage,
    /// How x_d was made, where that is known.
    pub params: Option<DegradationParams>,
}
