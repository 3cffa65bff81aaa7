// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pipeline of one file: demuxer → per stream restored, copied or dropped → muxer → file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use gst::prelude::*;

use crate::chain::{Chain, Video, unpack};
use crate::cli::Treatment;
use crate::codec;
use crate::colorimetry;
use crate::container::{self, Container, holds};
use crate::inventory::Inventory;
use crate::report::{Fate, StreamReport};
use crate::source::{self, Stream};
use crate::subtitles;

/// A pipeline that is ready to play.
#[derive(Debug)]
pub struct Graph {
    /// The pipeline.
    pub pipeline: gst::Pipeline,
    /// What restores, one for each stream of video.
    pub chains: Vec<Chain>,
    /// What becomes of the streams.
    pub streams: Vec<StreamReport>,
    /// How long the file plays, where it says so.
    pub duration: Option<gst::ClockTime>,
    input: PathBuf,
    container: Container,
    sources: Vec<gst::Pad>,
    position: Arc<AtomicU64>,
    encoded: Arc<AtomicU64>,
}

impl Graph {
    /// The pipeline from `input` to `output`.
    ///
    /// # Errors
    /// When the input cannot be read or has no video, or its container cannot be written.
    pub fn build(input: &Path, output: &Path, treatment: &Treatment) -> Result<Self> {
        let container = Container::of(input)?;
        let pipeline = gst::Pipeline::new();
        let mut graph = Self {
            pipeline,
            chains: vec![],
            streams: vec![],
            duration: None,
            input: input.to_owned(),
            container,
            sources: vec![],
            position: Arc::default(),
            encoded: Arc::default(),
        };
        let built = graph.connect(&container, input, output, treatment);
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
        treatment: &Treatment,
    ) -> Result<()> {
        let mut streams = source::open(&self.pipeline, input, container)?;
        self.duration = streams.iter().find_map(|stream| stream.pad.query_duration());
        self.sources = streams.iter().map(|stream| stream.source.clone()).collect();
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
                self.restore(stream, &muxer, container, treatment)?
            } else {
                self.copy(stream, &muxer)?
            };
            self.streams.push(StreamReport { kind, fate, losses: vec![] });
        }
        for element in self.pipeline.children() {
            element.sync_state_with_parent()?;
        }
        streams.iter_mut().for_each(Stream::release);
        Ok(())
    }

    /// Decoder → element → encoder → muxer, or nowhere where the container has one place for video and it is taken.
    fn restore(
        &mut self,
        stream: &Stream,
        muxer: &gst::Element,
        container: &Container,
        treatment: &Treatment,
    ) -> Result<Fate> {
        let encoder = codec::encoder(&stream.caps, muxer).context(
            "its container can hold no video that can be encoded here: install GStreamer's plugins-ugly",
        )?;
        let Some(place) = container::place(muxer, &encoder.media_type()) else {
            ensure!(!self.chains.is_empty(), "{} has no place for {}", name_of(muxer), encoder.caps);
            source::add_drain(&self.pipeline, &stream.pad)?;
            return Ok(Fate::Dropped {
                reason: format!("the container, as {} writes it, holds one stream of video", name_of(muxer)),
            });
        };
        let line = encoder.line(container.reorders);
        let number = self.streams.len();
        let full_range = colorimetry::of_container(&self.input, container, stream);
        let video = Video { caps: &stream.caps, full_range, number };
        let chain = Chain::build(&self.pipeline, video, encoder, line, treatment)?;
        stream.pad.link(&chain.input)?;
        self.follow(&chain.restorer)?;
        self.count_encoded(&chain.output);
        chain.output.link(&place)?;
        self.chains.push(chain);
        Ok(Fate::Restored { encoder: line.split(" ! ").next().unwrap_or(line).to_owned() })
    }

    /// Keeps the position up to date with what leaves the element.
    fn follow(&self, restorer: &gst::Element) -> Result<()> {
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
        Ok(())
    }

    /// Parser → muxer, or nowhere where the container has no place for the stream.
    fn copy(&self, stream: &Stream, muxer: &gst::Element) -> Result<Fate> {
        let unescaper = subtitles::unescaper(&stream.caps);
        let plain = unescaper.iter().find_map(|element| element.property::<Option<gst::Caps>>("caps"));
        let caps = plain.as_ref().unwrap_or(&stream.caps);
        let Some(parser) = codec::parser(caps, muxer) else {
            source::add_drain(&self.pipeline, &stream.pad)?;
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

    fn count_encoded(&self, output: &gst::Pad) {
        let encoded = self.encoded.clone();
        output.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            encoded.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
    }

    /// What the input holds beside its streams, once it has been played.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn inventory(&self) -> Result<Inventory> {
        Inventory::of(&self.input, &self.container, &self.sources)
    }

    /// Writes down what the restored streams lost of their pictures, once they have been played.
    pub fn note_losses(&mut self) {
        for chain in &self.chains {
            if let Some(stream) = self.streams.get_mut(chain.number) {
                stream.losses = chain.losses();
            }
        }
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
