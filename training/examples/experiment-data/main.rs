// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes `FOLDER/faces` and `FOLDER/colours.pt`, with which scripts/experiments can be tried without data of one's own.

mod data;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// As many as `--quick` takes, and half more.
const FACES: usize = 144;
const SIDE: u32 = 256;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    ensure!(arguments.len() == 1, "usage: experiment-data FOLDER");
    let folder = &arguments[0];
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let faces = folder.join("faces");
    data::faces(&faces, FACES, SIDE)?;
    let network = data::colours(folder)?;
    println!(
        "{FACES} windows of two portraits: {}\na network of colours: {}",
        faces.display(),
        network.display()
    );
    Ok(())
}
