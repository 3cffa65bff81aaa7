// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network that does not answer: a live stream goes on without it, says so, and ends when its source does.

use std::time::{Duration, Instant};

use facerestore_tests::{
    Frame, HangingNetwork, Picture, Recording, Rig, bytes, data, detector, element, init, on_bus, wait_for,
};
use gst::prelude::*;
use gst_video::VideoFormat;

/// Patience with a busy machine; the element itself waits five seconds for its network before it says so.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends frames, as a camera does, until `reached` is content with one that comes out.
fn push_until(rig: &mut Rig, frame: &Frame, what: &str, mut reached: impl FnMut(&Rig, &[u8]) -> bool) {
    let start = Instant::now();
    loop {
        // One buffer comes out for each that goes in, or the rig waits for ever.
        let output = bytes(&rig.push(frame));
        if reached(rig, &output) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn frames_pass_a_network_that_hangs_and_are_restored_once_it_answers() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let network = HangingNetwork::new(folder.path());
    let live = element(&[("model", &network.model.to_str().unwrap())]);
    live.set_property_from_str("mode", "live");
    let mut rig = Rig::of(live);
    let frame = Frame::new(&Picture::astronaut(), VideoFormat::I420);
    network.hold(true);
    let mut text = String::new();
    push_until(&mut rig, &frame, "the warning", |rig, output| {
        assert!(output == frame.bytes, "a frame changed though the network never answered");
        let warnings = on_bus(&rig.bus, gst::MessageType::Warning);
        for warning in &warnings {
            let gst::MessageView::Warning(warning) = warning.view() else { unreachable!() };
            text += &warning.error().to_string();
        }
        !warnings.is_empty()
    });
    assert!(text.contains("has been at work on the same faces for") && text.contains("device"), "{text}");
    for _ in 0..50 {
        rig.push(&frame);
    }
    assert!(on_bus(&rig.bus, gst::MessageType::Warning).is_empty(), "once for each time that it hangs");
    network.hold(false);
    push_until(&mut rig, &frame, "a restoration", |_, output| output != frame.bytes);
    assert_eq!((rig.stat("late-frames"), rig.stat("failures")), (0, 1));

    // Again, through a seek, a change of format, and the end of the stream.
    network.hold(true);
    push_until(&mut rig, &frame, "the last detail's end", |_, output| output == frame.bytes);
    rig.seek();
    rig.push(&Frame::new(&Picture::astronaut(), VideoFormat::Nv12));
    assert!(rig.harness.push_event(gst::event::Eos::new()));
    let start = Instant::now();
    while rig.harness.pull_event().unwrap().type_() != gst::EventType::Eos {
        assert!(start.elapsed() < PATIENCE, "no end of the stream");
    }
}

/// In a pipeline that keeps time: every frame is there, and it stops and starts again while the old network still hangs.
#[test]
fn a_stream_whose_network_hangs_ends_when_its_source_does() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let network = HangingNetwork::new(folder.path());
    let line = format!(
        "filesrc location={} ! pngdec ! imagefreeze num-buffers=40 ! videoconvert ! video/x-raw,format=NV12,framerate=30/1 ! \
         facerestore name=restore mode=live device=cpu ! queue ! fakesink sync=true",
        data("astronaut.png").display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let restore = pipeline.by_name("restore").unwrap();
    restore.set_property("model", &network.model);
    restore.set_property("detector", detector());
    let passed = Recording::of(&restore, "src", |buffer| buffer.pts());
    for round in 1..=2 {
        network.hold(false);
        pipeline.set_state(gst::State::Paused).unwrap();
        wait_for(&pipeline, gst::MessageType::AsyncDone);
        network.hold(true);
        pipeline.set_state(gst::State::Playing).unwrap();
        wait_for(&pipeline, gst::MessageType::Eos);
        pipeline.set_state(gst::State::Null).unwrap();
        let times = passed.values();
        assert_eq!(times.len(), 40 * round);
        assert!(times[40 * (round - 1)..].is_sorted(), "{times:?}");
    }
}
