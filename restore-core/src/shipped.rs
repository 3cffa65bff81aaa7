// SPDX-License-Identifier: MIT OR Apache-2.0
//! The model files of this project, and where a program finds them once it is installed, or in a checkout.

use std::path::{Path, PathBuf};

/// The model for files and pictures, 512×512.
pub const MODEL_FILE: &str = "facerestore-fast.safetensors";
/// The model for calls, 256×256: a quarter of the pixels, for more restorations a second.
pub const LIVE_MODEL_FILE: &str = "facerestore-live.safetensors";

/// How many folders above a program's own are searched: enough for `target/release` in a checkout and for
/// `lib/x86_64-linux-gnu/gstreamer-1.0` under an installation prefix.
const PARENTS: usize = 4;

/// Where `file` may lie for the program, or the plugin, in the file `program`: in its folder, in `models` below it, and in
/// `models` and `share/facerestore/models` below the four folders above it. None need exist.
#[must_use]
pub fn shipped_places(program: &Path, file: &str) -> Vec<PathBuf> {
    let mut folders = program.ancestors().skip(1);
    let Some(own) = folders.next() else { return Vec::new() };
    let mut paths = vec![own.join(file), own.join("models").join(file)];
    for parent in folders.take(PARENTS) {
        paths.push(parent.join("models").join(file));
        paths.push(parent.join("share/facerestore/models").join(file));
    }
    paths
}
