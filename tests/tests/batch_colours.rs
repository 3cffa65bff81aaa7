// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` and the range and colours of a video: what the bitstream says is what the output says, in each container.

use std::path::Path;

use facerestore_tests::{Desk, Recording, init, play_to_end, succeeded};
use gst::prelude::*;

/// Colorimetries of GStreamer: range (1 full, 2 limited), matrix, transfer, primaries.
const COLOURS: [(&str, &str); 6] = [
    ("full-601", "1:4:16:4"),
    ("full-709", "1:3:5:1"),
    ("full-2020", "1:6:13:7"),
    ("limited-601", "bt601"),
    ("limited-709", "bt709"),
    ("limited-2020", "bt2020"),
];
const CONTAINERS: [(&str, &str); 3] = [("mp4", "mp4mux"), ("mkv", "matroskamux"), ("ts", "mpegtsmux")];
/// An encoder, its parser and its decoder.
const H264: [&str; 3] = ["x264enc tune=zerolatency speed-preset=ultrafast", "h264parse", "avdec_h264"];
const H265: [&str; 3] = ["x265enc tune=zerolatency speed-preset=ultrafast", "h265parse", "avdec_h265"];

/// The parameter set that x264 gives pictures of 64 × 48, limited and of BT.601.
const SPS: &str = "6742c015da11ec05a830303528000003000800000301e478b175";
/// The same without the colours but with full range, as phones write it.
const SPS_RANGE_ALONE: &str = "6742c015da11ec05b528000003000800000301e478b175";
/// The same without any word on the signal.
const SPS_SILENT: &str = "6742c015da11ec04a50000030001000003003c8f162ea0";

fn pipeline(line: &str) -> gst::Pipeline {
    gst::parse::launch(line).unwrap().downcast().unwrap()
}

/// Two frames in these colours.
fn make(path: &Path, [encoder, parser, _]: [&str; 3], colorimetry: &str, muxer: &str) {
    play_to_end(&pipeline(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=I420,width=64,height=48,colorimetry=(string){colorimetry} \
         ! {encoder} ! {parser} ! {muxer} ! filesink location={}",
        path.display()
    )));
}

/// Two frames of H.264 with `sps` in place of x264's parameter sets, of which the container tells `colours`, or nothing.
fn make_with(path: &Path, sps: &str, muxer: &str, colours: Option<&str>) {
    // The caps without colours keep them out of the container.
    let colours = colours.map(|colours| format!(",colorimetry=(string){colours}")).unwrap_or_default();
    let caps = format!(
        "video/x-h264,stream-format=byte-stream,alignment=au,width=64,height=48,framerate=30/1{colours}"
    );
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=I420,width=64,height=48,framerate=30/1 ! {} \
         ! video/x-h264,stream-format=byte-stream ! capssetter name=sps replace=true caps=\"{caps}\" \
         ! h264parse ! {muxer} ! filesink location={}",
        H264[0],
        path.display()
    ));
    let sps = bytes(sps);
    let pad = pipeline.by_name("sps").unwrap().static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data else {
            return gst::PadProbeReturn::Ok;
        };
        let frame = with_sps(&buffer.map_readable().unwrap(), &sps);
        let mut changed = gst::Buffer::from_slice(frame);
        let meta = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
        buffer.copy_into(changed.get_mut().unwrap(), meta, ..).unwrap();
        *buffer = changed;
        gst::PadProbeReturn::Ok
    });
    play_to_end(&pipeline);
}

/// The byte stream with `sps` in the place of each sequence parameter set: x264 writes another one for each version, and for the
/// colours that it hears of from downstream.
fn with_sps(stream: &[u8], sps: &[u8]) -> Vec<u8> {
    const START: [u8; 3] = [0, 0, 1];
    let mut starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, bytes)| *bytes == START).map(|(at, _)| at).collect();
    starts.push(stream.len());
    let mut output = stream[..starts[0]].to_vec();
    for bounds in starts.windows(2) {
        let unit = &stream[bounds[0]..bounds[1]];
        if unit[3] & 0x1f == 7 {
            output.extend(START.iter().chain(sps));
            // What belongs to the next start code.
            output.extend(unit.iter().rev().take_while(|byte| **byte == 0));
        } else {
            output.extend(unit);
        }
    }
    output
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect()
}

/// The colours that the bitstream itself tells a decoder: the caps of the container, which GStreamer would follow, are left out.
fn colours(path: &Path, [_, parser, decoder]: [&str; 3]) -> String {
    let media_type = if parser == "h264parse" { "video/x-h264" } else { "video/x-h265" };
    let demuxer = match path.extension().and_then(|ending| ending.to_str()) {
        Some("mp4" | "mov") => "qtdemux",
        Some("mkv") => "matroskademux",
        _ => "tsdemux",
    };
    let caps = format!("{media_type},stream-format=byte-stream,alignment=au");
    let pipeline = pipeline(&format!(
        "filesrc location={} ! {demuxer} ! {parser} ! {caps} ! capssetter replace=true caps=\"{caps}\" \
         ! {decoder} ! fakesink name=sink sync=false",
        path.display()
    ));
    let sink = pipeline.by_name("sink").unwrap();
    let pad = sink.static_pad("sink").unwrap();
    let seen = Recording::of(&sink, "sink", move |_| pad.current_caps().unwrap());
    play_to_end(&pipeline);
    let caps = seen.values().pop().unwrap();
    caps.structure(0).unwrap().get("colorimetry").unwrap()
}

#[test]
fn range_and_colours_of_h264_and_h265_come_through() {
    init();
    let desk = Desk::new();
    std::fs::create_dir_all(desk.input("")).unwrap();
    let mut expected = Vec::new();
    for (ending, muxer) in CONTAINERS {
        for (name, colorimetry) in COLOURS {
            let file = format!("h264-{name}.{ending}");
            make(&desk.input(&file), H264, colorimetry, muxer);
            expected.push((file, H264, colorimetry));
        }
        let range_alone = format!("h264-range-alone.{ending}");
        make_with(&desk.input(&range_alone), SPS_RANGE_ALONE, muxer, None);
        expected.push((range_alone, H264, "1:4:16:4"));
        let silent = format!("h264-silent.{ending}");
        make_with(&desk.input(&silent), SPS_SILENT, muxer, None);
        expected.push((silent, H264, "bt601"));
    }
    // H.265 differs in its parameter sets alone, and in MP4 the container's word is the wrong one.
    for (name, colorimetry) in [COLOURS[0], COLOURS[2], COLOURS[4]] {
        let file = format!("h265-{name}.mp4");
        make(&desk.input(&file), H265, colorimetry, "mp4mux");
        expected.push((file, H265, colorimetry));
    }
    assert_come_through(&desk, &expected);
}

/// What only the container says (the box `colr`, the element `Colour`) counts where the bitstream says nothing, and is in the
/// bitstream from then on; what the bitstream says wins.
#[test]
fn what_only_the_container_says_comes_through() {
    init();
    let desk = Desk::new();
    std::fs::create_dir_all(desk.input("")).unwrap();
    // Colours that no bitstream of this test has, and a range alone, which leaves GStreamer's colours of this size.
    let untagged = [("full-untagged", "1:0:0:0", "1:4:16:4"), ("limited-untagged", "2:0:0:0", "bt601")];
    let tagged = COLOURS.map(|(name, colours)| (name, colours, colours));
    let mut expected = Vec::new();
    for (ending, muxer) in [("mp4", "mp4mux"), ("mkv", "matroskamux")] {
        for (name, declared, meant) in tagged.into_iter().chain(untagged) {
            let file = format!("{name}.{ending}");
            make_with(&desk.input(&file), SPS_SILENT, muxer, Some(declared));
            expected.push((file, H264, meant));
        }
        let contrary = format!("contrary.{ending}");
        make_with(&desk.input(&contrary), SPS, muxer, Some("1:6:13:7"));
        expected.push((contrary, H264, "bt601"));
    }
    // The box of QuickTime has colours alone.
    for (name, colours) in COLOURS.into_iter().skip(3) {
        let file = format!("{name}.mov");
        make_with(&desk.input(&file), SPS_SILENT, "qtmux", Some(colours));
        expected.push((file, H264, colours));
    }
    for (file, _, _) in &expected {
        let bytes = std::fs::read(desk.input(file)).unwrap();
        let has = |kind: &[u8]| bytes.windows(kind.len()).any(|window| window == kind);
        assert!(
            file.ends_with("mkv") || has(if file.ends_with("mp4") { b"colrnclx" } else { b"colrnclc" }),
            "{file}"
        );
    }
    assert_come_through(&desk, &expected);
}

/// Runs the batch and compares the colours of its outputs.
#[track_caller]
fn assert_come_through(desk: &Desk, expected: &[(String, [&'static str; 3], &str)]) {
    succeeded(&desk.run(&["--jobs", "2"]));
    let told: Vec<_> = expected
        .iter()
        .map(|(file, codec, _)| (file.as_str(), colours(&desk.output(file), *codec)))
        .collect();
    let wanted: Vec<_> =
        expected.iter().map(|(file, _, colours)| (file.as_str(), (*colours).to_owned())).collect();
    assert_eq!(told, wanted);
}
