// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts and changes of caps, again and again: threads, open files and memory stay what they were. One test alone in its process,
//! since it measures the process.
//!
//! `cargo test` takes some dozens of each. A thousand of each:
//! `FACERESTORE_CYCLES=1000 cargo test --release -p facerestore-tests --test leaks -- --nocapture`

use facerestore_tests::{FORMATS, Frame, Picture, Rig, element, init, lightening};
use gst::prelude::*;

/// Rounds where no number is asked for.
const CYCLES: usize = 40;
/// Share of the rounds before anything is measured: libraries fill their caches and thread pools.
const WARM_UP: f64 = 0.25;
/// By how much the most memory of the last half of the measured rounds may exceed that of the first half, in kB. A model that leaked
/// in each start, or a frame in each change, would exceed it tenfold in a thousand rounds.
const GROWTH_KB: u64 = 40_000;

/// What this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holdings {
    threads: u64,
    files: usize,
    memory_kb: u64,
}

impl Holdings {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
            line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
        };
        Self {
            threads: number("Threads"),
            files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
            memory_kb: number("VmRSS"),
        }
    }
}

/// Does it so often, and compares what the process has after each time.
fn repeat(what: &str, cycles: usize, mut cycle: impl FnMut(usize)) {
    let warm_up = (cycles as f64 * WARM_UP) as usize;
    let mut measured = Vec::with_capacity(cycles);
    for index in 0..cycles {
        cycle(index);
        if index >= warm_up {
            measured.push(Holdings::now());
        }
    }
    let (early, late) = measured.split_at(measured.len() / 2);
    let most = |half: &[Holdings], of: fn(&Holdings) -> u64| half.iter().map(of).max().unwrap();
    let [threads, files, memory]: [fn(&Holdings) -> u64; 3] =
        [|now| now.threads, |now| now.files as u64, |now| now.memory_kb];
    println!("{cycles} {what}: {:?} to {:?}", measured[0], measured[measured.len() - 1]);
    assert!(most(late, threads) <= most(early, threads), "{what}: threads of {measured:?}");
    assert!(most(late, files) <= most(early, files), "{what}: open files of {measured:?}");
    assert!(most(late, memory) <= most(early, memory) + GROWTH_KB, "{what}: memory of {measured:?}");
}

#[test]
fn starts_and_changes_of_caps_leave_nothing_behind() {
    init();
    let cycles = std::env::var("FACERESTORE_CYCLES");
    let cycles = cycles.map_or(CYCLES, |text| text.parse().expect("FACERESTORE_CYCLES is a whole number"));
    assert!(cycles >= 8, "less than 8 rounds show nothing");
    let folder = tempfile::tempdir().unwrap();
    let model = lightening(folder.path(), 0.2);
    let photo = Picture::astronaut().resized(256, 256);
    for mode in ["offline", "live"] {
        let started = || {
            let element = element(&[("model", &model)]);
            element.set_property_from_str("mode", mode);
            Rig::of(element)
        };
        repeat(&format!("starts, {mode}"), cycles, |index| {
            let mut rig = started();
            let frame = Frame::new(&photo, FORMATS[index % FORMATS.len()]);
            for _ in 0..3 {
                rig.push(&frame);
            }
            assert_eq!((rig.stat("frames"), rig.stat("failures")), (3, 0));
        });
        let mut rig = started();
        repeat(&format!("changes of caps, {mode}"), cycles, |index| {
            let side = 64 + 32 * (index % 7);
            rig.push(&Frame::new(&photo.resized(side, side), FORMATS[index % FORMATS.len()]));
        });
        assert_eq!((rig.stat("frames"), rig.stat("failures")), (cycles as u64, 0));
    }
}
