//! The element in a harness: what passes untouched, what is changed, what is reported.

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoRegionOfInterestMeta;
use opencv::core::MatTraitConstManual;

use crate::fixtures;

/// Frames of 512×512 RGB at 25 frames a second.
const CAPS: &str = "video/x-raw,format=RGB,width=512,height=512,framerate=25/1";
const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(40);

struct Element {
    harness: Harness,
    element: gst::Element,
    bus: gst::Bus,
    _model: tempfile::TempDir,
}

impl Element {
    fn new(properties: &[(&str, glib::Value)]) -> Self {
        init();
        let model = tempfile::tempdir().unwrap();
        let element = gst::ElementFactory::make("facerestore")
            .property("model", fixtures::untrained_model(model.path()))
            .property("device", "cpu")
            .build()
            .unwrap();
        for (name, value) in properties {
            element.set_property_from_value(name, value);
        }
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
        harness.set_src_caps_str(CAPS);
        Self { harness, element, bus, _model: model }
    }

    fn push(&mut self, buffer: gst::Buffer) -> gst::Buffer {
        self.harness.push_and_pull(buffer).unwrap()
    }

    fn stats(&self, field: &str) -> u64 {
        self.element.property::<gst::Structure>("stats").get(field).unwrap()
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        self.element.set_bus(None);
    }
}

fn init() {
    use std::sync::Once;
    static INIT: Once = Once::new();
    INIT.call_once(|| {
        gst::init().unwrap();
        crate::plugin_register_static().unwrap();
    });
}

fn buffer(bytes: Vec<u8>, frame: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_mut_slice(bytes);
    let times = buffer.get_mut().unwrap();
    times.set_pts(FRAME * frame);
    times.set_duration(FRAME);
    buffer
}

fn astronaut(frame: u64) -> gst::Buffer {
    buffer(fixtures::astronaut().data_bytes().unwrap().to_vec(), frame)
}

fn bytes(buffer: &gst::Buffer) -> Vec<u8> {
    buffer.map_readable().unwrap().to_vec()
}

/// Where the buffer's memory lies: the same address means that nothing was copied.
fn address(buffer: &gst::Buffer) -> *const u8 {
    buffer.map_readable().unwrap().as_ptr()
}

#[test]
fn nothing_to_do_passes_the_same_memory_even_when_others_hold_it() {
    for (strength, input) in [(1.0, buffer(vec![128; 512 * 512 * 3], 0)), (0.0, astronaut(0))] {
        let mut element = Element::new(&[("strength", strength.to_value())]);
        let output = element.push(input.clone());
        assert_eq!(address(&output), address(&input), "strength {strength}");
        assert_eq!(element.stats("bypassed-frames"), 1);
    }
}

#[test]
fn a_face_changes_a_copy_when_others_hold_the_buffer_and_only_near_the_face() {
    let mut element = Element::new(&[]);
    let (input, original) = (astronaut(0), bytes(&astronaut(0)));
    let output = element.push(input.clone());
    assert!(bytes(&input) == original, "another holder of the buffer sees it unchanged");
    assert_eq!((output.pts(), output.duration()), (input.pts(), input.duration()));
    let changed = bytes(&output);
    let differs =
        |x: usize, y: usize| changed[(y * 512 + x) * 3..][..3] != original[(y * 512 + x) * 3..][..3];
    let inside =
        (100..160).flat_map(|y| (190..255).map(move |x| (x, y))).filter(|&(x, y)| differs(x, y)).count();
    assert!(inside > 1000, "only {inside} pixels of the face changed");
    assert!((0..512).all(|x| (300..512).all(|y| !differs(x, y))), "the body is no face");
    assert_eq!((element.stats("faces"), element.stats("restored-faces")), (1, 1));
}

#[test]
fn attached_metadata_names_face_score_and_landmarks() {
    let mut element = Element::new(&[("attach-meta", true.to_value()), ("strength", 0.0.to_value())]);
    let output = element.push(astronaut(0));
    assert!(bytes(&output) == bytes(&astronaut(0)), "strength 0 changes no pixel");
    let metas: Vec<_> = output.iter_meta::<VideoRegionOfInterestMeta>().collect();
    assert_eq!((metas.len(), metas[0].roi_type()), (1, "face"));
    let (x, y, width, height) = metas[0].rect();
    assert!(x < 223 && 223 < x + width && y < 130 && 130 < y + height, "{:?}", metas[0].rect());
    let parameters = metas[0].param("face").unwrap();
    assert!(parameters.get::<f64>("score").unwrap() > 0.7);
    assert_eq!(parameters.get::<gst::Array>("landmarks").unwrap().len(), 5);
}

#[test]
fn boxes_are_drawn_without_restoration_too() {
    let mut element = Element::new(&[("draw-boxes", true.to_value()), ("strength", 0.0.to_value())]);
    let output = bytes(&element.push(astronaut(0)));
    let green = output.chunks_exact(3).filter(|pixel| *pixel == [0, 255, 0]).count();
    assert!((400..4000).contains(&green), "{green} green pixels");
}

#[test]
fn late_frames_pass_unrestored_with_a_qos_message_and_a_seek_forgets_lateness() {
    let mut element = Element::new(&[]);
    // The sink was 100 ms late with the frame of 0 ms: frames up to 100 ms are late.
    let event = gst::event::Qos::new(gst::QOSType::Underflow, 3.0, 100_000_000, gst::ClockTime::ZERO);
    element.harness.push_upstream_event(event);
    assert!(bytes(&element.push(astronaut(2))) == bytes(&astronaut(2)), "80 ms is late");
    let message = element.bus.pop_filtered(&[gst::MessageType::Qos]).unwrap();
    let gst::MessageView::Qos(message) = message.view() else { unreachable!() };
    assert_eq!(message.get().1, Some(FRAME * 2), "running time");
    assert_eq!(message.values().0, 20_000_000, "late by 20 ms");
    assert_eq!(element.stats("late-frames"), 1);
    assert!(bytes(&element.push(astronaut(3))) != bytes(&astronaut(3)), "120 ms is in time");

    element.harness.push_event(gst::event::FlushStart::new());
    element.harness.push_event(gst::event::FlushStop::new(true));
    element.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    assert!(bytes(&element.push(astronaut(0))) != bytes(&astronaut(0)), "after the flush 0 ms is in time");
}

#[test]
fn a_bad_buffer_passes_with_one_warning_and_the_stream_goes_on() {
    let mut element = Element::new(&[]);
    for frame in 0..3 {
        let short = buffer(vec![7; 1000], frame);
        assert_eq!(bytes(&element.push(short)), vec![7; 1000]);
    }
    let warnings: Vec<_> =
        std::iter::from_fn(|| element.bus.pop_filtered(&[gst::MessageType::Warning])).collect();
    let [warning] = &warnings[..] else { panic!("{} warnings", warnings.len()) };
    let gst::MessageView::Warning(warning) = warning.view() else { unreachable!() };
    let text = warning.error().to_string();
    assert!(text.contains("passes unchanged") && text.contains("memory"), "{text}");
    assert_eq!(element.stats("failures"), 3);
    assert!(bytes(&element.push(astronaut(3))) != bytes(&astronaut(3)), "the next good frame is restored");
}

#[test]
fn a_start_that_fails_says_which_file_or_property_and_what_to_do() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let model = fixtures::untrained_model(folder.path());
    let model = model.to_str().unwrap();
    let broken = folder.path().join("broken.safetensors");
    std::fs::write(&broken, b"no model").unwrap();
    for (properties, expected) in [
        (vec![("model", "/no/such/file")], ["/no/such/file", "Correct the path"]),
        (vec![("model", broken.to_str().unwrap())], ["broken.safetensors", "Copy it again"]),
        (vec![("model", model), ("detector", model)], ["untrained.safetensors", "face_detection_yunet"]),
        (vec![("model", model), ("device", "gpu")], ["`device`", "auto, cpu"]),
    ] {
        let element = gst::ElementFactory::make("facerestore").build().unwrap();
        for (name, value) in &properties {
            element.set_property(name, value);
        }
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        assert!(element.set_state(gst::State::Paused).is_err(), "{properties:?}");
        let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        let text = error.error().to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{properties:?}: {text}");
        element.set_bus(None);
        element.set_state(gst::State::Null).unwrap();
    }
}
