// SPDX-License-Identifier: MIT OR Apache-2.0
//! The built plugin as users load it: gst-launch-1.0 with `GST_PLUGIN_PATH` and no other variable.

use facerestore_tests::{Recording, data, gst_program, init, play_to_end};
use gst::prelude::*;

/// Decodes a file; the size of each of its frames.
fn frames(file: &std::path::Path) -> Vec<(i32, i32)> {
    init();
    let line = format!("filesrc location={} ! decodebin ! fakesink name=sink sync=false", file.display());
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("sink").unwrap();
    let pad = sink.static_pad("sink").unwrap().downgrade();
    let sizes = Recording::of(&sink, "sink", move |_| {
        let caps = pad.upgrade().unwrap().current_caps().unwrap();
        let caps = caps.structure(0).unwrap();
        (caps.get("width").unwrap(), caps.get("height").unwrap())
    });
    play_to_end(&pipeline);
    sizes.values()
}

#[test]
fn a_real_clip_is_decoded_enlarged_restored_and_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("restored.mp4");
    let line = format!(
        "-e filesrc location={} ! decodebin ! videoconvert ! videoscale ! \
         video/x-raw,format=I420,width=704,height=576,pixel-aspect-ratio=1/1 ! facerestore ! \
         x264enc speed-preset=ultrafast ! mp4mux ! filesink location={}",
        data("carphone_distorted.mp4").display(),
        output.display()
    );
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let result = gst_program("gst-launch-1.0", &arguments);
    assert!(result.success, "{}\n{}", result.stdout, result.stderr);
    assert!(!result.stderr.contains("WARNING") && !result.stdout.contains("WARNING"), "{}", result.stderr);
    assert_eq!(frames(&output), [(704, 576); 120]);
}

#[test]
fn a_photograph_is_restored_to_a_photograph() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("restored.png");
    let line = format!(
        "filesrc location={} ! jpegdec ! videoconvert ! facerestore ! videoconvert ! pngenc ! filesink location={}",
        data("biden.jpg").display(),
        output.display()
    );
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let result = gst_program("gst-launch-1.0", &arguments);
    assert!(result.success, "{}\n{}", result.stdout, result.stderr);
    assert_eq!(frames(&output), [(970, 2204)]);
}
