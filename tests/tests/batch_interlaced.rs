// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` and interlaced video: fields that get brighter from one to the next tell their order, whatever the codec.

use std::path::Path;

use facerestore_tests::{Desk, Recording, decoded_caps, init, play_to_end, succeeded, text};
use gst::prelude::*;

const H264: &str = "x264enc pass=qual quantizer=10 speed-preset=ultrafast bframes=0 ! h264parse";
/// Fields of a clip; half as many frames.
const FIELDS: u8 = 12;
/// The brightness of the first field.
const DARKEST: u8 = 50;
/// From one to the next.
const STEP: u8 = 12;

fn brightness(field: usize) -> f64 {
    f64::from(DARKEST) + f64::from(STEP) * field as f64
}

/// 25 frames of two fields a second, each field plain and brighter than the one before it, in pixels that are not square.
fn make(path: &Path, size: &str, top_first: bool, encoder: &str, muxer: &str) {
    init();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let line = format!(
        "videotestsrc num-buffers={FIELDS} ! video/x-raw,format=I420,{size},framerate=50/1,pixel-aspect-ratio=16/15 \
         ! identity name=fields ! interlace field-pattern=1:1 top-field-first={top_first} ! {encoder} ! {muxer} \
         ! filesink location={}",
        path.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let pad = pipeline.by_name("fields").unwrap().static_pad("src").unwrap();
    let count = std::sync::atomic::AtomicU8::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data {
            let field = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut bytes = buffer.make_mut().map_writable().unwrap();
            let luma = bytes.len() * 2 / 3;
            bytes[..luma].fill(DARKEST + STEP * field);
            bytes[luma..].fill(128);
        }
        gst::PadProbeReturn::Ok
    });
    play_to_end(&pipeline);
}

/// The mean brightness of the even and of the odd lines of each picture.
fn lines(path: &Path) -> Vec<[f64; 2]> {
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! video/x-raw,format=I420 ! fakesink name=sink sync=false",
        path.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    let pad = sink.static_pad("sink").unwrap();
    let pictures = Recording::of(&sink, "sink", move |buffer| {
        let info = gst_video::VideoInfo::from_caps(&pad.current_caps().unwrap()).unwrap();
        let bytes = buffer.map_readable().unwrap();
        let (stride, width) = (info.stride()[0] as usize, info.width() as usize);
        let rows: Vec<&[u8]> =
            bytes.chunks(stride).take(info.height() as usize).map(|row| &row[..width]).collect();
        [0, 1].map(|first| {
            let lines: Vec<f64> =
                rows.iter().skip(first).step_by(2).copied().flatten().map(|&y| f64::from(y)).collect();
            lines.iter().sum::<f64>() / lines.len() as f64
        })
    });
    play_to_end(&pipeline);
    pictures.values()
}

fn field(path: &Path, name: &str) -> String {
    decoded_caps(path).structure(0).unwrap().get::<String>(name).unwrap_or_default()
}

/// The two fields of each frame are those of their moments, in this order.
#[track_caller]
fn assert_fields(path: &Path, top_first: bool) {
    let frames = lines(path);
    assert_eq!(frames.len(), usize::from(FIELDS) / 2);
    for (index, [even, odd]) in frames.into_iter().enumerate() {
        let [first, second] = if top_first { [even, odd] } else { [odd, even] };
        let expected = [2 * index, 2 * index + 1].map(brightness);
        let near = (first - expected[0]).abs() < 2.0 && (second - expected[1]).abs() < 2.0;
        assert!(near, "frame {index} of {}: {first:.1} and {second:.1}, not {expected:?}", path.display());
    }
}

/// Each field has become a picture, in the order of time.
#[track_caller]
fn assert_pictures(path: &Path) {
    let pictures = lines(path);
    assert_eq!(pictures.len(), usize::from(FIELDS), "{}", path.display());
    for (index, picture) in pictures.into_iter().enumerate() {
        let near = picture.iter().all(|lines| (lines - brightness(index)).abs() < 2.0);
        assert!(near, "picture {index} of {}: {picture:?}, not {}", path.display(), brightness(index));
    }
    let caps = decoded_caps(path);
    let rate = caps.structure(0).unwrap().get::<gst::Fraction>("framerate").unwrap();
    assert_eq!(rate, gst::Fraction::new(50, 1), "{}", path.display());
    assert_eq!(field(path, "interlace-mode"), "progressive");
}

#[track_caller]
fn assert_shape(path: &Path) {
    let caps = decoded_caps(path);
    let shape = caps.structure(0).unwrap().get::<gst::Fraction>("pixel-aspect-ratio").unwrap();
    assert_eq!(shape, gst::Fraction::new(16, 15), "{}", path.display());
}

const SMALL: &str = "width=96,height=64";
/// What DV takes for interlaced.
const PAL: &str = "width=720,height=576";

#[test]
fn fields_and_their_order_come_through_in_h264() {
    let desk = Desk::new();
    let clips = [
        ("top.mp4", SMALL, true, H264, "mp4mux"),
        ("bottom.mp4", SMALL, false, H264, "mp4mux"),
        ("bottom.ts", SMALL, false, H264, "mpegtsmux"),
        // DV is bottom first.
        ("dv.avi", PAL, false, "avenc_dvvideo", "avimux"),
    ];
    for (name, size, top_first, encoder, muxer) in clips {
        make(&desk.input(name), size, top_first, encoder, muxer);
        assert_fields(&desk.input(name), top_first);
    }
    succeeded(&desk.run(&["--jobs", "2"]));
    for (name, _, top_first, ..) in clips {
        let output = desk.output(name);
        assert_fields(&output, top_first);
        assert_eq!(field(&output, "interlace-mode"), "interleaved", "{name}");
        let order = if top_first { "top-field-first" } else { "bottom-field-first" };
        assert_eq!(field(&output, "field-order"), order, "{name}");
        assert_eq!(desk.report(name)["streams"][0]["losses"], serde_json::json!([]), "{name}");
        assert_eq!(desk.report(name)["frames"], FIELDS / 2, "{name}");
        // AVI has no place for the shape of pixels.
        if name != "dv.avi" {
            assert_shape(&output);
        }
    }
}

#[test]
fn fields_become_pictures_when_that_is_asked_for_or_the_codec_cannot_tell_them() {
    let desk = Desk::new();
    make(&desk.input("top.mp4"), SMALL, true, H264, "mp4mux");
    make(&desk.input("bottom.mp4"), SMALL, false, H264, "mp4mux");
    succeeded(&desk.run(&["--deinterlace", "on"]));
    for name in ["top.mp4", "bottom.mp4"] {
        assert_pictures(&desk.output(name));
        let losses = desk.report(name)["streams"][0]["losses"].to_string();
        assert!(losses.contains("each became a picture"), "{name}: {losses}");
    }
    assert_shape(&desk.output("top.mp4"));

    let desk = Desk::new();
    // Matroska tells of fields, VP8 does not.
    make(
        &desk.input("eight.mkv"),
        SMALL,
        false,
        "vp8enc deadline=1 min-quantizer=4 max-quantizer=4",
        "matroskamux",
    );
    assert_eq!(field(&desk.input("eight.mkv"), "interlace-mode"), "interleaved");
    let result = desk.run(&[]);
    succeeded(&result);
    assert_pictures(&desk.output("eight.mkv"));
    assert!(text(&result.stdout).contains("each became a picture"), "{}", text(&result.stdout));
    std::fs::remove_file(desk.output("eight.mkv")).unwrap();
    succeeded(&desk.run(&["--deinterlace", "off"]));
    assert_fields(&desk.output("eight.mkv"), false);
    let losses = desk.report("eight.mkv")["streams"][0]["losses"].to_string();
    assert!(losses.contains("which lines are of which field"), "{losses}");
}
