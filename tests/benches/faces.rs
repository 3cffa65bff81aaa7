// SPDX-License-Identifier: MIT OR Apache-2.0
//! What does a frame cost, against the number of its faces? Prints milliseconds a frame of 1280×720 I420 with the shipped
//! models, offline and live:
//!
//! `cargo bench -p facerestore-tests --bench faces`
//!
//! A frame's time is that of the streaming thread, detection amortised over its interval. Live frames come at 30 a second, as from a
//! camera. The frame without a face shows what passing through costs. Below, whether the latency that live mode answers is true: how many
//! frames a sink that keeps time by it would have dropped.

use std::time::{Duration, Instant};

use facerestore_tests::{Frame, Picture, Rig, punctuality, shipped_element};
use gst::prelude::*;
use gst_video::VideoFormat;

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
/// A head of the astronaut and some of what is around it; 10×5 of them fill a frame.
const TILE: (usize, usize) = (128, 144);
const COLUMNS: usize = WIDTH / TILE.0;
/// From a camera's frame to the next.
const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Frames before the count begins: tracks appear, libtorch allocates.
const WARM_UP: usize = 10;
const FRAMES: usize = 60;
/// Seconds of a call of which the late frames are counted, after one of warming up.
const CALL: u64 = 8;
/// Offline a frame with many faces takes long: the count ends here.
const LONGEST: Duration = Duration::from_secs(10);

/// Frames of a slow sway, so that there is motion to follow. `faces` are spread over the frame.
fn frames(faces: usize) -> Vec<Frame> {
    let head = Picture::sharp().crop(144, 20, 160, 180).resized(TILE.0, TILE.1);
    let places = COLUMNS * (HEIGHT / TILE.1);
    let sway = [0, 1, 2, 1];
    let frame = |shift: usize| {
        let mut picture = Picture::plain(WIDTH, HEIGHT, [96, 104, 112]);
        for face in 0..faces {
            let place = (face * places + places / 2) / faces;
            let (column, row) = (place % COLUMNS, place / COLUMNS);
            picture.put(&head, (column * TILE.0 + shift) as i32, (row * TILE.1 + shift / 2) as i32);
        }
        Frame::new(&picture, VideoFormat::I420)
    };
    sway.map(frame).into()
}

/// What some frames took.
struct Cost {
    frame: Duration,
    stats: gst::Structure,
    frames: usize,
}

impl Cost {
    fn measure(mode: &str, frames: &[Frame]) -> Self {
        let element = shipped_element(&[("max-faces", &50_u32), ("min-face-size", &20_u32)]);
        element.set_property_from_str("mode", mode);
        let live = mode == "live";
        let mut rig = Rig::of(element);
        for index in 0..WARM_UP {
            rig.push(&frames[index % frames.len()]);
        }
        let (mut total, mut count) = (Duration::ZERO, 0);
        while count < FRAMES && (live || total < LONGEST) {
            let start = Instant::now();
            rig.push(&frames[count % frames.len()]);
            let took = start.elapsed();
            total += took;
            count += 1;
            if live {
                std::thread::sleep(INTERVAL.saturating_sub(took));
            }
        }
        let stats = rig.element.property("stats");
        Self { frame: total / count as u32, stats, frames: count }
    }

    fn number(&self, field: &str) -> f64 {
        self.stats.get(field).unwrap()
    }

    fn faces(&self) -> f64 {
        self.stats.get::<u64>("faces").unwrap() as f64 / (self.frames + WARM_UP) as f64
    }
}

fn main() {
    facerestore_tests::init();
    if !std::env::args().any(|argument| argument == "--punctuality") {
        costs();
    }
    println!("\nlive, a sink that keeps time   frames a second    late of them    latency answered, ms");
    for (rate, faces) in [(30, 1), (30, 10), (60, 1), (60, 10)] {
        let seen = punctuality(&frames(faces), rate, CALL);
        let (all, answered) = (seen.late + seen.shown, seen.latency.as_millis());
        println!("{faces:>5} faces {rate:>36} {:>10} of {all} {answered:>18}", seen.late);
    }
}

fn costs() {
    println!("                 offline, ms a frame                           live at 30 frames/s");
    println!(
        "faces (tracked)     whole  network  network/face        ms a frame  restored faces/s  detail ms old"
    );
    for faces in [0, 1, 2, 5, 10, 20, 50] {
        let frames = frames(faces);
        let offline = Cost::measure("offline", &frames);
        let live = Cost::measure("live", &frames);
        let network = offline.number("restore-ms");
        let span = (WARM_UP + FRAMES) as f64 * INTERVAL.as_secs_f64();
        let restored = live.stats.get::<u64>("restored-faces").unwrap() as f64 / span;
        println!(
            "{faces:>5} ({:>4.1})    {:>9.1} {network:>8.1} {:>13.1} {:>17.1} {restored:>17.1} {:>14.0}",
            offline.faces(),
            offline.frame.as_secs_f64() * 1e3,
            network / faces.max(1) as f64,
            live.frame.as_secs_f64() * 1e3,
            live.number("detail-age-ms"),
        );
    }
}
