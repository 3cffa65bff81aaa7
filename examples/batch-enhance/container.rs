// SPDX-License-Identifier: MIT OR Apache-2.0
//! The containers: which demuxer reads one, which muxer writes it, and what it can hold.

use std::path::Path;

use anyhow::{Context, Result, bail};
use gst::prelude::*;

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub struct Container {
    /// Its media type, as typefind gives it.
    caps: &'static str,
    /// The element that takes it apart.
    pub demuxer: &'static str,
    /// The element that puts it together, with its options.
    pub muxer: &'static str,
    /// Whether frames may be stored in another order than they are shown (B-frames): AVI and FLV cannot, Ogg does not, and the
    /// muxers of MP4 (1.22) then cut the last frame off a video of variable rate, since they take the sum of decoding times for
    /// how long it plays.
    pub reorders: bool,
}

/// The time scale of MP4 and QuickTime tracks, 360 000 ticks a second, is a multiple of the clocks of films and cameras (24 000, 30 000, 60 000, 90 000,
/// 600, 1000), so that their timestamps come through exactly, and fine enough (2.8 µs) for any other.
const CONTAINERS: [Container; 9] = [
    Container::new("video/quicktime, variant=apple", "qtdemux", "qtmux trak-timescale=360000", false),
    Container::new("application/x-3gp", "qtdemux", "3gppmux trak-timescale=360000", false),
    Container::new("video/quicktime", "qtdemux", "mp4mux trak-timescale=360000", false),
    Container::new("video/webm", "matroskademux", "webmmux", true),
    Container::new("video/x-matroska", "matroskademux", "matroskamux", true),
    Container::new("video/x-msvideo", "avidemux", "avimux", false),
    Container::new("video/mpegts", "tsdemux", "mpegtsmux", true),
    Container::new("video/x-flv", "flvdemux", "flvmux", false),
    Container::new("video/ogg", "oggdemux", "oggmux", false),
];

impl Container {
    const fn new(caps: &'static str, demuxer: &'static str, muxer: &'static str, reorders: bool) -> Self {
        Self { caps, demuxer, muxer, reorders }
    }

    /// The container of a file, from its first bytes.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of the containers.
    pub fn of(file: &Path) -> Result<Self> {
        let caps = typefind(file)?;
        let known = CONTAINERS.into_iter().find(|container| caps.is_subset(&container.media_type()));
        match (known, caps.structure(0).map(|media| media.name().as_str())) {
            (Some(container), _) => Ok(container),
            (None, Some(name)) if name.starts_with("audio/") => {
                bail!("it is audio ({name}) without a picture: nothing to restore")
            }
            (None, name) => bail!(
                "it is no video file of a kind that can be written again ({}): use MP4, MOV, 3GP, Matroska, WebM, AVI, MPEG-TS, FLV or Ogg",
                name.unwrap_or("unknown")
            ),
        }
    }

    fn media_type(&self) -> gst::Caps {
        self.caps.parse().expect("the table's caps are constant")
    }
}

/// The media type of a file.
fn typefind(file: &Path) -> Result<gst::Caps> {
    let pipeline = gst::parse::launch("filesrc name=file ! typefind name=type ! fakesink")?;
    let pipeline =
        pipeline.downcast::<gst::Pipeline>().expect("a launch line of several elements is a pipeline");
    let element = |name| pipeline.by_name(name).expect("the launch line names it");
    element("file").set_property("location", file);
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let started = pipeline.set_state(gst::State::Paused);
    let message = bus.timed_pop_filtered(None, &[gst::MessageType::AsyncDone, gst::MessageType::Error]);
    let caps = element("type").property::<Option<gst::Caps>>("caps");
    pipeline.set_state(gst::State::Null)?;
    if let Some(gst::MessageView::Error(error)) = message.as_ref().map(|message| message.view()) {
        bail!("it cannot be read: {}", error.error());
    }
    started.context("it cannot be read")?;
    caps.context("it is no video file: its kind is unknown")
}

/// Whether `muxer` has a place for a stream of `caps`.
#[must_use]
pub fn holds(muxer: &gst::Element, caps: &gst::Caps) -> bool {
    let templates = muxer.pad_template_list();
    let mut sinks = templates.iter().filter(|template| template.direction() == gst::PadDirection::Sink);
    sinks.any(|template| template.caps().can_intersect(caps))
}

/// A new place of `muxer` for a stream of `caps`, if it has one left.
#[must_use]
pub fn place(muxer: &gst::Element, caps: &gst::Caps) -> Option<gst::Pad> {
    let templates = muxer.pad_template_list();
    let mut fitting = templates.iter().filter(|template| {
        template.direction() == gst::PadDirection::Sink && template.caps().can_intersect(caps)
    });
    fitting.find_map(|template| muxer.request_pad(template, None, Some(caps)))
}
