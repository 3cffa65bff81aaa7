// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the results of pictures are called: each by a name of its own.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::picture::{self, Content, PictureFile};

/// How results are named. Where that would be one name for two pictures, one of them gets `.png` behind its own ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// As their pictures, with the ending `.png`: what is looked up again by the name without its ending.
    Png,
    /// As their pictures; those of formats that are not written here are PNG files, with `.png` behind the ending. The formats
    /// follow from the contents.
    Same,
}

/// Files and how their results are called.
#[derive(Debug)]
pub(super) struct Named {
    /// Each file with its result.
    pub results: Vec<(PathBuf, PathBuf)>,
    /// Files of several pictures, which have none, and what these are.
    pub several: Vec<(PathBuf, &'static str)>,
}

impl Naming {
    /// The results of `files`, paths below the folder `source`.
    pub(super) fn results(self, source: &Path, files: Vec<PathBuf>) -> Named {
        match self {
            Self::Png => {
                let wanted = names_of_png(files);
                let taken = wanted.iter().filter_map(|(_, result)| result.clone()).collect();
                Named { results: name_apart(wanted, taken), several: Vec::new() }
            }
            Self::Same => {
                // A file may be copied under its own name.
                let taken = files.iter().cloned().collect();
                let (wanted, several) = names_by_content(source, files);
                Named { results: name_apart(wanted, taken), several }
            }
        }
    }
}

/// Files, each with its result's name where no other could have that.
type Wanted = Vec<(PathBuf, Option<PathBuf>)>;

/// Names with the ending `.png`.
fn names_of_png(files: Vec<PathBuf>) -> Wanted {
    let mut stems: HashMap<PathBuf, usize> = HashMap::with_capacity(files.len());
    for file in &files {
        *stems.entry(file.with_extension("")).or_default() += 1;
    }
    let alone = |file: &Path| stems.get(&file.with_extension("")) == Some(&1);
    let named = |file: PathBuf| {
        let result = alone(&file).then(|| file.with_extension("png"));
        (file, result)
    };
    files.into_iter().map(named).collect()
}

/// Names by the contents of the files in `source`, and the files of several pictures. A file that cannot be read has no result.
fn names_by_content(source: &Path, files: Vec<PathBuf>) -> (Wanted, Vec<(PathBuf, &'static str)>) {
    let (mut named, mut several) = (Vec::with_capacity(files.len()), Vec::new());
    for file in files {
        match Content::of(&source.join(&file)) {
            Content::Several(_, what) => several.push((file, what)),
            Content::Picture(format) if !PictureFile::keeps(format) => named.push((file, None)),
            Content::Picture(_) | Content::Unreadable(_) => named.push((file.clone(), Some(file))),
        }
    }
    (named, several)
}

/// Gives names that are not `taken` to the files that have none yet, so that no two have the same.
fn name_apart(wanted: Wanted, mut taken: HashSet<PathBuf>) -> Vec<(PathBuf, PathBuf)> {
    let mut free = |file: &Path| {
        let mut name = picture::with_png(file);
        while !taken.insert(name.clone()) {
            name = picture::with_png(&name);
        }
        name
    };
    let name = |(file, result): (PathBuf, Option<PathBuf>)| {
        let result = result.unwrap_or_else(|| free(&file));
        (file, result)
    };
    wanted.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(naming: Naming, folder: &Path, files: &[&str]) -> Vec<String> {
        let named = naming.results(folder, files.iter().map(PathBuf::from).collect());
        named.results.into_iter().map(|(_, result)| result.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn no_two_results_have_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a.jpg", "a.jpg.png", "a.png", "b.c/a.png", "d.webp", "e"];
        assert_eq!(
            results(Naming::Png, folder.path(), &files),
            ["a.jpg.png.png", "a.jpg.png", "a.png.png", "b.c/a.png", "d.png", "e.png"]
        );
        // The beginnings of BMP, PNG and JPEG files.
        let contents: [(&str, &[u8]); 4] = [
            ("a.bmp", b"BM"),
            ("a.bmp.png", b"\x89PNG\r\n\x1a\n"),
            ("a.bmp.png.png", b"BM"),
            ("a.webp", b"\xff\xd8\xff\xe0"),
        ];
        for (name, content) in contents {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        assert_eq!(
            results(Naming::Same, folder.path(), &contents.map(|(name, _)| name)),
            ["a.bmp.png.png.png", "a.bmp.png", "a.bmp.png.png.png.png", "a.webp"]
        );
    }
}
