// SPDX-License-Identifier: MIT OR Apache-2.0
//! H.264 by x264 through GStreamer: frames in, one decoded frame out.

use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::prelude::*;
use gst_video::{VideoFormat, VideoFrameRef, VideoInfo};
use image::{RgbImage, imageops};

use super::{DegradationError, Rate};

/// Frames a second: what a bit rate counts by.
const FRAME_RATE: u32 = 25;

/// The least side of a coded frame: a macroblock's.
const LEAST_SIDE: u32 = 16;

/// How long a clip may take before it counts as failed. A few frames take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often errors are looked for while waiting for a frame.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(20);

/// The elements in use and the Debian packages that bring them.
const ELEMENTS: [(&str, &str); 5] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("capsfilter", "libgstreamer1.0-0"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
];

/// Decoders, the first that is there. OpenH264 is 1 % of libav's size, for GPU machines without packages; with it x264 settles for the
/// constrained baseline profile, as video calls have it: no B frames, no CABAC.
const DECODERS: [&str; 2] = ["avdec_h264", "openh264dec"];

/// Checks that GStreamer and its elements are there.
pub(super) fn check_available() -> Result<(), DegradationError> {
    gst::init().map_err(|error| DegradationError::GStreamer { reason: error.to_string() })?;
    let there = |element: &str| gst::ElementFactory::find(element).is_some();
    let elements = ELEMENTS.into_iter().chain([(decoder_name(), "gstreamer1.0-libav")]);
    match elements.into_iter().find(|(element, _)| !there(element)) {
        Some((element, package)) => Err(DegradationError::MissingElement { element, package }),
        None => Ok(()),
    }
}

/// Codes `frames` (all of one size) as a clip, decodes it, and returns its first `count` frames. Odd and very small sizes are
/// padded with the nearest pixel and cut again, as H.264 halves the colours' resolution. `deblock` is the offset of the
/// deblocking filter's strength and threshold, x264's own 0 where there is none.
///
/// Any number of threads can call it at once; the work of each is done by one thread of its own pipeline.
pub(super) fn through_h264(
    frames: &[RgbImage],
    count: usize,
    rate: Rate,
    deblock: Option<i8>,
) -> Result<Vec<RgbImage>, DegradationError> {
    check_available()?;
    let (width, height) = frames.first().map_or((0, 0), RgbImage::dimensions);
    let cut = |frame: RgbImage| imageops::crop_imm(&frame, 0, 0, width, height).to_image();
    let padded = |side: u32| side.max(LEAST_SIDE).next_multiple_of(2);
    let size = (padded(width), padded(height));
    encoder(size, frames.len(), rate, deblock)
        .and_then(|encoder| Clip::new(size, encoder))
        .and_then(|clip| clip.decoded(frames, count))
        .map(|decoded| decoded.into_iter().map(cut).collect())
        .map_err(|reason| DegradationError::H264 { width, height, reason })
}

/// A running pipeline for the frames of one clip. Errors are sentences.
struct Clip {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    sink: gst_app::AppSink,
    info: VideoInfo,
}

impl Clip {
    fn new((width, height): (u32, u32), encoder: gst::Element) -> Result<Self, String> {
        let info = VideoInfo::builder(VideoFormat::Rgb, width, height)
            .fps(gst::Fraction::new(FRAME_RATE as i32, 1))
            .build()
            .map_err(|error| error.to_string())?;
        let rgb = info.to_caps().map_err(|error| error.to_string())?;
        let source = gst_app::AppSrc::builder().caps(&rgb).format(gst::Format::Time).max_bytes(0).build();
        let any_rgb = gst::Caps::builder("video/x-raw").field("format", "RGB").build();
        let sink = gst_app::AppSink::builder().caps(&any_rgb).sync(false).build();
        // 4:2:0 by the standard's matrix for small pictures, whatever the size.
        let yuv =
            gst::Caps::builder("video/x-raw").field("format", "I420").field("colorimetry", "bt601").build();
        let made = |name: &'static str| gst::ElementFactory::make(name);
        let elements = [
            source.clone().upcast(),
            build(made("videoconvert"))?,
            build(made("capsfilter").property("caps", yuv))?,
            encoder,
            decoder()?,
            build(made("videoconvert"))?,
            sink.clone().upcast(),
        ];
        let pipeline = gst::Pipeline::new();
        pipeline.add_many(&elements).map_err(|error| error.to_string())?;
        gst::Element::link_many(&elements).map_err(|error| error.to_string())?;
        let clip = Self { pipeline, source, sink, info };
        clip.pipeline.set_state(gst::State::Playing).map_err(|error| clip.reason(&error.to_string()))?;
        Ok(clip)
    }

    /// Sends all frames, then takes the first `count` decoded ones, in the order of their times.
    fn decoded(&self, frames: &[RgbImage], count: usize) -> Result<Vec<RgbImage>, String> {
        let duration = gst::ClockTime::SECOND / u64::from(FRAME_RATE);
        for (index, frame) in frames.iter().enumerate() {
            let mut buffer = gst::Buffer::from_mut_slice(self.padded(frame));
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_pts(duration * index as u64);
                buffer.set_duration(duration);
            }
            self.source.push_buffer(buffer).map_err(|error| self.reason(&error.to_string()))?;
        }
        self.source.end_of_stream().map_err(|error| self.reason(&error.to_string()))?;
        (0..count).map(|_| self.pixels(&self.pull()?)).collect()
    }

    /// The next decoded frame.
    fn pull(&self) -> Result<gst::Sample, String> {
        let start = Instant::now();
        loop {
            if let Some(sample) = self.sink.try_pull_sample(POLL) {
                return Ok(sample);
            }
            if self.sink.is_eos() {
                return Err(self.reason("the decoder gave fewer frames than were coded"));
            }
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("no frame within {} s", PATIENCE.as_secs()));
            }
        }
    }

    /// The pixels of a frame with the nearest ones beyond its right and lower border, rows as GStreamer wants them.
    fn padded(&self, frame: &RgbImage) -> Vec<u8> {
        let (width, height) = (self.info.width() as usize, self.info.height() as usize);
        let mut bytes = vec![0; self.info.size()];
        let stride = self.info.stride()[0] as usize;
        for (y, row) in bytes.chunks_exact_mut(stride).take(height).enumerate() {
            let source = &frame.as_raw()[3 * frame.width() as usize * y.min(frame.height() as usize - 1)..];
            for (x, pixel) in row[..3 * width].chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&source[3 * x.min(frame.width() as usize - 1)..][..3]);
            }
        }
        bytes
    }

    fn pixels(&self, sample: &gst::Sample) -> Result<RgbImage, String> {
        let missing = || "a decoded frame without pixels".to_owned();
        let info = sample.caps().and_then(|caps| VideoInfo::from_caps(caps).ok()).ok_or_else(missing)?;
        let buffer = sample.buffer().ok_or_else(missing)?;
        let frame =
            VideoFrameRef::from_buffer_ref_readable(buffer, &info).map_err(|error| error.to_string())?;
        let size = (self.info.width(), self.info.height());
        if (frame.width(), frame.height()) != size {
            return Err(format!("a frame of {}×{} pixels came back", frame.width(), frame.height()));
        }
        let stride = frame.plane_stride()[0] as usize;
        let data = frame.plane_data(0).map_err(|error| error.to_string())?;
        let rows = data.chunks(stride).take(size.1 as usize);
        let bytes = rows.flat_map(|row| &row[..3 * size.0 as usize]).copied().collect();
        RgbImage::from_raw(size.0, size.1, bytes).ok_or_else(missing)
    }

    /// What an element reported, or else `otherwise`.
    fn reason(&self, otherwise: &str) -> String {
        self.failure().unwrap_or_else(|| otherwise.to_owned())
    }

    fn failure(&self) -> Option<String> {
        let message = self.pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => {
                let element = error.src().map(|source| format!("{}: ", source.name())).unwrap_or_default();
                Some(format!("{element}{}", error.error()))
            }
            _ => None,
        }
    }
}

impl Drop for Clip {
    fn drop(&mut self) {
        // It ends the pipeline's thread; a pipeline that cannot even stop has nothing left to report.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn build(element: gst::element_factory::ElementBuilder<'_>) -> Result<gst::Element, String> {
    element.build().map_err(|error| error.to_string())
}

/// The first of [`DECODERS`] that is there; the first of all where none is.
fn decoder_name() -> &'static str {
    DECODERS.into_iter().find(|name| gst::ElementFactory::find(name).is_some()).unwrap_or(DECODERS[0])
}

/// The decoder, with one thread.
fn decoder() -> Result<gst::Element, String> {
    let decoder = build(gst::ElementFactory::make(decoder_name()))?;
    // OpenH264 has no such property, and one thread.
    if decoder.has_property("max-threads") {
        decoder.set_property("max-threads", 1);
    }
    Ok(decoder)
}

/// x264 as in files: I, P and B frames, one thread, and the same choices on every processor.
fn encoder(
    (width, height): (u32, u32),
    frames: usize,
    rate: Rate,
    deblock: Option<i8>,
) -> Result<gst::Element, String> {
    let deblock = deblock.map(|offset| format!(":deblock={offset},{offset}")).unwrap_or_default();
    let element = gst::ElementFactory::make("x264enc")
        .property("threads", 1_u32)
        .property("sync-lookahead", 0)
        .property("rc-lookahead", frames as i32)
        .property("bframes", 2_u32)
        .property("qp-min", 0_u32)
        .property("option-string", format!("cpu-independent=1{deblock}"))
        .property_from_str("speed-preset", "veryfast");
    build(match rate {
        Rate::Crf(crf) => element.property_from_str("pass", "qual").property("quantizer", u32::from(crf)),
        Rate::BitsPerPixel(bits) => {
            let rate = bits * f64::from(width) * f64::from(height) * f64::from(FRAME_RATE) / 1000.0;
            element
                .property_from_str("pass", "cbr")
                .property("bitrate", (rate.round() as u32).clamp(1, 2_048_000))
        }
    })
}
