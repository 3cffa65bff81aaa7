// SPDX-License-Identifier: MIT OR Apache-2.0
//! A CSV file that grows by a line an iteration, and can be cut back to an earlier one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A table that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct TableError {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// Numbers by iteration: the first column is the iteration, the lines are in its order.
#[derive(Debug)]
pub struct MetricsTable {
    file: File,
    path: PathBuf,
}

impl MetricsTable {
    /// Opens the table of these columns for more lines, after cutting off those beyond `iterations` and a last line that a
    /// kill or a full disk left incomplete. A table of other columns, as an earlier version wrote it, goes on in an empty one; itself it is
    /// kept beside it as NAME.before.csv.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn open(path: &Path, columns: &[&str], iterations: u64) -> Result<Self, TableError> {
        let failed =
            |action| move |source: std::io::Error| TableError { action, path: path.to_owned(), source };
        let header = columns.join(",") + "\n";
        let before = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed("read")(error)),
        };
        if before.contains('\n') && !before.starts_with(&header) {
            std::fs::rename(path, path.with_extension("before.csv")).map_err(failed("set aside"))?;
        }
        let lines = before.strip_prefix(header.as_str()).unwrap_or_default();
        let kept = lines
            .split_inclusive('\n')
            .take_while(|line| line.ends_with('\n') && iteration(line).is_some_and(|i| i <= iterations));
        let after: String = std::iter::once(header.as_str()).chain(kept).collect();
        if after != before {
            restore_core::write_atomically(path, after.as_bytes()).map_err(failed("write"))?;
        }
        let file = OpenOptions::new().append(true).open(path).map_err(failed("write"))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends a line; it is on its way to the disk when this returns.
    ///
    /// # Errors
    /// [`TableError`], for example with a full disk.
    pub fn append(&mut self, iteration: u64, values: &[String]) -> Result<(), TableError> {
        let line = format!("{iteration},{}\n", values.join(","));
        self.file.write_all(line.as_bytes()).map_err(|source| TableError {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }

    /// The iterations and the values of one column of the whole table.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn column(&self, index: usize) -> Result<Vec<(u64, f64)>, TableError> {
        let text = std::fs::read_to_string(&self.path).map_err(|source| TableError {
            action: "read",
            path: self.path.clone(),
            source,
        })?;
        Ok(column(&text, index))
    }
}

/// The iterations and the values of one column of a table's text.
pub(crate) fn column(text: &str, index: usize) -> Vec<(u64, f64)> {
    let value = |line: &str| line.split(',').nth(index)?.trim().parse().ok();
    text.lines().filter_map(|line| Some((iteration(line)?, value(line)?))).collect()
}

fn iteration(line: &str) -> Option<u64> {
    line.split(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_an_iteration_and_torn_ones_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let columns = ["iteration", "loss"];
        let open = |iterations| MetricsTable::open(&path, &columns, iterations).unwrap();
        let text = || std::fs::read_to_string(&path).unwrap();
        let mut table = open(0);
        for i in [10, 20, 30] {
            table.append(i, &[format!("0.{i}")]).unwrap();
        }
        assert_eq!(text(), "iteration,loss\n10,0.10\n20,0.20\n30,0.30\n");
        let mut table = open(25);
        assert_eq!(text(), "iteration,loss\n10,0.10\n20,0.20\n");
        table.append(30, &["0.5".to_owned()]).unwrap();
        assert_eq!(table.column(1).unwrap(), [(10, 0.1), (20, 0.2), (30, 0.5)]);

        std::fs::write(&path, "iteration,loss\n10,0.10\n20,0.").unwrap();
        open(u64::MAX);
        assert_eq!(text(), "iteration,loss\n10,0.10\n");
        let older = "iteration,loss,rate\n10,0.10,2.0\n";
        std::fs::write(&path, older).unwrap();
        open(u64::MAX);
        assert_eq!(text(), "iteration,loss\n");
        assert_eq!(std::fs::read_to_string(folder.path().join("t.before.csv")).unwrap(), older);
        std::fs::write(&path, "iterat").unwrap();
        open(u64::MAX);
        assert_eq!(text(), "iteration,loss\n");
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = MetricsTable::open(folder.path(), &["iteration"], 0).unwrap_err().to_string();
        assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    }
}
