// SPDX-License-Identifier: MIT OR Apache-2.0
//! The classes of a data set for a generator: each is a folder of its name, directly below the data folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::picture::PictureError;

/// A data set whose folders are not the classes that the model is to have.
#[derive(Debug, thiserror::Error)]
pub enum ClassesError {
    /// A picture is in no folder.
    #[error(
        "{} is of no class: with classes (model.unet.condition), the pictures of each lie in a folder of its name directly \
         below {}", picture.display(), folder.display()
    )]
    NoClass {
        /// The picture.
        picture: PathBuf,
        /// The data folder.
        folder: PathBuf,
    },
    /// A class without pictures.
    #[error("the class folder {} holds no pictures; remove it, or put the pictures of the class there", .0.display())]
    Empty(PathBuf),
    /// A name that cannot be written into the model.
    #[error("the class folder {} has a name that is not Unicode; rename it", .0.display())]
    Name(PathBuf),
    /// More folders or fewer.
    #[error(
        "{} has pictures of {found} classes and the configuration {expected}; set model.unet.condition = \
         {{ classes = {found} }}, or choose another --data", folder.display()
    )]
    Count {
        /// The data folder.
        folder: PathBuf,
        /// How many folders hold pictures.
        found: usize,
        /// How many the configuration says.
        expected: usize,
    },
    /// The data folder cannot be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// The classes, numbered in the order of their names.
#[derive(Debug)]
pub struct Classes {
    /// Their names.
    pub names: Vec<String>,
    /// The number of each picture's.
    pub numbers: Vec<i64>,
}

impl Classes {
    /// The classes of `files`, the pictures below `folder`, of which there must be `expected`.
    ///
    /// # Errors
    /// [`ClassesError`].
    pub fn find(folder: &Path, files: &[PathBuf], expected: usize) -> Result<Self, ClassesError> {
        let class = |file: &PathBuf| -> Result<String, ClassesError> {
            let mut parts = file.iter();
            let (Some(first), Some(_)) = (parts.next(), parts.next()) else {
                let picture = folder.join(file);
                return Err(ClassesError::NoClass { picture, folder: folder.to_owned() });
            };
            first.to_str().map(str::to_owned).ok_or_else(|| ClassesError::Name(folder.join(first)))
        };
        let of_files = files.iter().map(class).collect::<Result<Vec<String>, _>>()?;
        let mut classes: BTreeMap<&str, i64> = of_files.iter().map(|name| (name.as_str(), 0)).collect();
        for (number, class) in (0..).zip(classes.values_mut()) {
            *class = number;
        }
        if let Some(empty) = subfolders(folder)?.into_iter().find(|name| !classes.contains_key(name.as_str()))
        {
            return Err(ClassesError::Empty(folder.join(empty)));
        }
        let found = classes.len();
        if found != expected {
            return Err(ClassesError::Count { folder: folder.to_owned(), found, expected });
        }
        Ok(Self {
            numbers: of_files.iter().map(|name| classes[name.as_str()]).collect(),
            names: classes.into_keys().map(str::to_owned).collect(),
        })
    }
}

/// The names of the folders directly below `folder`, without hidden ones.
fn subfolders(folder: &Path) -> Result<Vec<String>, PictureError> {
    let failed = |source| PictureError::Read { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
