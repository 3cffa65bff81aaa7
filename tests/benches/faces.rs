// SPDX-License-Identifier: MIT OR Apache-2.0
//! What does a frame cost, against the number of its faces? Prints milliseconds a frame of 1280×720 I420 with the shipped
//! models, offline and live:
//!
//! `cargo bench -p facerestore-tests --bench faces`
//!
//! A frame's time is that of the streaming thread, detection amortised over its interval. Live frames come at 30 a second, as from a
//! camera. Frames without a face show what passing through costs: where nothing moves, where something does, and where all
//! does. Each face is restored in each frame (`max-reuse=0`) but in the lines of faces that rest; those of matched sizes are restored
//! in half crops. Below, whether the latency that live mode answers is true: how many
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

/// A wall, seen `shift` pixels farther left.
fn wall(shift: usize) -> Picture {
    Picture::sharp().crop(330, 0, 180, 100).resized(WIDTH + 160, HEIGHT).crop(shift, 0, WIDTH, HEIGHT)
}

/// Frames without a face: of a wall before which a card moves, or which moves itself.
fn empty_frames(moves_as_a_whole: bool) -> Vec<Frame> {
    let (still, card) = (wall(0), Picture::plain(60, 60, [200, 180, 90]));
    let frame = |index: usize| {
        let mut picture = if moves_as_a_whole { wall(2 * index) } else { still.clone() };
        if !moves_as_a_whole {
            picture.put(&card, 100 + 8 * index as i32, 300);
        }
        Frame::new(&picture, VideoFormat::I420)
    };
    // There and back.
    (0..FRAMES / 2).chain((0..FRAMES / 2).rev()).map(frame).collect()
}

/// What is set.
#[derive(Clone, Copy)]
struct Case {
    max_reuse: u32,
    match_size: bool,
    min_face_size: u32,
}

/// What some frames took.
struct Cost {
    frame: Duration,
    stats: gst::Structure,
    frames: usize,
}

impl Cost {
    fn measure(mode: &str, frames: &[Frame], case: &Case) -> Self {
        let properties: [(&str, &dyn ToValue); 4] = [
            ("max-faces", &50_u32),
            ("min-face-size", &case.min_face_size),
            ("max-reuse", &case.max_reuse),
            ("match-size", &case.match_size),
        ];
        let element = shipped_element(&properties);
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
    let usual = Case { max_reuse: 0, match_size: false, min_face_size: 20 };
    for (name, moves_as_a_whole) in [("something moves", false), ("all moves", true)] {
        for min_face_size in [20, 32] {
            let name = format!("{name}, faces from {min_face_size} pixels on");
            print_costs(0, &name, &empty_frames(moves_as_a_whole), &Case { min_face_size, ..usual });
        }
    }
    for faces in [0, 1, 2, 5, 10, 20, 50] {
        print_costs(faces, "", &frames(faces), &usual);
    }
    for faces in [1, 20, 50] {
        let still = vec![frames(faces).swap_remove(0)];
        print_costs(faces, "at rest, max-reuse=4", &still, &Case { max_reuse: 4, ..usual });
        print_costs(faces, "match-size=true", &frames(faces), &Case { match_size: true, ..usual });
    }
}

/// A line of the table.
fn print_costs(faces: usize, name: &str, frames: &[Frame], case: &Case) {
    let offline = Cost::measure("offline", frames, case);
    let live = Cost::measure("live", frames, case);
    let network = offline.number("restore-ms");
    let span = (WARM_UP + FRAMES) as f64 * INTERVAL.as_secs_f64();
    let restored = live.stats.get::<u64>("restored-faces").unwrap() as f64 / span;
    println!(
        "{faces:>5} ({:>4.1})    {:>9.1} {network:>8.1} {:>13.1} {:>17.1} {restored:>17.1} {:>14.0}  {name}",
        offline.faces(),
        offline.frame.as_secs_f64() * 1e3,
        network / faces.max(1) as f64,
        live.frame.as_secs_f64() * 1e3,
        live.number("detail-age-ms"),
    );
}
