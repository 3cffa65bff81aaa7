// SPDX-License-Identifier: MIT OR Apache-2.0
//! The list of videos: what is read and where its results go.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::cli::Batch;

/// A video of the list.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The file to read.
    pub input: PathBuf,
    /// The file to write.
    pub output: PathBuf,
    /// Its report.
    pub report: PathBuf,
}

/// Endings that are taken for videos in a folder; a file that is named, or stands in a list, may have any.
const ENDINGS: [&str; 20] = [
    "3gp", "asf", "avi", "flv", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf",
    "ogg", "ogv", "qt", "ts", "webm", "wmv",
];

/// The videos of `batch` in the order of their names: the same in every job of an array.
///
/// # Errors
/// When there are none, two would become the same output, or the outputs would lie among the inputs.
pub fn list(batch: &Batch) -> Result<Vec<Clip>> {
    let input = &batch.input;
    let (root, mut names) = if input.is_dir() {
        ensure_apart(input, &batch.output)?;
        let mut names = Vec::new();
        walk(input, Path::new(""), &mut names)?;
        (input.clone(), names)
    } else if input.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt")) {
        (PathBuf::new(), read_list(input)?)
    } else {
        ensure!(input.is_file(), "cannot find {}", input.display());
        (PathBuf::new(), vec![input.clone()])
    };
    ensure!(!names.is_empty(), "no videos in {}: it looks for {}", input.display(), ENDINGS.join(", "));
    names.sort();
    names.dedup();
    let reports = batch.reports.as_ref().unwrap_or(&batch.output);
    let mut outputs = HashSet::new();
    names
        .into_iter()
        .map(|name| {
            // The tree below the folder is kept; of a file named or listed, the name.
            let result = if root.as_os_str().is_empty() { file_name(&name)? } else { name.clone() };
            let output = batch.output.join(&result);
            let input = root.join(name);
            ensure!(
                outputs.insert(output.clone()),
                "{} and another video of the list would both become {}: rename one of them",
                input.display(),
                output.display()
            );
            ensure!(
                !same_file(&input, &output),
                "{} would overwrite its input: choose another --output",
                output.display()
            );
            let mut report = OsString::from(result);
            report.push(".json");
            Ok(Clip { report: reports.join(report), output, input })
        })
        .collect()
}

fn file_name(path: &Path) -> Result<PathBuf> {
    Ok(path.file_name().with_context(|| format!("{} names no file", path.display()))?.into())
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Collects the videos below `root/below`, hidden ones left out: they may be another program's unfinished files.
fn walk(root: &Path, below: &Path, names: &mut Vec<PathBuf>) -> Result<()> {
    let folder = root.join(below);
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        let name = below.join(entry.file_name());
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        if hidden {
            continue;
        } else if path.is_dir() {
            walk(root, &name, names)?;
        } else if path
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
        {
            names.push(name);
        }
    }
    Ok(())
}

/// The paths in a list; relative ones count from the list's folder, and empty lines and those with `#` are left out.
fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let text =
        std::fs::read_to_string(list).with_context(|| format!("cannot read the list {}", list.display()))?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(|line| folder.join(line)).collect())
}

/// Outputs must not become inputs of the next run.
fn ensure_apart(input: &Path, output: &Path) -> Result<()> {
    let (input, output) = (input.canonicalize()?, absolute(output)?);
    if output.starts_with(&input) {
        bail!(
            "--output {} lies in the input folder, where its videos would be taken for inputs: choose another one",
            output.display()
        );
    }
    Ok(())
}

/// `path` from the root, with the links of the folders that exist resolved.
fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let Some(existing) = path.ancestors().find(|folder| folder.exists()) else { return Ok(path) };
    let rest = path.strip_prefix(existing)?.components().filter(|part| *part != Component::CurDir);
    Ok(rest.fold(existing.canonicalize()?, |folder, part| folder.join(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(input: &Path, output: &Path) -> Batch {
        let (input, output) = (input.to_owned(), output.to_owned());
        Batch { input, output, jobs: 1, shard: None, reports: None }
    }

    #[test]
    fn a_folder_keeps_its_tree_and_leaves_out_what_is_no_video() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in");
        std::fs::create_dir_all(input.join("b")).unwrap();
        for name in ["b/two.MKV", "one.mp4", "notes.txt", ".hidden.mp4"] {
            std::fs::write(input.join(name), "").unwrap();
        }
        let output = folder.path().join("out");
        let clips = list(&batch(&input, &output)).unwrap();
        let outputs: Vec<_> = clips.iter().map(|clip| clip.output.strip_prefix(&output).unwrap()).collect();
        assert_eq!(outputs, [Path::new("b/two.MKV"), Path::new("one.mp4")]);
        assert_eq!(clips[1].report, output.join("one.mp4.json"));
        assert!(list(&batch(&input, &input.join("out"))).is_err(), "outputs among the inputs");
    }

    #[test]
    fn a_list_counts_from_its_own_folder_and_refuses_two_of_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let list_file = folder.path().join("list.txt");
        std::fs::write(&list_file, "# clips\na/one.mp4\n\nb/two.mp4\n").unwrap();
        let output = folder.path().join("out");
        let clips = list(&batch(&list_file, &output)).unwrap();
        assert_eq!(clips[1].input, folder.path().join("b/two.mp4"));
        assert_eq!(clips[1].output, output.join("two.mp4"));
        std::fs::write(&list_file, "a/one.mp4\nb/one.mp4\n").unwrap();
        assert!(list(&batch(&list_file, &output)).unwrap_err().to_string().contains("rename"));
    }
}
