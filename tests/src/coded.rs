// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clips of pictures through a real codec.

use gst::prelude::*;

use crate::{Picture, play_to_end};

/// A clip at 25 frames a second through x264 at that many kbit/s, and back.
///
/// # Panics
/// When an element is missing or fails, or a frame is lost.
#[must_use]
pub fn coded(clip: &[Picture], kilobits: u32) -> Vec<Picture> {
    let (width, height) = (clip[0].width, clip[0].height);
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    std::fs::write(&raw, clip.iter().flat_map(|frame| frame.rgb.iter().copied()).collect::<Vec<u8>>())
        .unwrap();
    let line = format!(
        "filesrc location={} ! rawvideoparse format=rgb width={width} height={height} framerate=25/1 ! videoconvert \
         ! video/x-raw,format=I420 ! x264enc bitrate={kilobits} speed-preset=veryfast tune=zerolatency threads=1 \
         ! h264parse ! avdec_h264 ! videoconvert",
        raw.display()
    );
    let result = decoded(&line, (width, height));
    assert_eq!(result.len(), clip.len());
    result
}

/// What a launch line's end puts out, as RGB pictures of `width`×`height` pixels, whose rows have no padding: the width is a
/// multiple of 4.
///
/// # Panics
/// When an element is missing or fails.
#[must_use]
pub fn decoded(line: &str, (width, height): (usize, usize)) -> Vec<Picture> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("decoded");
    let line = format!(
        "{line} ! video/x-raw,format=RGB,width={width},height={height},pixel-aspect-ratio=1/1 ! filesink location={}",
        file.display()
    );
    play_to_end(&gst::parse::launch(&line).unwrap().downcast().unwrap());
    let bytes = std::fs::read(&file).unwrap();
    let frames = bytes.chunks_exact(width * height * 3);
    frames.map(|rgb| Picture { width, height, rgb: rgb.to_vec() }).collect()
}
