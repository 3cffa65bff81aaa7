// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launch lines of `examples/README.md`, run as they stand there but for files, cameras and windows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use facerestore_tests::{ClipRecipe, data, decoded_frames, plugin_folder, target_folder};

/// Frames of the clip that stands for in.mp4, and of the camera.
const FRAMES: u32 = 8;
/// How long a line that waits for others (a receiver) gets.
const WAITING: Duration = Duration::from_secs(6);

/// The lines of the README's blocks that are marked to be run.
fn lines() -> Vec<String> {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/README.md")).unwrap();
    let blocks = readme.split("```sh run\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// The line with a test picture for a camera and no window.
fn substituted(line: &str) -> String {
    let camera = format!(
        "videotestsrc is-live=true num-buffers={FRAMES} ! video/x-raw,width=320,height=240,framerate=30/1"
    );
    line.replace("v4l2src", &camera).replace("autovideosink", "fakesink")
}

/// Runs a line in `folder` and returns its output; a receiver is stopped after a while.
fn run(line: &str, folder: &Path) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut program = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", target_folder().join("test-home"))
        .env("GST_PLUGIN_PATH", plugin_folder())
        .stdout(std::fs::File::create(folder.join("log")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let waits = line.contains("udpsrc");
    let log = || std::fs::read_to_string(folder.join("log")).unwrap();
    let status = loop {
        match program.try_wait().unwrap() {
            Some(status) => break status,
            None if waits && start.elapsed() > WAITING => {
                // A receiver that plays waits for packets that nobody sends now.
                program.kill().unwrap();
                program.wait().unwrap();
                assert!(log().contains("PLAYING"), "{line}\n{}", log());
                return log();
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
        assert!(start.elapsed() < Duration::from_secs(180), "it does not end: {line}\n{}", log());
    };
    assert!(status.success(), "{line}\n{}", log());
    log()
}

#[test]
fn every_line_of_the_readme_runs_and_what_it_writes_can_be_played() {
    let lines = lines();
    assert!(lines.len() >= 9 && lines.iter().all(|line| line.starts_with("gst-launch-1.0 ")), "{lines:?}");
    let folder = tempfile::tempdir().unwrap();
    ClipRecipe { frames: FRAMES, ..ClipRecipe::MP4 }.make(&folder.path().join("in.mp4"));
    std::fs::copy(data("biden.jpg"), folder.path().join("in.jpg")).unwrap();
    let mut written = 0;
    for line in lines {
        let log = run(&substituted(&line), folder.path());
        assert!(!log.contains("WARNING"), "{line}\n{log}");
        assert!(
            !line.contains(" -m ") || log.contains("facerestore, timestamp="),
            "the faces' messages: {log}"
        );
        for (output, frames) in [("out.mp4", FRAMES as usize), ("out.png", 1)] {
            let path = folder.path().join(output);
            assert_eq!(path.exists(), line.contains(&format!("location={output}")), "{line}");
            if path.exists() {
                assert_eq!(decoded_frames(&path), frames, "{line}");
                std::fs::remove_file(path).unwrap();
                written += 1;
            }
        }
    }
    assert!(written >= 5);
}
