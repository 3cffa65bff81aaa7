// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element in a harness: what passes untouched, what is changed, what is reported.

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;
use gst_video::VideoRegionOfInterestMeta;
use opencv::core::MatTraitConstManual;

use crate::fixtures;

mod events;
mod times;

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

    /// The ids in a field of the element messages that have come since this was asked last.
    fn told(&self, field: &str) -> Vec<u64> {
        let messages = std::iter::from_fn(|| self.bus.pop_filtered(&[gst::MessageType::Element]));
        let ids = messages.flat_map(|message| {
            let ids = message.structure().unwrap().get::<gst::Array>(field).unwrap();
            ids.iter().map(|id| id.get::<u64>().unwrap()).collect::<Vec<_>>()
        });
        ids.collect()
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
    init();
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
        assert!(element.set_state(gst::State::Ready).is_ok(), "the networks are loaded after READY");
        assert!(element.set_state(gst::State::Paused).is_err(), "{properties:?}");
        let message = bus.pop_filtered(&[gst::MessageType::Error]).unwrap();
        let gst::MessageView::Error(error) = message.view() else { unreachable!() };
        let text = error.error().to_string();
        assert!(expected.iter().all(|part| text.contains(part)), "{properties:?}: {text}");
        element.set_bus(None);
        element.set_state(gst::State::Null).unwrap();
    }
}

fn qos(timestamp: gst::ClockTime, jitter: i64) -> gst::Event {
    gst::event::Qos::new(gst::QOSType::Underflow, 3.0, jitter, timestamp)
}

#[test]
fn a_late_frame_is_a_pause_in_the_faces_lives() {
    let mut element = Element::new(&[]);
    element.push(astronaut(0));
    assert_eq!(element.told("appeared").len(), 1);
    element.harness.push_upstream_event(qos(gst::ClockTime::ZERO, 100_000_000));
    for frame in 1..=2 {
        assert!(bytes(&element.push(astronaut(frame))) == bytes(&astronaut(frame)), "late");
    }
    assert!(bytes(&element.push(astronaut(3))) != bytes(&astronaut(3)), "in time again");
    assert!(element.told("lost").is_empty(), "nobody went");
    assert_eq!((element.stats("late-frames"), element.stats("tracks")), (2, 1));
}

#[test]
fn a_frame_that_fails_is_a_pause_in_the_faces_lives() {
    let mut element = Element::new(&[]);
    element.push(astronaut(0));
    element.push(buffer(vec![7; 1000], 1));
    element.push(astronaut(2));
    assert_eq!((element.stats("failures"), element.stats("tracks")), (1, 1));
    assert!(element.told("lost").is_empty());
}

/// The reference of the metadata: whose ids are on the buffer.
fn ids(buffer: &gst::BufferRef) -> Vec<u64> {
    let metas = buffer.iter_meta::<VideoRegionOfInterestMeta>();
    metas.filter_map(|meta| meta.param("face")?.get::<u64>("id").ok()).collect()
}

#[test]
fn faces_that_came_as_metadata_leave_once() {
    let attach = ("attach-meta", true.to_value());
    let mut first = Element::new(std::slice::from_ref(&attach));
    let told = first.push(astronaut(0));
    assert_eq!(ids(&told).len(), 1);
    for (detector, name) in [(Some("none"), "told by the first"), (None, "looking for itself")] {
        let mut properties = vec![attach.clone()];
        properties.extend(detector.map(|detector| ("detector", detector.to_value())));
        let mut second = Element::new(&properties);
        let mut input = told.copy_deep().unwrap();
        VideoRegionOfInterestMeta::add(input.get_mut().unwrap(), "car", (1, 2, 3, 4));
        let output = second.push(input);
        assert_eq!(second.stats("faces"), 1, "{name}");
        let metas: Vec<_> = output.iter_meta::<VideoRegionOfInterestMeta>().map(|m| m.roi_type()).collect();
        assert_eq!(metas.iter().filter(|kind| **kind == "face").count(), 1, "{name}: {metas:?}");
        assert!(metas.contains(&"car"), "{name}: {metas:?}");
    }
}

/// The astronaut in the lines of one field, grey in the other's.
fn in_one_field(top: bool) -> Vec<u8> {
    let astronaut = fixtures::astronaut();
    let mut bytes = astronaut.data_bytes().unwrap().to_vec();
    for line in bytes.chunks_exact_mut(512 * 3).skip(usize::from(top)).step_by(2) {
        line.fill(128);
    }
    bytes
}

#[test]
fn each_field_of_interlaced_video_is_restored_by_itself() {
    for (order, top) in [("top-field-first", true), ("bottom-field-first", false)] {
        for face_on_top in [true, false] {
            let mut element = Element::new(&[("detection-interval", 1_u32.to_value())]);
            element
                .harness
                .set_src_caps_str(&format!("{CAPS},interlace-mode=interleaved,field-order={order}"));
            let input = in_one_field(face_on_top);
            let output = bytes(&element.push(buffer(input.clone(), 0)));
            let changed = |parity: usize| {
                let lines = output.chunks_exact(512 * 3).zip(input.chunks_exact(512 * 3));
                lines.skip(parity).step_by(2).filter(|(after, before)| after != before).count()
            };
            let (own, other) = if face_on_top { (changed(0), changed(1)) } else { (changed(1), changed(0)) };
            assert!(
                own > 40 && other == 0,
                "{order} {top} {face_on_top}: {own} lines of the face, {other} of grey"
            );
        }
    }
}

#[test]
fn mixed_video_is_restored_by_fields_where_a_frame_says_so() {
    let caps = format!("{CAPS},interlace-mode=mixed");
    for interlaced in [true, false] {
        let mut element = Element::new(&[]);
        element.harness.set_src_caps_str(&caps);
        let mut input = buffer(in_one_field(true), 0);
        if interlaced {
            let flags = gst_video::VideoBufferFlags::INTERLACED | gst_video::VideoBufferFlags::TFF;
            input.get_mut().unwrap().set_flags(gst::BufferFlags::from_bits_retain(flags.bits()));
        }
        let output = bytes(&element.push(input));
        let lines = output.chunks_exact(512 * 3).skip(1).step_by(2);
        let grey = lines.filter(|line| line.iter().all(|&value| value == 128)).count();
        // As one picture, half of its lines are grey and the face is not even found, or all of its lines change.
        assert_eq!(grey == 256, interlaced || output == in_one_field(true), "{interlaced}: {grey}");
    }
}

#[test]
fn hdr_passes_the_same_memory_with_one_warning() {
    // Transfer functions of GStreamer: 14 is SMPTE ST 2084 (PQ), 15 is ARIB STD-B67 (HLG), 5 is BT.709.
    for (colorimetry, warnings) in [("1:1:14:7", 1), ("1:1:15:7", 1), ("1:1:5:1", 0)] {
        let mut element = Element::new(&[]);
        element.harness.set_src_caps_str(&format!("{CAPS},colorimetry=(string){colorimetry}"));
        for frame in 0..3 {
            let input = astronaut(frame);
            let output = element.push(input.clone());
            assert_eq!(address(&output) == address(&input), warnings == 1, "{colorimetry}");
        }
        let messages = std::iter::from_fn(|| element.bus.pop_filtered(&[gst::MessageType::Warning]));
        let texts: Vec<String> = messages
            .map(|message| match message.view() {
                gst::MessageView::Warning(warning) => warning.error().to_string(),
                _ => unreachable!("the bus was asked for warnings"),
            })
            .collect();
        assert_eq!(texts.len(), warnings, "{colorimetry}: {texts:?}");
        assert!(texts.iter().all(|text| text.contains("HDR")), "{texts:?}");
        assert_eq!(element.stats("restored-faces"), if warnings == 1 { 0 } else { 3 }, "{colorimetry}");
    }
}

#[test]
fn in_reverse_playback_faces_are_restored_and_stay_the_same() {
    for mode in ["offline", "live"] {
        let mode = glib::EnumClass::new::<super::Mode>().to_value_by_nick(mode).unwrap();
        let mut element = Element::new(&[("mode", mode)]);
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_rate(-1.0);
        segment.set_start(gst::ClockTime::ZERO);
        segment.set_stop(FRAME * 100);
        segment.set_position(FRAME * 100);
        assert!(element.harness.push_event(gst::event::Segment::new(&segment)));
        let mut changed = 0;
        for frame in (0..100).rev() {
            changed += usize::from(bytes(&element.push(astronaut(frame))) != bytes(&astronaut(frame)));
            if changed > 8 {
                break;
            }
        }
        assert!(changed > 8, "{changed} frames restored");
        assert_eq!(
            (element.stats("tracks"), element.stats("failures"), element.stats("late-frames")),
            (1, 0, 0)
        );
    }
}

/// A network that works for a second or more, as offline ones do on a slow machine.
fn slow_network(folder: &std::path::Path) -> std::path::PathBuf {
    use tch::{CModule, Device, Kind, Tensor};
    let path = folder.join("slow.pt");
    let example = Tensor::zeros([1, 3, 512, 512], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| {
        let side = inputs[0].mean(Kind::Float).expand([1200, 1200], false).contiguous();
        let work = (0..12).fold(side, |matrix, _| matrix.matmul(&matrix) * 1e-9);
        vec![-&inputs[0] + work.mean(Kind::Float) * 0.0]
    };
    CModule::create_by_tracing("Slow", "forward", &[example], &mut forward).unwrap().save(&path).unwrap();
    path
}

#[test]
fn queries_and_properties_are_answered_while_the_network_works() {
    use std::sync::atomic::{AtomicBool, Ordering};
    init();
    let folder = tempfile::tempdir().unwrap();
    let slow = slow_network(folder.path());
    let mut element = Element::new(&[("model", slow.to_str().unwrap().to_value())]);
    element.harness.set_src_caps_str(CAPS);
    let (outside, is_out) = (element.element.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| {
            let mut answers = 0;
            while !is_out.load(Ordering::SeqCst) {
                let mut query = gst::query::Latency::new();
                outside.static_pad("src").unwrap().query(&mut query);
                outside.property::<gst::Structure>("stats");
                outside.set_property("strength", 0.9);
                answers += 1;
            }
            answers
        });
        assert!(bytes(&element.push(astronaut(0))) != bytes(&astronaut(0)));
        is_out.store(true, Ordering::SeqCst);
        let answers = answers.join().unwrap();
        assert!(answers > 100, "{answers} answers while a frame was restored");
    });
}

#[test]
fn the_latency_is_nothing_offline_and_in_live_mode_what_it_takes() {
    let latency = |element: &Element| {
        let mut query = gst::query::Latency::new();
        assert!(element.element.static_pad("src").unwrap().query(&mut query));
        query.result().1
    };
    let offline = Element::new(&[]);
    assert_eq!(latency(&offline), gst::ClockTime::ZERO);
    for rate in [30, 60] {
        let live = glib::EnumClass::new::<super::Mode>().to_value_by_nick("live").unwrap();
        let mut element = Element::new(&[("mode", live)]);
        element.harness.set_src_caps_str(&CAPS.replace("25/1", &format!("{rate}/1")));
        let first = latency(&element);
        assert!(first >= gst::ClockTime::from_mseconds(15), "{first}");
        assert!(element.bus.pop_filtered(&[gst::MessageType::Latency]).is_some(), "it is not what it was");
        for frame in 0..20 {
            element.push(astronaut(frame));
        }
        let stats = element.element.property::<gst::Structure>("stats");
        let last = |stage: &str| stats.get::<f64>(format!("{stage}-ms-last").as_str()).unwrap();
        let took = last("track") + last("align") + last("paste");
        let answered = latency(&element);
        assert!(answered.nseconds() as f64 / 1e6 >= took, "{answered} answered, {took} ms taken");
    }
}

#[test]
fn a_worker_that_fails_is_not_reported_as_a_frame_that_passed() {
    use tch::{CModule, Device, Kind, Tensor};
    init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failing.pt");
    let example = Tensor::zeros([1, 3, 32, 32], (Kind::Float, Device::Cpu));
    // It takes the grey face that networks are tried on; an element of another that is not there makes libtorch throw.
    let mut forward = |inputs: &[Tensor]| {
        let index = inputs[0].abs().max().ge(0.01).to_kind(Kind::Int64) * 1_000_000_000;
        vec![&inputs[0] + inputs[0].reshape([-1]).index_select(0, &index.reshape([1])) * 0.0]
    };
    CModule::create_by_tracing("Failing", "forward", &[example], &mut forward).unwrap().save(&path).unwrap();
    let live = glib::EnumClass::new::<super::Mode>().to_value_by_nick("live").unwrap();
    let mut element = Element::new(&[("mode", live), ("model", path.to_str().unwrap().to_value())]);
    element.harness.set_src_caps_str(CAPS);
    let warning = (0..200).find_map(|frame| {
        element.push(astronaut(frame));
        std::thread::yield_now();
        element.bus.pop_filtered(&[gst::MessageType::Warning])
    });
    let warning = warning.expect("a warning within 200 frames");
    let gst::MessageView::Warning(warning) = warning.view() else { unreachable!() };
    let text = warning.error().to_string();
    assert!(text.contains("worker") && !text.contains("passes unchanged"), "{text}");
}
