// SPDX-License-Identifier: MIT OR Apache-2.0
//! GStreamer's command-line programs with the built plugin.

use std::path::PathBuf;
use std::process::Command;

/// What a program printed.
#[derive(Debug)]
pub struct Output {
    /// Whether its exit code was 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a program with `PATH`, a home of its own and `GST_PLUGIN_PATH` as its whole environment: nothing else may be
/// needed to use the plugin.
///
/// # Panics
/// When the plugin is not built or the program cannot be started.
#[must_use]
pub fn gst_program(program: &str, arguments: &[&str]) -> Output {
    let home = target_folder().join("test-home");
    std::fs::create_dir_all(&home).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GST_PLUGIN_PATH", plugin_folder())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Cargo's folder of this build, `target/<profile>`.
#[must_use]
pub fn target_folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // …/target/<profile>/deps/<test>
    test.parent().and_then(|deps| deps.parent()).expect("tests run from target/<profile>/deps").to_owned()
}

/// The folder of the built plugin.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn plugin_folder() -> PathBuf {
    let folder = target_folder();
    let plugin = folder.join("libgstfacerestore.so");
    assert!(
        plugin.is_file(),
        "{} is missing: build it with `cargo build -p gst-plugin-facerestore` (scripts/test does so)",
        plugin.display()
    );
    folder
}

/// A built program of the folder `examples`.
///
/// # Panics
/// When it is not built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    let program = target_folder().join(name);
    assert!(
        program.is_file(),
        "{} is missing: build it with `cargo build -p facerestore-examples` (scripts/test does so)",
        program.display()
    );
    program
}
