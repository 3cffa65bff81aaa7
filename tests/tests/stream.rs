// SPDX-License-Identifier: MIT OR Apache-2.0
//! Streams through the element: every frame of a real clip with its time, changes of caps, seeks, lateness.

use std::sync::atomic::{AtomicU64, Ordering};

use facerestore_tests::{
    FRAME_TIME, Frame, Picture, Recording, Rig, SKIN, bytes, data, detector, init, model, on_bus,
    play_to_end, wait_for,
};
use gst::prelude::*;
use gst_video::VideoFormat;

/// What is known of a buffer without its pixels.
type Stamp = (Option<gst::ClockTime>, Option<gst::ClockTime>, usize);

fn stamp(buffer: &gst::BufferRef) -> Stamp {
    (buffer.pts(), buffer.duration(), buffer.size())
}

/// The carphone clip, decoded, scaled to the caps and restored, and the stamps before and after the element.
struct Clip {
    pipeline: gst::Pipeline,
    restore: gst::Element,
    before: Recording<Stamp>,
    after: Recording<Stamp>,
}

impl Clip {
    fn new(caps: &str) -> Self {
        init();
        let line = format!(
            "filesrc location={} ! decodebin ! identity name=decoded ! videoconvert ! videoscale ! capsfilter name=caps caps={caps} ! facerestore name=restore ! fakesink name=sink sync=false",
            data("carphone_pristine.mp4").display()
        );
        let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
        let restore = pipeline.by_name("restore").unwrap();
        restore.set_property("model", model());
        restore.set_property("detector", detector());
        restore.set_property("device", "cpu");
        let before = Recording::of(&restore, "sink", stamp);
        let after = Recording::of(&restore, "src", stamp);
        Self { pipeline, restore, before, after }
    }

    fn stat(&self, field: &str) -> u64 {
        self.restore.property::<gst::Structure>("stats").get(field).unwrap()
    }

    fn seek(&self, from: gst::ClockTime, to: gst::ClockTime) {
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        self.pipeline.seek(1.0, flags, gst::SeekType::Set, from, gst::SeekType::Set, to).unwrap();
    }

    /// Plays on to the end and returns the times of the frames since the last flush.
    fn times_to_end(&self) -> Vec<gst::ClockTime> {
        wait_for(&self.pipeline, gst::MessageType::Eos);
        assert_eq!(self.before.values(), self.after.values());
        self.after.values().iter().map(|(pts, ..)| pts.unwrap()).collect()
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn every_frame_of_the_clip_comes_out_with_its_time() {
    let clip = Clip::new("video/x-raw,format=I420,width=352,height=288,pixel-aspect-ratio=1/1");
    clip.pipeline.set_state(gst::State::Playing).unwrap();
    let times = clip.times_to_end();
    assert_eq!(times.len(), 120);
    let first = times[0];
    for (index, time) in times.iter().enumerate() {
        // 30000/1001 frames a second.
        let expected = first.nseconds() as f64 + index as f64 * 1001.0 / 30000.0 * 1e9;
        assert!((time.nseconds() as f64 - expected).abs() < 1e6, "frame {index} is at {time}");
    }
    assert_eq!((clip.stat("frames"), clip.stat("failures"), clip.stat("late-frames")), (120, 0, 0));
    // The man faces the camera from the first to the last frame, but for a few turns of the head.
    let restored = clip.stat("restored-faces");
    assert!((110..=120).contains(&restored), "{restored} faces in 120 frames");
}

#[test]
fn after_a_seek_the_frames_of_the_new_place_come_with_their_times() {
    let clip = Clip::new("video/x-raw,format=NV12,width=176,height=144,pixel-aspect-ratio=1/1");
    clip.pipeline.set_state(gst::State::Paused).unwrap();
    wait_for(&clip.pipeline, gst::MessageType::AsyncDone);
    let second = gst::ClockTime::SECOND;
    clip.seek(2 * second, 3 * second);
    wait_for(&clip.pipeline, gst::MessageType::AsyncDone);
    clip.pipeline.set_state(gst::State::Playing).unwrap();
    let times = clip.times_to_end();
    // The clip's first frame is at 67 ms, and the demuxer adds that to every time.
    let slack = gst::ClockTime::from_mseconds(100);
    assert!((29..=31).contains(&times.len()), "{} frames in a second", times.len());
    assert!(
        times[0] + slack > 2 * second && *times.last().unwrap() < 3 * second + slack,
        "{} to {:?}",
        times[0],
        times.last()
    );
    // From the end back to the start while playing.
    clip.seek(gst::ClockTime::ZERO, second);
    let times = clip.times_to_end();
    assert!((29..=31).contains(&times.len()) && times[0] < slack, "{} frames from {}", times.len(), times[0]);
    assert_eq!(clip.stat("failures"), 0);
}

#[test]
fn caps_may_change_in_mid_stream() {
    let clip = Clip::new("video/x-raw,format=I420,width=352,height=288,pixel-aspect-ratio=1/1");
    let filter = clip.pipeline.by_name("caps").unwrap();
    let changes = [
        (10, "video/x-raw,format=BGRx,width=352,height=288,pixel-aspect-ratio=1/1"),
        (20, "video/x-raw,format=NV21,width=401,height=301,pixel-aspect-ratio=1/1"),
        (30, "video/x-raw,format=RGB,width=176,height=144,pixel-aspect-ratio=1/1"),
    ];
    let decoded = clip.pipeline.by_name("decoded").unwrap();
    decoded.set_property("eos-after", 40);
    let count = AtomicU64::new(0);
    decoded.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let frame = count.fetch_add(1, Ordering::Relaxed);
        if let Some((_, caps)) = changes.iter().find(|(at, _)| *at == frame) {
            filter.set_property("caps", caps.parse::<gst::Caps>().unwrap());
        }
        gst::PadProbeReturn::Ok
    });
    clip.pipeline.set_state(gst::State::Playing).unwrap();
    wait_for(&clip.pipeline, gst::MessageType::Eos);
    let sizes: Vec<usize> = clip.after.values().iter().map(|(.., size)| *size).collect();
    assert_eq!(clip.before.values(), clip.after.values());
    let mut distinct = sizes.clone();
    distinct.dedup();
    // Bytes of a frame: 4:2:0 has rows of multiples of 4 bytes and half of odd sizes rounded up.
    assert_eq!(distinct, [352 * 288 * 3 / 2, 352 * 288 * 4, 404 * 302 + 404 * 151, 176 * 144 * 3]);
    assert_eq!((clip.stat("failures"), clip.stat("frames")), (0, sizes.len() as u64));
    assert!(clip.stat("restored-faces") > 25, "{} faces restored", clip.stat("restored-faces"));
}

#[test]
fn a_frame_after_a_change_of_caps_is_restored_as_if_it_were_the_first() {
    let picture = Picture::astronaut();
    let frames = [
        Frame::new(&picture, VideoFormat::Rgb),
        Frame::new(&picture.crop(60, 0, 301, 260), VideoFormat::Nv12),
        Frame::new(&picture.crop(100, 0, 400, 350), VideoFormat::Argb),
    ];
    // Faces found last must not be used with other caps.
    let mut rig = Rig::new(&[("detection-interval", &100_u32)]);
    for frame in &frames {
        let alone = Rig::new(&[]).restore(frame);
        assert!(alone.bytes != frame.bytes);
        assert!(rig.restore(frame).bytes == alone.bytes, "{} restored differently", frame.caps());
    }
}

#[test]
fn faces_are_followed_between_detections_and_looked_for_when_they_are_lost() {
    let face = Frame::new(&Picture::astronaut(), VideoFormat::Rgb);
    let mut rig = Rig::new(&[("detection-interval", &3_u32)]);
    for _ in 0..6 {
        assert!(rig.restore(&face).bytes != face.bytes);
    }
    assert_eq!((rig.stat("restored-faces"), rig.stat("tracks")), (6, 1));
    // Now a face that has gone.
    let suit = Frame::new(&Picture::astronaut().crop(0, 220, 512, 292).resized(512, 512), VideoFormat::Rgb);
    let touched: Vec<bool> = (0..4).map(|_| rig.restore(&suit).bytes != suit.bytes).collect();
    assert_eq!(touched, [false; 4]);
    let back = (0..3).filter(|_| rig.restore(&face).bytes != face.bytes).count();
    assert!(back >= 1, "a face that is back is seen within the interval");
}

/// Temporal stability: what the network makes of each frame's noise is averaged over frames.
#[test]
fn a_still_face_in_a_noisy_video_flickers_less_with_temporal_stability() {
    let clean = Picture::astronaut();
    let noisy: Vec<Frame> = (0..8)
        .map(|frame| {
            let mut picture = clean.clone();
            for (index, value) in picture.rgb.iter_mut().enumerate() {
                let draw = (index as u32 + 1_000_003 * frame).wrapping_mul(2_654_435_761) >> 20;
                *value = (i32::from(*value) + (draw % 17) as i32 - 8).clamp(0, 255) as u8;
            }
            Frame::new(&picture, VideoFormat::Rgb)
        })
        .collect();
    let flicker = |temporal: f64| {
        // A still face would show its last answer, which flickers less than either.
        let mut rig = Rig::new(&[("temporal", &temporal), ("max-reuse", &0_u32)]);
        let outputs: Vec<Picture> = noisy.iter().map(|frame| rig.restore(frame).to_picture()).collect();
        let pairs = outputs.windows(2).skip(2);
        pairs.map(|pair| pair[0].squared_difference(&pair[1], SKIN)).sum::<f64>()
    };
    let (alone, steady) = (flicker(0.0), flicker(0.9));
    assert!(steady < 0.7 * alone, "{steady} of {alone} levels²");
}

/// Tells the element that the sink was late by `jitter` with the frame of `timestamp`.
fn late(rig: &mut Rig, timestamp: gst::ClockTime, jitter: gst::ClockTime) {
    let event = gst::event::Qos::new(gst::QOSType::Underflow, 2.5, jitter.nseconds() as i64, timestamp);
    assert!(rig.harness.push_upstream_event(event));
}

#[test]
fn late_frames_pass_unrestored_and_none_is_dropped() {
    let frame = Frame::new(&Picture::astronaut(), VideoFormat::I420);
    let mut rig = Rig::new(&[]);
    assert!(rig.restore(&frame).bytes != frame.bytes);
    // At 0 ms the sink was 130 ms late: frames 1 to 3 (40, 80, 120 ms) cannot be in time, frame 4 can.
    late(&mut rig, gst::ClockTime::ZERO, gst::ClockTime::from_mseconds(130));
    let restored: Vec<bool> = (1..=5).map(|_| rig.restore(&frame).bytes != frame.bytes).collect();
    assert_eq!(restored, [false, false, false, true, true]);
    let upstream = std::iter::from_fn(|| rig.harness.try_pull_upstream_event());
    assert_eq!(
        upstream.filter(|event| event.type_() == gst::EventType::Qos).count(),
        1,
        "a decoder may want it too"
    );
    assert_eq!((rig.stat("frames"), rig.stat("late-frames"), rig.stat("restored-faces")), (6, 3, 3));
    let messages = on_bus(&rig.bus, gst::MessageType::Qos);
    assert_eq!(messages.len(), 3);
    for (index, message) in messages.iter().enumerate() {
        let gst::MessageView::Qos(qos) = message.view() else { unreachable!() };
        let time = FRAME_TIME * (index as u64 + 1);
        let (_, running, stream, timestamp, duration) = qos.get();
        assert_eq!(
            (running, stream, timestamp, duration),
            (Some(time), Some(time), Some(time), Some(FRAME_TIME))
        );
        assert_eq!(qos.values().0, 130_000_000 - time.nseconds() as i64, "jitter");
    }
}

#[test]
fn a_flush_forgets_lateness() {
    let frame = Frame::new(&Picture::astronaut(), VideoFormat::I420);
    let mut rig = Rig::new(&[]);
    rig.restore(&frame);
    late(&mut rig, gst::ClockTime::ZERO, gst::ClockTime::from_seconds(3600));
    assert!(rig.restore(&frame).bytes == frame.bytes, "an hour late");
    rig.harness.push_event(gst::event::FlushStart::new());
    rig.harness.push_event(gst::event::FlushStop::new(true));
    rig.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    assert!(rig.restore(&frame).bytes != frame.bytes, "still late after the flush");
}

#[test]
fn buffers_without_times_are_restored() {
    let frame = Frame::new(&Picture::astronaut(), VideoFormat::Rgb);
    let mut rig = Rig::frame_by_frame(&[]);
    let expected = rig.restore(&frame);
    late(&mut rig, gst::ClockTime::ZERO, gst::ClockTime::from_seconds(3600));
    let output = rig.harness.push_and_pull(frame.buffer()).unwrap();
    assert_eq!(output.pts(), None);
    assert!(bytes(&output) == expected.bytes);
}

#[test]
fn a_file_whose_timestamps_are_missing_or_stand_still_is_restored_to_its_end() {
    for stamp in [None, Some(gst::ClockTime::from_mseconds(500))] {
        let clip = Clip::new("video/x-raw,format=I420,width=352,height=288,pixel-aspect-ratio=1/1");
        clip.pipeline.by_name("sink").unwrap().set_property("sync", true);
        let decoded = clip.pipeline.by_name("decoded").unwrap();
        decoded.set_property("eos-after", 25);
        decoded.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data {
                buffer.make_mut().set_pts(stamp);
            }
            gst::PadProbeReturn::Ok
        });
        clip.pipeline.set_state(gst::State::Playing).unwrap();
        wait_for(&clip.pipeline, gst::MessageType::Eos);
        let (before, after) = (clip.before.values(), clip.after.values());
        assert_eq!(before, after);
        assert!(after.len() >= 24 && after.iter().all(|(pts, ..)| *pts == stamp), "{after:?}");
        assert_eq!((clip.stat("late-frames"), clip.stat("failures")), (0, 0), "{stamp:?}");
        assert_eq!(clip.stat("restored-faces"), after.len() as u64, "{stamp:?}");
    }
}

#[test]
fn an_empty_stream_ends() {
    init();
    let line = "videotestsrc num-buffers=0 ! facerestore name=restore ! fakesink";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let restore = pipeline.by_name("restore").unwrap();
    restore.set_property("model", model());
    restore.set_property("detector", detector());
    play_to_end(&pipeline);
}
