// SPDX-License-Identifier: MIT OR Apache-2.0
//! The model files of this project, and where a program finds them once it is installed, or in a checkout.

use std::path::{Path, PathBuf};

/// The model for files and pictures, 512×512.
pub const MODEL_FILE: &str = "facerestore-fast.safetensors";
/// The model for calls, 256×256: a quarter of the pixels, for more restorations a second.
pub const LIVE_MODEL_FILE: &str = "facerestore-live.safetensors";

/// A shipped file is at none of its places.
#[derive(Debug, thiserror::Error)]
#[error("{file} is in none of the places where it is looked for: {}", list(.searched))]
pub struct NotShipped {
    /// The file's name.
    pub file: String,
    /// Every path looked at.
    pub searched: Vec<PathBuf>,
}

/// How many folders above a program's own are searched: enough for `target/release` in a checkout and for
/// `lib/x86_64-linux-gnu/gstreamer-1.0` under an installation prefix.
const PARENTS: usize = 4;

fn shipped_places(program: &Path, file: &str) -> Vec<PathBuf> {
    let mut folders = program.ancestors().skip(1);
    let Some(own) = folders.next() else { return Vec::new() };
    let mut paths = vec![own.join(file), own.join("models").join(file)];
    for parent in folders.take(PARENTS) {
        paths.push(parent.join("models").join(file));
        paths.push(parent.join("share/facerestore/models").join(file));
    }
    paths
}

/// The shipped `file` of the running program, as [`shipped_for`] finds it.
///
/// # Errors
/// [`NotShipped`] where none is.
pub fn shipped(file: &str) -> Result<PathBuf, NotShipped> {
    let program = std::env::current_exe().unwrap_or_default();
    // Links are followed: a program linked into a folder of the path finds the files beside its real place.
    shipped_for(&program.canonicalize().unwrap_or(program), file)
}

/// The shipped `file` for the program, or the plugin, in the file `program`: in its folder, in `models` below it, or in
/// `models` or `share/facerestore/models` below one of the four folders above it.
///
/// # Errors
/// [`NotShipped`] where it is at none of these places.
pub fn shipped_for(program: &Path, file: &str) -> Result<PathBuf, NotShipped> {
    let searched = shipped_places(program, file);
    match searched.iter().find(|path| path.is_file()) {
        Some(path) => Ok(path.clone()),
        None => Err(NotShipped { file: file.to_owned(), searched }),
    }
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}
