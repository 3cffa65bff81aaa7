//! The pipeline of one file: demuxer → per stream restored, copied or dropped → muxer → file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

use crate::cli::Property;
use crate::codec;
use crate::container::{Container, holds};
use crate::report::{Fate, StreamReport};
use crate::source::{self, Stream};
use crate::subtitles;

/// A pipeline that is ready to play.
#[derive(Debug)]
pub struct Graph {
    /// The pipeline.
    pub pipeline: gst::Pipeline,
    /// The elements that restore, one for each stream of video.
    pub restorers: Vec<gst::Element>,
    /// What becomes of the streams.
    pub streams: Vec<StreamReport>,
    /// How long the file plays, where it says so.
    pub duration: Option<gst::ClockTime>,
    position: Arc<AtomicU64>,
    encoded: Arc<AtomicU64>,
}

impl Graph {
    /// The pipeline from `input` to `output`.
    ///
    /// # Errors
    /// When the input cannot be read or has no video, or its container cannot be written.
    pub fn build(input: &Path, output: &Path, properties: &[Property]) -> Result<Self> {
        let container = Container::of(input)?;
        let pipeline = gst::Pipeline::new();
        let mut graph = Self {
            pipeline,
            restorers: vec![],
            streams: vec![],
            duration: None,
            position: Arc::default(),
            encoded: Arc::default(),
        };
        let built = graph.connect(&container, input, output, properties);
        if built.is_err() {
            graph.stop();
        }
        built.map(|()| graph)
    }

    fn connect(
        &mut self,
        container: &Container,
        input: &Path,
        output: &Path,
        properties: &[Property],
    ) -> Result<()> {
        let mut streams = source::open(&self.pipeline, input, container)?;
        self.duration = streams.iter().find_map(|stream| stream.pad.query_duration());
        ensure!(streams.iter().any(|stream| is_video(&stream.caps)), "it has no video: nothing to restore");
        let line = format!("{} name=mux ! filesink name=file", container.muxer);
        let end = gst::parse::bin_from_description(&line, false)?;
        let muxer = end.by_name("mux").context("the muxer has a name")?;
        end.by_name("file").context("the file has a name")?.set_property("location", output);
        // The muxer makes its pads on request, which a bin does not pass on: its elements go into the pipeline itself.
        unpack(&end, &self.pipeline)?;
        for stream in &streams {
            let kind = stream.caps.structure(0).map(|media| media.name().to_string()).unwrap_or_default();
            let fate = if is_video(&stream.caps) {
                self.restore(stream, &muxer, container, properties)?
            } else {
                self.copy(stream, &muxer)?
            };
            self.streams.push(StreamReport { kind, fate });
        }
        for element in self.pipeline.children() {
            element.sync_state_with_parent()?;
        }
        streams.iter_mut().for_each(Stream::release);
        Ok(())
    }

    /// Decoder → element → encoder → muxer.
    fn restore(
        &mut self,
        stream: &Stream,
        muxer: &gst::Element,
        container: &Container,
        properties: &[Property],
    ) -> Result<Fate> {
        let encoder = codec::encoder(&stream.caps, muxer, container.reorders).context(
            "its container can hold no video that can be encoded here: install GStreamer's plugins-ugly",
        )?;
        // A phone's video that lies on its side is set upright: faces are found in it only then, and the muxers forget the tag.
        let line = format!(
            "decodebin name=decoder videoconvert name=decoded ! videoflip video-direction=auto \
             ! queue max-size-buffers=3 max-size-bytes=0 max-size-time=0 \
             ! facerestore name=restorer ! queue max-size-buffers=3 max-size-bytes=0 max-size-time=0 ! videoconvert ! {encoder} ! queue name=end"
        );
        let bin = gst::parse::bin_from_description(&line, false)
            .context("an encoder is missing: run scripts/setup")?;
        let named = |name: &str| bin.by_name(name).with_context(|| format!("the line names {name}"));
        let (decoder, decoded, restorer, end) =
            (named("decoder")?, named("decoded")?, named("restorer")?, named("end")?);
        for Property { name, value } in properties {
            set_property(&restorer, name, value)?;
        }
        decoder.connect_pad_added(move |decoder, pad| {
            let sink = decoded.static_pad("sink").expect("a converter has one");
            if pad.link(&sink).is_err() {
                gst::element_error!(
                    decoder,
                    gst::StreamError::Decode,
                    ("the video cannot be decoded to pictures")
                );
            }
        });
        let position = self.position.clone();
        let output = restorer.static_pad("src").context("the element has an output")?;
        output.add_probe(gst::PadProbeType::BUFFER, move |pad, probe| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &probe.data {
                let end = buffer.pts().map(|start| start + buffer.duration().unwrap_or_default());
                let segment = pad.sticky_event::<gst::event::Segment>(0);
                let segment =
                    segment.as_ref().and_then(|event| event.segment().downcast_ref::<gst::ClockTime>());
                // A file may start in the middle of its own time (an edit list).
                let played = segment.zip(end).and_then(|(segment, end)| segment.to_stream_time(end));
                position.fetch_max(played.map_or(0, gst::ClockTime::nseconds), Ordering::Relaxed);
            }
            gst::PadProbeReturn::Ok
        });
        unpack(&bin, &self.pipeline)?;
        stream.pad.link(&decoder.static_pad("sink").context("a decoder has an input")?)?;
        self.count_encoded(&end)?;
        // The encoder's caps are known from its template alone until frames flow.
        let encoded = end.static_pad("src").context("a queue has an end")?;
        link_to(&encoded, muxer)?;
        self.restorers.push(restorer);
        Ok(Fate::Restored { encoder: encoder.split(" ! ").next().unwrap_or(encoder).to_owned() })
    }

    /// Parser → muxer, or nowhere where the container has no place for the stream.
    fn copy(&self, stream: &Stream, muxer: &gst::Element) -> Result<Fate> {
        let unescaper = subtitles::unescaper(&stream.caps);
        let plain = unescaper.iter().find_map(|element| element.property::<Option<gst::Caps>>("caps"));
        let caps = plain.as_ref().unwrap_or(&stream.caps);
        let Some(parser) = codec::parser(caps, muxer) else {
            let nowhere = gst::ElementFactory::make("fakesink")
                .property("async", false)
                .property("sync", false)
                .build()?;
            self.pipeline.add(&nowhere)?;
            stream.pad.link(&nowhere.static_pad("sink").context("a sink has an input")?)?;
            return Ok(Fate::Dropped {
                reason: format!(
                    "the container, as {} writes it, cannot hold {}",
                    name_of(muxer),
                    stream.caps
                ),
            });
        };
        let parser = parser.map(|factory| factory.create().build()).transpose()?;
        let mut end = stream.pad.clone();
        for element in unescaper.into_iter().chain(parser) {
            self.pipeline.add(&element)?;
            end.link(&element.static_pad("sink").context("a filter has an input")?)?;
            end = element.static_pad("src").context("a filter has an output")?;
        }
        link_to(&end, muxer)?;
        Ok(Fate::Copied)
    }

    fn count_encoded(&self, end: &gst::Element) -> Result<()> {
        let encoded = self.encoded.clone();
        let pad = end.static_pad("sink").context("a queue has a start")?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            encoded.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// How many frames left the encoders.
    #[must_use]
    pub fn encoded(&self) -> u64 {
        self.encoded.load(Ordering::Relaxed)
    }

    /// How far the restored video is.
    #[must_use]
    pub fn position(&self) -> gst::ClockTime {
        gst::ClockTime::from_nseconds(self.position.load(Ordering::Relaxed))
    }

    /// Stops everything and closes the files.
    pub fn stop(&self) {
        // Stopping cannot fail in a way that would leave anything to do.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Checks a property before any work begins.
///
/// # Errors
/// When the element has no such property, or not with such a value.
pub fn set_property(element: &gst::Element, name: &str, value: &str) -> Result<()> {
    let Some(property) = element.find_property(name) else {
        bail!("facerestore has no property {name:?}: gst-inspect-1.0 facerestore lists them")
    };
    ensure!(
        property.flags().contains(gst::glib::ParamFlags::WRITABLE),
        "facerestore's property {name} cannot be set"
    );
    let parsed = gst::glib::Value::deserialize(value, property.value_type())
        .ok()
        .filter(|parsed| in_range(&property, parsed))
        .with_context(|| format!("facerestore's property {name} cannot be {value:?}: gst-inspect-1.0 facerestore has its values"))?;
    element.set_property_from_value(name, &parsed);
    Ok(())
}

/// Whether a number is one that the property takes; setting another panics.
fn in_range(property: &gst::glib::ParamSpec, value: &gst::glib::Value) -> bool {
    if let Some(range) = property.downcast_ref::<gst::glib::ParamSpecDouble>() {
        return value.get().is_ok_and(|value: f64| (range.minimum()..=range.maximum()).contains(&value));
    }
    let Some(range) = property.downcast_ref::<gst::glib::ParamSpecUInt>() else { return true };
    value.get().is_ok_and(|value: u32| (range.minimum()..=range.maximum()).contains(&value))
}

fn is_video(caps: &gst::Caps) -> bool {
    let name = caps.structure(0).map(|media| media.name().as_str());
    name.is_some_and(|name| name.starts_with("video/") || name == "image/jpeg")
}

fn name_of(element: &gst::Element) -> String {
    element.factory().map(|factory| factory.name().to_string()).unwrap_or_default()
}

/// Links to a new pad of the muxer that takes what comes out of `pad`.
fn link_to(pad: &gst::Pad, muxer: &gst::Element) -> Result<()> {
    let caps = pad.query_caps(None);
    ensure!(holds(muxer, &caps), "{} does not take {caps}", name_of(muxer));
    let sink = muxer
        .compatible_pad(pad, Some(&caps))
        .with_context(|| format!("{} has no place for {caps}", name_of(muxer)))?;
    pad.link(&sink)?;
    Ok(())
}

/// Moves the elements of a bin, with their links, into the pipeline.
fn unpack(bin: &gst::Bin, pipeline: &gst::Pipeline) -> Result<()> {
    let elements: Vec<gst::Element> = bin.children();
    let mut links = Vec::new();
    for pad in elements.iter().flat_map(|element| element.src_pads()) {
        links.extend(pad.peer().map(|peer| (pad, peer)));
    }
    bin.remove_many(&elements)?;
    pipeline.add_many(&elements)?;
    for (from, to) in links {
        if !from.is_linked() {
            from.link(&to)?;
        }
    }
    Ok(())
}
