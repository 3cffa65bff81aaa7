// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames with nothing to do pass through as they are: the same bytes in the same memory.

use facerestore_tests::{
    FORMATS, Frame, Picture, Recording, Rig, address, bytes, element, init, play_to_end,
};
use gst::prelude::*;
use gst_video::VideoFormat;

/// The lower part of the astronaut: suit, helmet and background, no face.
fn suit() -> Picture {
    Picture::astronaut().crop(0, 220, 512, 292)
}

fn assert_untouched(rig: &mut Rig, frame: &Frame, case: &str) {
    let input = frame.buffer();
    // The test holds the buffer too, so a filter that writes would have to copy.
    let output = rig.push_buffer(input.clone(), &frame.caps());
    assert_eq!(address(&output), address(&input), "{case}: the memory was copied");
    assert!(*output.map_readable().unwrap() == frame.bytes[..], "{case}: bytes changed");
}

#[test]
fn a_frame_without_a_face_keeps_its_memory() {
    let mut rig = Rig::new(&[("attach-meta", &true), ("draw-boxes", &true)]);
    for format in FORMATS {
        assert_untouched(&mut rig, &Frame::new(&suit(), format), &format!("{format:?}"));
    }
    assert_eq!((rig.stat("bypassed-frames"), rig.stat("faces")), (FORMATS.len() as u64, 0));
}

#[test]
fn strength_0_keeps_a_faces_memory_and_does_not_even_look_for_it() {
    let mut rig = Rig::new(&[("strength", &0.0)]);
    for format in [VideoFormat::Rgb, VideoFormat::I420] {
        assert_untouched(&mut rig, &Frame::new(&Picture::astronaut(), format), &format!("{format:?}"));
    }
    assert_eq!((rig.stat("bypassed-frames"), rig.stat("faces")), (2, 0));
    let stats = rig.element.property::<gst::Structure>("stats");
    assert_eq!(stats.get::<f64>("detect-ms"), Ok(0.0));
}

#[test]
fn passing_and_restored_frames_may_alternate() {
    let (suit, face) = (suit().resized(512, 512), Picture::astronaut());
    let mut rig = Rig::new(&[]);
    for _ in 0..3 {
        assert_untouched(&mut rig, &Frame::new(&suit, VideoFormat::Nv12), "suit");
        let frame = Frame::new(&face, VideoFormat::Nv12);
        let input = frame.buffer();
        let output = rig.push_buffer(input.clone(), &frame.caps());
        assert!(bytes(&output) != frame.bytes, "the face was left alone");
        assert!(bytes(&input) == frame.bytes, "another holder's buffer changed");
    }
    assert_eq!((rig.stat("bypassed-frames"), rig.stat("restored-faces"), rig.stat("frames")), (3, 3, 6));
}

#[test]
fn in_a_pipeline_too_nothing_is_copied() {
    init();
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("videotestsrc").property("num-buffers", 20).build().unwrap();
    let filter = element(&[]);
    let sink = gst::ElementFactory::make("fakesink").build().unwrap();
    pipeline.add_many([&source, &filter, &sink]).unwrap();
    gst::Element::link_many([&source, &filter, &sink]).unwrap();
    let before = Recording::of(&filter, "sink", address);
    let after = Recording::of(&filter, "src", address);
    play_to_end(&pipeline);
    assert_eq!(before.values().len(), 20);
    assert_eq!(before.values(), after.values());
}
