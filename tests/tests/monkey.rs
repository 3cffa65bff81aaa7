// SPDX-License-Identifier: MIT OR Apache-2.0
//! A monkey at the controls: whatever is done to a stream while it plays, in any order, frames go on and nothing fails.
//!
//! What it does follows from a seed, so that a fault can be had again; a failure prints the seed and all that was done.
//! `cargo test` makes some dozens of moves. For longer, and with other seeds:
//! `FACERESTORE_MONKEY_MINUTES=60 FACERESTORE_MONKEY_SEED=7 cargo test --release -p facerestore-tests --test monkey -- --nocapture`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use facerestore_tests::{FORMATS, Frame, Picture, Rig, bytes, data, detector, element, init, lightening};
use gst::glib;
use gst::prelude::*;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Moves where no time is asked for.
const MOVES: usize = 48;
/// Longest that a move may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// The value of an environment variable, where it is set.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, must be a whole number")))
}

/// The generator, what was done so far, and for how long it goes on.
struct Script {
    random: ChaCha8Rng,
    seed: u64,
    done: Vec<String>,
    end: Option<Instant>,
}

impl Script {
    fn new() -> Self {
        let seed = setting("FACERESTORE_MONKEY_SEED").unwrap_or(1);
        let minutes = setting("FACERESTORE_MONKEY_MINUTES");
        let end = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        Self { random: ChaCha8Rng::seed_from_u64(seed), seed, done: Vec::new(), end }
    }

    fn goes_on(&self) -> bool {
        self.end.map_or(self.done.len() < MOVES, |end| Instant::now() < end)
    }

    fn note(&mut self, what: String) {
        println!("{}: {what}", self.done.len());
        self.done.push(what);
    }

    /// For messages of failures.
    fn history(&self) -> String {
        let last = &self.done[self.done.len().saturating_sub(20)..];
        format!("seed {}, move {}; the last ones: {last:?}", self.seed, self.done.len())
    }

    /// A property that may change while playing, with a value that it takes; not so many faces that a frame takes a minute.
    fn property(&mut self) -> (&'static str, glib::Value) {
        let random = &mut self.random;
        match random.random_range(0..14) {
            0 => ("strength", random.random_range(0.0..=1.0_f64).to_value()),
            1 => ("detail", random.random_range(0.0..=1.0_f64).to_value()),
            2 => ("temporal", random.random_range(0.0..=1.0_f64).to_value()),
            3 => ("detection-threshold", random.random_range(0.3..=1.0_f64).to_value()),
            4 => ("keep-color", random.random::<bool>().to_value()),
            5 => ("attach-meta", random.random::<bool>().to_value()),
            6 => ("draw-boxes", random.random::<bool>().to_value()),
            7 => ("seed", random.random::<u64>().to_value()),
            8 => ("max-age", random.random_range(1..=60_000_u32).to_value()),
            9 => ("max-faces", random.random_range(1..=50_u32).to_value()),
            10 => ("min-face-size", random.random_range(1..=400_u32).to_value()),
            11 => ("max-reuse", random.random_range(0..=1000_u32).to_value()),
            12 => ("match-size", random.random::<bool>().to_value()),
            _ => ("detection-interval", random.random_range(1..=30_u32).to_value()),
        }
    }
}

/// Turns a knob.
fn set(element: &gst::Element, script: &mut Script) {
    let (name, value) = script.property();
    script.note(format!("{name}={value:?}"));
    element.set_property_from_value(name, &value);
}

/// What is on the bus of errors, warnings and ends of the stream; the rest is taken off.
fn complaints(bus: &gst::Bus) -> Vec<String> {
    let messages = std::iter::from_fn(|| bus.pop());
    let text = |message: gst::Message| match message.view() {
        gst::MessageView::Error(error) => Some(format!("{} ({:?})", error.error(), error.debug())),
        gst::MessageView::Warning(warning) => Some(format!("{} ({:?})", warning.error(), warning.debug())),
        gst::MessageView::Eos(_) => Some("the end of the stream".to_owned()),
        _ => None,
    };
    messages.filter_map(text).collect()
}

/// A pipeline that plays for ever, and what came through.
struct Pipeline {
    pipeline: gst::Pipeline,
    restore: gst::Element,
    caps: gst::Element,
    sink: gst::Element,
    frames: Arc<AtomicU64>,
}

fn new_sink() -> gst::Element {
    let sink = gst::ElementFactory::make("fakesink");
    sink.property("sync", false).property("async", false).build().unwrap()
}

impl Pipeline {
    fn new(model: &std::path::Path) -> Self {
        init();
        // One element for format and size: of two, the second would be asked for the new size while it holds a frame of the old one.
        let line = format!(
            "filesrc location={} ! pngdec ! imagefreeze ! videoconvertscale ! capsfilter name=caps caps=video/x-raw,format=I420 ! \
             facerestore name=restore device=cpu",
            data("astronaut.png").display()
        );
        let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
        let [restore, caps] = ["restore", "caps"].map(|name| pipeline.by_name(name).unwrap());
        restore.set_property("model", model);
        restore.set_property("detector", detector());
        let sink = new_sink();
        pipeline.add(&sink).unwrap();
        restore.link(&sink).unwrap();
        let frames = Arc::new(AtomicU64::new(0));
        let count = frames.clone();
        // Behind the element, where each frame must arrive whatever sink there is.
        restore
            .static_pad("src")
            .unwrap()
            .add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                count.fetch_add(1, Ordering::SeqCst);
                gst::PadProbeReturn::Ok
            })
            .unwrap();
        Self { pipeline, restore, caps, sink, frames }
    }

    /// To another state and, but for a pause, with another mode, and back.
    fn stop_and_go(&self, script: &mut Script) {
        let states = [gst::State::Paused, gst::State::Ready, gst::State::Null];
        let state = *states.choose(&mut script.random).unwrap();
        let mode = *["offline", "live"].choose(&mut script.random).unwrap();
        script.note(format!("{state:?} and back, then {mode}"));
        self.pipeline.set_state(state).unwrap();
        let (reached, ..) = self.pipeline.state(gst::ClockTime::from_seconds(PATIENCE.as_secs()));
        reached.unwrap_or_else(|error| panic!("{error}; {}", script.history()));
        if state != gst::State::Paused {
            self.restore.set_property_from_str("mode", mode);
        }
        self.pipeline.set_state(gst::State::Playing).unwrap();
    }

    fn change_caps(&self, script: &mut Script) {
        let format = FORMATS.choose(&mut script.random).unwrap().to_str();
        let (width, height): (i32, i32) =
            (script.random.random_range(8..800), script.random.random_range(8..600));
        script.note(format!("{format} {width}x{height}"));
        let caps = gst::Caps::builder("video/x-raw").field("format", format.as_str());
        self.caps.set_property("caps", caps.field("width", width).field("height", height).build());
    }

    fn seek(&self, script: &mut Script) {
        let to = gst::ClockTime::from_mseconds(script.random.random_range(0..3_600_000));
        let rate = *[1.0, 1.0, 2.0, 0.5].choose(&mut script.random).unwrap();
        script.note(format!("seek to {to} at {rate}"));
        let none = gst::ClockTime::NONE;
        let flags = gst::SeekFlags::FLUSH;
        let sought = self.pipeline.seek(rate, flags, gst::SeekType::Set, to, gst::SeekType::None, none);
        sought.unwrap_or_else(|error| panic!("{error}; {}", script.history()));
    }

    /// Takes the sink away between two frames and puts another one in its place.
    fn exchange_sink(&mut self, script: &mut Script) {
        script.note("another sink".to_owned());
        let (old, new) = (std::mem::replace(&mut self.sink, new_sink()), self.sink.clone());
        let (pipeline, (done, is_done)) = (self.pipeline.clone(), channel());
        let pad = self.restore.static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::IDLE, move |pad, _| {
            let other = pad.peer().unwrap();
            pad.unlink(&other).unwrap();
            pipeline.remove(&old).unwrap();
            old.set_state(gst::State::Null).unwrap();
            pipeline.add(&new).unwrap();
            pad.link(&new.static_pad("sink").unwrap()).unwrap();
            new.sync_state_with_parent().unwrap();
            let _ = done.send(());
            gst::PadProbeReturn::Remove
        });
        is_done.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}; {}", script.history()));
    }

    /// Frames still come, nothing has failed, and no error was posted.
    fn check(&self, script: &Script) {
        let (before, start) = (self.frames.load(Ordering::SeqCst), Instant::now());
        let bus = self.pipeline.bus().unwrap();
        while self.frames.load(Ordering::SeqCst) < before + 2 {
            assert_eq!(complaints(&bus), Vec::<String>::new(), "{}", script.history());
            assert!(start.elapsed() < PATIENCE, "no frame any more; {}", script.history());
            std::thread::sleep(Duration::from_millis(2));
        }
        let stats = self.restore.property::<gst::Structure>("stats");
        assert_eq!(stats.get::<u64>("failures"), Ok(0), "{}", script.history());
    }
}

#[test]
fn whatever_is_done_to_a_pipeline_frames_go_on() {
    let folder = tempfile::tempdir().unwrap();
    init();
    let mut pipeline = Pipeline::new(&lightening(folder.path(), 0.2));
    let mut script = Script::new();
    pipeline.pipeline.set_state(gst::State::Playing).unwrap();
    pipeline.check(&script);
    while script.goes_on() {
        match script.random.random_range(0..8) {
            0 => pipeline.stop_and_go(&mut script),
            1 | 2 => pipeline.change_caps(&mut script),
            3 => pipeline.seek(&mut script),
            4 => pipeline.exchange_sink(&mut script),
            _ => set(&pipeline.restore, &mut script),
        }
        pipeline.check(&script);
    }
    pipeline.pipeline.set_state(gst::State::Null).unwrap();
}

/// By hand, which allows what no source does: a frame of any format, size and stride after any other, flushes between any two,
/// segments and gaps in mid-stream, lateness from downstream. Exactly one frame comes out for each that goes in, as large as it was.
#[test]
fn whatever_is_sent_to_the_element_one_frame_comes_out_for_each() {
    let folder = tempfile::tempdir().unwrap();
    init();
    let model = lightening(folder.path(), 0.2);
    let mut script = Script::new();
    let photo = Picture::astronaut();
    let rig = |mode: &str| {
        let element = element(&[("model", &model)]);
        element.set_property_from_str("mode", mode);
        Rig::of(element)
    };
    let (mut current, mut pushed) = (rig("live"), 0);
    let mut frame = Frame::new(&photo, FORMATS[0]);
    // Caps come before all else.
    current.push(&frame);
    pushed += 1;
    while script.goes_on() {
        match script.random.random_range(0..8) {
            0 => {
                let mode = *["offline", "live"].choose(&mut script.random).unwrap();
                script.note(format!("a new element, {mode}"));
                (current, pushed) = (rig(mode), 0);
            }
            1 | 2 => {
                let random = &mut script.random;
                let (width, height): (usize, usize) =
                    (random.random_range(4..520), random.random_range(4..520));
                let (format, padding) = (*FORMATS.choose(random).unwrap(), random.random_range(0..40));
                script.note(format!("{format:?} {width}x{height}, rows {padding} bytes longer"));
                frame = Frame::padded(&photo.resized(width, height), format, padding);
            }
            3 => {
                script.note("flush".to_owned());
                current.seek();
            }
            4 => {
                script.note("a gap and a segment".to_owned());
                let gap = gst::event::Gap::builder(gst::ClockTime::SECOND).build();
                let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
                segment.set_base(gst::ClockTime::from_mseconds(script.random.random_range(0..5000)));
                assert!(current.harness.push_event(gap), "{}", script.history());
                assert!(
                    current.harness.push_event(gst::event::Segment::new(&segment)),
                    "{}",
                    script.history()
                );
            }
            5 => {
                script.note("an answer of a sink in time".to_owned());
                let time = gst::ClockTime::from_mseconds(script.random.random_range(0..5000));
                let lateness = -script.random.random_range(0..1_000_000_000_i64);
                let qos = gst::event::Qos::new(gst::QOSType::Underflow, 0.5, lateness, time);
                current.harness.push_upstream_event(qos);
            }
            _ => set(&current.element, &mut script),
        }
        for _ in 0..3 {
            let output = current.push_buffer(frame.buffer(), &frame.caps());
            pushed += 1;
            assert_eq!(bytes(&output).len(), frame.bytes.len(), "{}", script.history());
        }
        assert_eq!((current.stat("frames"), current.stat("failures")), (pushed, 0), "{}", script.history());
        assert_eq!(complaints(&current.bus), Vec::<String>::new(), "{}", script.history());
    }
}
