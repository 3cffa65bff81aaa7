// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element is started and stopped again and again: nothing may be left behind. One test alone in its process, since
//! it measures the process.

use facerestore_tests::{Recording, data, detector, init, model, wait_for};
use gst::prelude::*;

/// Cycles before measuring: libraries fill their caches and thread pools.
const WARM_UP: usize = 8;
/// Cycles measured.
const CYCLES: usize = 10;
/// What the most memory of the last five cycles may exceed that of the first five by; in six runs it was 0 to 16 MB. A model
/// (30 MB on disk) leaked in each cycle would come to 150 MB and more. Single cycles lie up to 60 MB below the
/// most, since the allocator now and then trims the arenas that it opened for new threads.
const GROWTH_KB: u64 = 40_000;

/// A number of `/proc/self/status`; the unit of sizes is kB.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn ten_cycles_from_null_to_playing_leave_no_memory_and_no_threads() {
    init();
    let line = format!(
        "filesrc location={} ! pngdec ! imagefreeze num-buffers=3 ! videoconvert ! video/x-raw,format=NV12 ! facerestore name=restore ! fakesink sync=false",
        data("astronaut.png").display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let restore = pipeline.by_name("restore").unwrap();
    restore.set_property("model", model());
    restore.set_property("detector", detector());
    restore.set_property("device", "cpu");
    let passed = Recording::of(&restore, "src", |_| ());
    let mut measured = Vec::new();
    for cycle in 0..WARM_UP + CYCLES {
        pipeline.set_state(gst::State::Playing).unwrap();
        wait_for(&pipeline, gst::MessageType::Eos);
        let stats = restore.property::<gst::Structure>("stats");
        assert_eq!(stats.get::<u64>("restored-faces"), Ok(3), "counted anew in each cycle");
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(passed.values().len(), 3 * (cycle + 1));
        measured.push((status("Threads"), status("VmRSS")));
    }
    println!("(threads, kB) after each cycle: {measured:?}");
    let warm = &measured[WARM_UP - 1..];
    let (threads, memory): (Vec<u64>, Vec<u64>) = warm.iter().copied().unzip();
    assert!(threads.last() <= threads.first(), "threads: {threads:?}");
    let most = |cycles: &[u64]| cycles.iter().copied().max().unwrap_or_default();
    let (first, last) = (most(&memory[1..=CYCLES / 2]), most(&memory[CYCLES / 2 + 1..]));
    assert!(last <= first + GROWTH_KB, "kB: {memory:?}");
}
