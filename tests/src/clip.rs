// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small videos of any container, made from the carphone sequence, and what is in a video file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use gst::prelude::*;

use crate::{data, init, play_to_end};

/// A recipe of a video of the talking man in the car.
#[derive(Debug, Clone, Copy)]
pub struct ClipRecipe {
    /// The muxer, with its options.
    pub muxer: &'static str,
    /// The encoder of the picture and its parser.
    pub video: &'static str,
    /// The encoder of a tone, and more, such as tags; empty: no sound.
    pub audio: &'static str,
    /// A subtitle, shown from 0.1 to 0.3 s; empty: none.
    pub subtitle: &'static str,
    /// How many frames, at most 120.
    pub frames: u32,
    /// Whether the time from frame to frame varies, in at most 80 frames; else it is 33 ms.
    pub variable_rate: bool,
}

impl ClipRecipe {
    /// H.264 and AAC in MP4.
    pub const MP4: Self = Self {
        muxer: "mp4mux trak-timescale=90000",
        video: "x264enc tune=zerolatency speed-preset=ultrafast ! h264parse",
        audio: "avenc_aac ! aacparse",
        subtitle: "",
        frames: 12,
        variable_rate: false,
    };

    /// Makes the video.
    ///
    /// # Panics
    /// When an element is missing or fails.
    pub fn make(&self, path: &Path) {
        init();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut line = format!(
            "filesrc location={} ! decodebin ! videoconvert ! identity name=frames ! {} ! queue ! {} name=mux ! filesink location={}",
            data("carphone_pristine.mp4").display(),
            self.video,
            self.muxer,
            path.display()
        );
        if !self.audio.is_empty() {
            let buffers = self.frames * 2;
            line += &format!(
                " audiotestsrc num-buffers={buffers} samplesperbuffer=882 ! audio/x-raw,rate=44100,channels=1 ! audioconvert ! audioresample ! {} ! queue ! mux.",
                self.audio
            );
        }
        let file = path.with_extension("srt");
        if !self.subtitle.is_empty() {
            std::fs::write(&file, format!("1\n00:00:00,100 --> 00:00:00,300\n{}\n\n", self.subtitle))
                .unwrap();
            // Files of subtitles are read as markup; the text is plain.
            line += &format!(
                " filesrc location={} ! subparse ! capssetter caps=text/x-raw,format=utf8 ! queue ! mux.",
                file.display()
            );
        }
        let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
        self.set_times(&pipeline.by_name("frames").unwrap());
        play_to_end(&pipeline);
        let _ = std::fs::remove_file(file);
    }

    fn set_times(&self, frames: &gst::Element) {
        let (variable, frames_wanted) = (self.variable_rate, u64::from(self.frames));
        let count = Mutex::new((0, gst::ClockTime::ZERO));
        frames.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
            let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data else {
                return gst::PadProbeReturn::Ok;
            };
            let mut count = count.lock().unwrap();
            let (count, base) = &mut *count;
            if *count == 0 {
                // The clip's own time does not start at 0.
                *base = buffer.pts().unwrap();
            }
            if *count == frames_wanted {
                return gst::PadProbeReturn::Drop;
            }
            let start = |frame: u64| {
                // Two of three frames come early, and the camera stands still for a second after frame 5.
                let uneven = if variable { 13 * (frame % 3) + if frame > 5 { 1000 } else { 0 } } else { 0 };
                gst::ClockTime::from_mseconds(33 * frame + uneven)
            };
            let buffer = buffer.make_mut();
            buffer.set_pts(*base + start(*count));
            buffer.set_duration(start(*count + 1) - start(*count));
            *count += 1;
            gst::PadProbeReturn::Ok
        });
    }
}

/// A buffer of a stream: its time in nanoseconds and its bytes.
pub type Packet = (Option<u64>, Vec<u8>);

/// What a stream of a file holds.
#[derive(Debug, Clone, Default)]
pub struct StreamContents {
    /// As they come.
    pub packets: Vec<Packet>,
    /// The stream's own tag for its language.
    pub language: Option<String>,
}

impl StreamContents {
    /// The times of the packets, in order.
    #[must_use]
    pub fn times(&self) -> Vec<u64> {
        let mut times: Vec<u64> = self.packets.iter().filter_map(|(time, _)| *time).collect();
        times.sort_unstable();
        times
    }

    /// The bytes of all packets.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.packets.iter().flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

/// The streams of a file by their media types, taken apart but not decoded.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn streams(file: &Path) -> BTreeMap<String, StreamContents> {
    init();
    let line = format!("filesrc location={} ! parsebin name=parser", file.display());
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let streams: Arc<Mutex<BTreeMap<String, StreamContents>>> = Arc::default();
    let (found, weak) = (streams.clone(), pipeline.downgrade());
    pipeline.by_name("parser").unwrap().connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let kind = caps.structure(0).unwrap().name().to_string();
        found.lock().unwrap().entry(kind.clone()).or_default();
        let found = found.clone();
        let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(mask, move |pad, probe| {
            let mut streams = found.lock().unwrap();
            let stream = streams.get_mut(&kind).unwrap();
            match &probe.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    let segment = pad.sticky_event::<gst::event::Segment>(0).unwrap();
                    let segment = segment.segment().downcast_ref::<gst::ClockTime>().unwrap();
                    let time = buffer
                        .pts()
                        .and_then(|pts| segment.to_running_time(pts))
                        .map(gst::ClockTime::nseconds);
                    stream.packets.push((time, buffer.map_readable().unwrap().to_vec()));
                }
                Some(gst::PadProbeData::Event(event)) => {
                    if let gst::EventView::Tag(tags) = event.view() {
                        let language = tags.tag().get::<gst::tags::LanguageCode>();
                        stream.language =
                            language.map(|code| code.get().to_owned()).or(stream.language.take());
                    }
                }
                _ => (),
            }
            gst::PadProbeReturn::Ok
        });
        let pipeline = weak.upgrade().unwrap();
        let sink = gst::parse::bin_from_description("queue ! fakesink async=false sync=false", true).unwrap();
        pipeline.add(&sink).unwrap();
        sink.sync_state_with_parent().unwrap();
        pad.link(&sink.static_pad("sink").unwrap()).unwrap();
    });
    play_to_end(&pipeline);
    let streams = streams.lock().unwrap();
    streams.clone()
}

/// The width and height of a video as it is stored.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn frame_size(file: &Path) -> (i32, i32) {
    let caps = decoded_caps(file);
    let caps = caps.structure(0).unwrap();
    (caps.get("width").unwrap(), caps.get("height").unwrap())
}

/// The caps of a video's pictures when they are decoded.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn decoded_caps(file: &Path) -> gst::Caps {
    init();
    let line = format!("filesrc location={} ! decodebin ! video/x-raw ! fakesink name=sink", file.display());
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    pipeline.set_state(gst::State::Paused).unwrap();
    crate::wait_for(&pipeline, gst::MessageType::AsyncDone);
    let caps = pipeline.by_name("sink").unwrap().static_pad("sink").unwrap().current_caps().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    caps
}

/// Decodes a file; how many frames it has.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn decoded_frames(file: &Path) -> usize {
    init();
    let line = format!(
        "filesrc location={} ! decodebin ! video/x-raw ! fakesink name=sink sync=false",
        file.display()
    );
    let pipeline = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let frames = crate::Recording::of(&pipeline.by_name("sink").unwrap(), "sink", |_| ());
    play_to_end(&pipeline);
    frames.values().len()
}

/// The names of the files below a folder, hidden ones too, in order.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_owned())
            }
        }
    }
    files.sort();
    files
}
