// SPDX-License-Identifier: MIT OR Apache-2.0
//! The walk through every command in training/README.md, as it is printed there.

use std::path::Path;
use std::process::Command;

use crate::common::{repository, text};

/// The block of commands under the heading that says it is run as a test.
fn walk() -> String {
    let readme = std::fs::read_to_string(repository().join("training/README.md")).unwrap();
    let (_, section) = readme.split_once("## All of it in a few minutes").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_walk_through_every_command_works_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["tests", "training", "models"] {
        let target = repository().join(name).canonicalize().unwrap();
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_idm")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-e", "-c", &walk()])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("OMP_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    for file in [
        "faces/manifest.jsonl",
        "degradations.png",
        "train/model.safetensors",
        "train/loss.png",
        "report/index.html",
        "report/report.json",
        "iterate/model.safetensors",
        "iterate/iterations.md",
        "enhanced.zip",
        "restored/biden.jpg",
    ] {
        let file = folder.path().join("runs/readme").join(file);
        assert!(file.metadata().is_ok_and(|data| data.len() > 0), "{} is missing", file.display());
    }
    let enhanced = std::fs::read_dir(folder.path().join("runs/readme/enhanced")).unwrap().count();
    assert!(enhanced >= 2, "both portraits are enhanced");
}
