// SPDX-License-Identifier: MIT OR Apache-2.0
//! Streams whose timestamps say nothing: missing, all the same, or on some frames only.

use super::*;

/// A live worker has restored the face within so many frames.
const MOST_FRAMES: u64 = 3000;

/// The timestamp of each frame.
type Stamps = fn(u64) -> Option<gst::ClockTime>;

/// Timestamps that say nothing, and what is wrong with them.
const USELESS: [(&str, Stamps); 4] = [
    ("missing", |_| None),
    ("all 0", |_| Some(gst::ClockTime::ZERO)),
    ("all the same", |_| Some(gst::ClockTime::from_seconds(3600))),
    ("on every fifth frame", |frame| {
        (frame % 5 == 0).then(|| gst::ClockTime::from_seconds(3600) + FRAME * frame)
    }),
];

fn element(mode: &str) -> Element {
    let mode = glib::EnumClass::new::<super::super::Mode>().to_value_by_nick(mode).unwrap();
    Element::new(&[("mode", mode)])
}

/// The astronaut with this timestamp.
fn stamped(stamp: Option<gst::ClockTime>) -> gst::Buffer {
    let mut buffer = astronaut(0);
    let times = buffer.get_mut().unwrap();
    times.set_pts(stamp);
    times.set_duration(gst::ClockTime::NONE);
    buffer
}

/// Pushes frames until `wanted` came out restored, each with its timestamp; returns how many it pushed.
fn push_until_restored(element: &mut Element, stamps: Stamps, wanted: u64) -> u64 {
    let untouched = bytes(&astronaut(0));
    let mut restored = 0;
    for frame in 0..MOST_FRAMES {
        let output = element.push(stamped(stamps(frame)));
        assert_eq!(output.pts(), stamps(frame));
        restored += u64::from(bytes(&output) != untouched);
        if restored == wanted {
            return frame + 1;
        }
    }
    panic!("{restored} of {MOST_FRAMES} frames restored");
}

#[test]
fn faces_are_restored_and_stay_the_same() {
    for mode in ["offline", "live"] {
        for ((name, stamps), rate) in USELESS.into_iter().zip(["25/1", "0/1"].into_iter().cycle()) {
            let mut element = element(mode);
            element.harness.set_src_caps_str(&CAPS.replace("25/1", rate));
            let pushed = push_until_restored(&mut element, stamps, 12);
            if mode == "offline" {
                assert_eq!(pushed, 12, "{name}: each frame is restored");
            }
            assert_eq!(element.stats("frames"), pushed, "{mode}, {name}");
            assert_eq!(
                (element.stats("tracks"), element.stats("failures"), element.stats("late-frames")),
                (1, 0, 0),
                "{mode}, {name}"
            );
            assert!(element.told("lost").is_empty(), "{mode}, {name}: nobody went");
        }
    }
}

#[test]
fn a_sink_that_takes_every_frame_for_late_does_not_stop_restoration() {
    let mut element = element("offline");
    element.push(stamped(Some(FRAME)));
    // Of a frame of 40 ms, an hour late; so are all that follow with its timestamp.
    element.harness.push_upstream_event(qos(FRAME, 3_600_000_000_000));
    assert_eq!(push_until_restored(&mut element, |_| Some(FRAME), 5), 5);
    assert_eq!(element.stats("late-frames"), 0);
}
