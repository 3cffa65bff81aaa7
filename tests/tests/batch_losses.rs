// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` and what is easily lost: each stream of video is restored, and what does not come through is named.

use facerestore_tests::{ClipRecipe, Desk, decoded_frames, streams, succeeded, text};

/// A second stream of video beside the one of the recipe.
const TWO_VIDEOS: &str = "x264enc tune=zerolatency speed-preset=ultrafast ! h264parse ! queue ! mux. \
    videotestsrc num-buffers=12 ! video/x-raw,format=I420,width=64,height=48,framerate=30/1 \
    ! x264enc tune=zerolatency speed-preset=ultrafast ! h264parse";

#[test]
fn each_stream_of_video_is_restored() {
    let desk = Desk::new();
    for (name, muxer) in [("two.mkv", "matroskamux"), ("two.mp4", "mp4mux"), ("two.ts", "mpegtsmux")] {
        ClipRecipe { muxer, video: TWO_VIDEOS, audio: "", ..ClipRecipe::MP4 }.make(&desk.input(name));
    }
    succeeded(&desk.run(&["--jobs", "2"]));
    for name in ["two.mkv", "two.mp4", "two.ts"] {
        let report = desk.report(name);
        assert_eq!(report["frames"], 24, "{name}: {report}");
        assert_eq!(report["stats"].as_array().unwrap().len(), 2, "{name}");
        assert!(report["streams"].as_array().unwrap().iter().all(|stream| stream["fate"] == "restored"));
        assert_eq!(streams(&desk.output(name))["video/x-h264"].packets.len(), 24, "{name}");
    }
}

#[test]
fn depth_that_is_reduced_is_named() {
    let desk = Desk::new();
    let video = "videoconvert ! video/x-raw,format=I420_10LE ! x264enc tune=zerolatency speed-preset=ultrafast ! h264parse";
    ClipRecipe { video, audio: "", frames: 3, ..ClipRecipe::MP4 }.make(&desk.input("ten.mp4"));
    ClipRecipe { frames: 3, ..ClipRecipe::MP4 }.make(&desk.input("eight.mp4"));
    let result = desk.run(&[]);
    succeeded(&result);
    let loss = "10 bits a channel became 8";
    let ten = desk.report("ten.mp4")["streams"][0]["losses"].to_string();
    assert!(ten.contains(loss), "{ten}");
    assert!(text(&result.stdout).contains(loss), "{}", text(&result.stdout));
    let eight = desk.report("eight.mp4");
    assert!(
        eight["streams"].as_array().unwrap().iter().all(|stream| stream["losses"] == serde_json::json!([]))
    );
    // The muxer of MP4 writes the date of its own work, so that the input's is the one thing that is lost.
    let lost = eight["losses"].as_array().unwrap();
    assert!(lost.iter().all(|loss| loss.as_str().unwrap().starts_with("the tag datetime")), "{lost:?}");
    assert_eq!(decoded_frames(&desk.output("ten.mp4")), 3);
}

#[test]
fn vp9_in_mp4_is_written() {
    let desk = Desk::new();
    // The muxer needs to be told where the chroma samples lie.
    let video = "capssetter caps=video/x-raw,chroma-site=(string)mpeg2 ! vp9enc deadline=1 cpu-used=8 ! vp9parse \
        ! capssetter caps=video/x-vp9,chroma-site=(string)mpeg2";
    ClipRecipe { video, audio: "", frames: 6, ..ClipRecipe::MP4 }.make(&desk.input("nine.mp4"));
    succeeded(&desk.run(&[]));
    let [before, after] = [desk.input("nine.mp4"), desk.output("nine.mp4")].map(|file| decoded_frames(&file));
    assert!(before > 0 && after == before, "{before} frames became {after}");
}
