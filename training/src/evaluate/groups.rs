// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which group (a source, an age, …) each face of a set belongs to, from a table beside it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::picture;

/// Header of the column of file names.
const FILE: &str = "file";
/// Header of the column of groups.
const SOURCE: &str = "source";

/// A table of groups that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// No CSV, or not permitted, …
    #[error("cannot read the groups from {}: {source}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The reason, with the line.
        source: csv::Error,
    },
    /// A column is missing.
    #[error(
        "{} has no column `{column}`: its first line must name `{FILE}` (a face's file name) and `{SOURCE}` (its group)",
        path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: &'static str,
    },
}

/// The group of each face, by the face's name without folder and ending.
#[derive(Debug, Clone, Default)]
pub struct Groups(HashMap<String, String>);

impl Groups {
    /// Reads a CSV file with a header that names the columns `file` and `source`, in any order among others.
    ///
    /// # Errors
    /// [`GroupsError`].
    pub fn read(path: &Path) -> Result<Self, GroupsError> {
        let failed = |source| GroupsError::Csv { path: path.to_owned(), source };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(failed)?;
        let header = reader.headers().map_err(failed)?.clone();
        let column = |column| {
            let missing = GroupsError::Column { path: path.to_owned(), column };
            header.iter().position(|name| name == column).ok_or(missing)
        };
        let (file, source) = (column(FILE)?, column(SOURCE)?);
        let mut groups = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(failed)?;
            groups.insert(picture::stem(Path::new(&record[file])), record[source].to_owned());
        }
        Ok(Self(groups))
    }

    /// The group of the face called `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
