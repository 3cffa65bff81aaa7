// SPDX-License-Identifier: MIT OR Apache-2.0
//! `batch-enhance` and what is easily lost: each stream of video is restored, and what does not come through is named.

use facerestore_tests::{ClipRecipe, Desk, decoded_caps, decoded_frames, streams, succeeded, text};

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

/// Depth and chroma of each codec, as its decoder tells them before and after.
#[test]
fn depth_and_chroma_come_through() {
    let desk = Desk::new();
    let h264 = "x264enc tune=zerolatency speed-preset=ultrafast ! h264parse";
    let h265 = "x265enc tune=zerolatency speed-preset=ultrafast ! h265parse";
    let vp9 = "vp9enc deadline=1 cpu-used=8 ! vp9parse";
    let recipes = [
        ("mp4", "mp4mux", h264, &["I420", "I420_10LE", "Y42B", "I422_10LE", "Y444", "Y444_10LE"][..]),
        ("mkv", "matroskamux", h265, &["I420_10LE", "I422_10LE", "Y444_12LE"][..]),
        ("webm", "webmmux", vp9, &["I420_10LE", "I422_10LE", "Y444"][..]),
        ("ogg", "oggmux", "theoraenc", &["Y42B"][..]),
        ("avi", "avimux", "jpegenc", &["GRAY8"][..]),
    ];
    let mut files = Vec::new();
    for (ending, muxer, encoder, formats) in recipes {
        for format in formats {
            let name = format!("{format}.{ending}");
            let video: &'static str =
                format!("videoconvert ! video/x-raw,format={format} ! {encoder}").leak();
            ClipRecipe { muxer, video, audio: "", frames: 3, ..ClipRecipe::MP4 }.make(&desk.input(&name));
            files.push((name, *format));
        }
    }
    succeeded(&desk.run(&["--jobs", "2"]));
    for (name, format) in files {
        let of = |file: std::path::PathBuf| {
            decoded_caps(&file).structure(0).unwrap().get::<String>("format").unwrap()
        };
        assert_eq!(of(desk.input(&name)), format, "{name} is not what it is meant to be");
        assert_eq!(of(desk.output(&name)), format, "{name}");
        assert_eq!(desk.report(&name)["streams"][0]["losses"], serde_json::json!([]), "{name}");
        assert!(desk.report(&name)["restored_faces"].as_u64().unwrap() > 0, "{name}");
        let frames = [desk.input(&name), desk.output(&name)].map(|file| decoded_frames(&file));
        assert!(frames[0] > 0 && frames[0] == frames[1], "{name}: {frames:?}");
    }
}

#[test]
fn depth_and_transparency_that_are_lost_are_named() {
    let desk = Desk::new();
    // There is no encoder for the family, and H.264 has 10 bits at most.
    for (name, format) in [("twelve.mkv", "I422_12LE"), ("clear.mkv", "A420")] {
        let video: &'static str = format!("videoconvert ! video/x-raw,format={format} ! avenc_ffv1").leak();
        ClipRecipe { muxer: "matroskamux", video, audio: "", frames: 3, ..ClipRecipe::MP4 }
            .make(&desk.input(name));
    }
    ClipRecipe { frames: 3, ..ClipRecipe::MP4 }.make(&desk.input("eight.mp4"));
    let result = desk.run(&[]);
    succeeded(&result);
    let loss = "12 bits a channel became 10";
    assert_eq!(desk.report("twelve.mkv")["streams"][0]["losses"], serde_json::json!([loss]));
    assert!(text(&result.stdout).contains(loss), "{}", text(&result.stdout));
    assert_eq!(desk.report("clear.mkv")["streams"][0]["losses"], serde_json::json!(["transparency"]));
    let eight = desk.report("eight.mp4");
    assert!(
        eight["streams"].as_array().unwrap().iter().all(|stream| stream["losses"] == serde_json::json!([]))
    );
    // The muxer of MP4 writes the date of its own work, so that the input's is the one thing that is lost.
    let lost = eight["losses"].as_array().unwrap();
    assert!(lost.iter().all(|loss| loss.as_str().unwrap().starts_with("the tag datetime")), "{lost:?}");
    assert_eq!(decoded_frames(&desk.output("twelve.mkv")), 3);
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
