// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command that writes many files, killed at any moment and on a disk that fills up: it ends with the bytes of a run to which
//! nothing happened. And memory that is used up.
//!
//! The moments follow from a seed. More of them: `FACERESTORE_KILLS=200 cargo test --release -p training --test idm faults::`.
//! `idm train` has tests of its own (`training_run`), which take the same variable; `idm iterate` and `idm distance` are killed at each of
//! their stages.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restore_core::Condition;

use super::enhance::{busy_model, small_faces, tree};
use super::generate::busy_generator;
use crate::common::{
    failed, idm, idm_on_small_disk, idm_with_memory, kill_9_when, kills, succeeded, tiny_config,
};
#[cfg(feature = "detect")]
use crate::common::{repository, test_data};

/// Kills of each command where no number is asked for.
const KILLS: usize = 2;
/// How often in a row one run is killed before it is left to end.
const IN_A_ROW: usize = 4;

/// A command and all of its arguments but `--output`.
struct Work {
    name: &'static str,
    arguments: Vec<String>,
}

impl Work {
    fn new(name: &'static str, arguments: &[&dyn AsRef<OsStr>]) -> Self {
        let text = |argument: &OsStr| argument.to_str().unwrap().to_owned();
        Self { name, arguments: arguments.iter().map(|argument| text(argument.as_ref())).collect() }
    }

    #[expect(clippy::ptr_arg, reason = "a trait object needs a sized type")]
    fn with_output<'a>(&'a self, output: &'a PathBuf) -> Vec<&'a dyn AsRef<OsStr>> {
        let mut all: Vec<&dyn AsRef<OsStr>> = vec![&self.name, &"--output", output];
        all.extend(self.arguments.iter().map(|argument| argument as &dyn AsRef<OsStr>));
        all
    }

    fn run(&self, output: &PathBuf) {
        succeeded(&idm(&self.with_output(output)));
    }
}

/// Each resumable command over many files.
fn all_work(folder: &Path) -> Vec<Work> {
    let (model, generator) = (busy_model(folder), busy_generator(folder, Condition::None));
    let input = small_faces(folder, 24);
    #[allow(unused_mut, reason = "without OpenCV there are no photos to prepare")]
    let mut work = vec![
        Work::new("restore", &[&"--aligned", &"--model", &model, &"--device", &"cpu", &"--input", &input]),
        Work::new(
            "enhance",
            &[&"--model", &model, &"--device", &"cpu", &"--steps", &"3", &"--input", &input],
        ),
        Work::new("degrade", &[&"--seed", &"3", &"--input", &input]),
        Work::new(
            "generate",
            &[&"--model", &generator, &"--device", &"cpu", &"--count", &"40", &"--steps", &"5"],
        ),
    ];
    #[cfg(feature = "detect")]
    {
        let photos = folder.join("photos");
        std::fs::create_dir(&photos).unwrap();
        for index in 0..6 {
            std::fs::copy(test_data("astronaut.png"), photos.join(format!("{index}.png"))).unwrap();
        }
        let detector = repository().join("models/face_detection_yunet_2023mar.onnx");
        let (size, scale, threads) = ("--size=128", "--min-native-scale=0.2", "--threads=2");
        work.push(Work::new(
            "prepare",
            &[&size, &scale, &threads, &"--detector", &detector, &"--input", &photos],
        ));
    }
    work
}

#[test]
fn killed_at_any_moment_every_command_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for work in all_work(folder.path()) {
        let whole = folder.path().join(format!("{}-whole", work.name));
        let start = Instant::now();
        work.run(&whole);
        let took = start.elapsed();
        let (mut killed, mut runs) = (0, 0);
        while killed < kills(KILLS) {
            let output = folder.path().join(format!("{}-{runs}", work.name));
            runs += 1;
            assert!(runs <= 10 * kills(KILLS), "{} ended before it was killed, each time", work.name);
            for _ in 0..random.random_range(1..=IN_A_ROW) {
                let moment = took.mul_f64(random.random_range(0.0..1.0));
                let start = Instant::now();
                killed += usize::from(kill_9_when(&work.with_output(&output), || start.elapsed() >= moment));
            }
            work.run(&output);
            assert!(tree(&output) == tree(&whole), "{}: {:?}", work.name, tree(&output).keys());
            std::fs::remove_dir_all(&output).unwrap();
        }
        println!("idm {}: killed {killed} times in {runs} runs", work.name);
    }
}

/// Space for half of what a run writes: it ends with the reason and the remedy, what it has written is whole, and with space it goes
/// on to the end.
#[test]
fn on_a_full_disk_every_command_says_so_and_goes_on_once_there_is_space() {
    const BLOCK: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    for work in all_work(folder.path()) {
        let whole = folder.path().join(format!("{}-whole", work.name));
        work.run(&whole);
        let expected = tree(&whole);
        let size: usize = expected.values().map(|bytes| bytes.len().next_multiple_of(BLOCK)).sum();
        let disk = folder.path().join(format!("{}-disk", work.name));
        std::fs::create_dir(&disk).unwrap();
        for share in [2, 4] {
            // The second disk is smaller than what the first holds, and what is there already is not to be lost.
            let before = tree(&disk);
            let held: usize = before.values().map(|bytes| bytes.len().next_multiple_of(BLOCK)).sum();
            let room = (size / share).max(held + 2 * BLOCK).div_ceil(1024);
            let full = idm_on_small_disk(&disk, room as u32, &work.with_output(&disk));
            failed(
                &full,
                &["cannot ", "No space left on device", "the disk is full. Free some space", "same command"],
            );
            let now = tree(&disk);
            let is_picture = |file: &Path| file.extension().is_some_and(|ending| ending == "png");
            for (file, bytes) in now.iter().filter(|(file, _)| is_picture(file)) {
                assert!(expected.get(file) == Some(bytes), "{} is not whole", file.display());
            }
            let is_kept = |file: &&PathBuf| !is_picture(file) || now.contains_key(*file);
            assert!(before.keys().all(|file| is_kept(&file)), "{}: a result is gone", work.name);
        }
        work.run(&disk);
        assert!(tree(&disk) == expected, "{}: {:?}", work.name, tree(&disk).keys());
    }
}

/// What libtorch or a picture's decoder asks for in vain is an error that says what to do, and not the end of the process by a
/// signal. (What Rust's own collections ask for in vain is.)
#[test]
fn used_up_memory_is_an_error() {
    const KILOBYTES: u32 = 2_000_000;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("data");
    std::fs::create_dir(&input).unwrap();
    let output = folder.path().join("output");
    // 2.0 GB of pixels, after a bitmap's headers.
    let side: u32 = 26_000;
    let mut bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bitmap.extend([side.to_le_bytes(), side.to_le_bytes()].as_flattened());
    bitmap.extend([1, 0, 24, 0]);
    bitmap.extend([0; 24 + 16]);
    std::fs::write(input.join("large.bmp"), bitmap).unwrap();
    let model = busy_model(folder.path());
    let restore: [&dyn AsRef<OsStr>; 9] =
        [&"restore", &"--aligned", &"--model", &model, &"--device", &"cpu", &"--input", &input, &"--output"];
    let restore: Vec<&dyn AsRef<OsStr>> = restore.into_iter().chain([&output as &dyn AsRef<OsStr>]).collect();
    failed(
        &idm_with_memory(KILOBYTES, &restore),
        &["large.bmp", "there is no memory for its 26000×26000 pixels"],
    );

    // A network whose largest weight has 2.4 GB.
    let faces = small_faces(&folder.path().join("of-training"), 4);
    let config = tiny_config(folder.path(), "large.toml", &[("base_channels = 16", "base_channels = 4096")]);
    let train: [&dyn AsRef<OsStr>; 9] =
        [&"train", &"--device", &"cpu", &"--config", &config, &"--data", &faces, &"--output", &output];
    let out_of_memory = idm_with_memory(KILOBYTES, &train);
    failed(&out_of_memory, &["allocate", "the memory is used up. Use smaller batches"]);
    assert!(!crate::common::text(&out_of_memory.stderr).contains("frame #"));
}
