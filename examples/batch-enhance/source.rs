// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file taken apart: its streams, held back until all of them are known.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail};
use gst::prelude::*;

use crate::container::Container;

/// How much of a stream may wait for the others (bytes): those that are copied run ahead of the one that is restored by
/// the encoder's look-ahead, which a slide show can make minutes long, so that time is no measure.
const QUEUE_BYTES: u32 = 64 << 20;

/// The message that every stream is known.
const KNOWN: &str = "streams-known";

/// A stream of the file, at the end of a queue that lets nothing through yet.
#[derive(Debug)]
pub struct Stream {
    /// Its media type.
    pub caps: gst::Caps,
    /// The demuxer's pad.
    pub source: gst::Pad,
    /// The end of the queue.
    pub pad: gst::Pad,
    block: Option<gst::PadProbeId>,
}

impl Stream {
    /// The number that its container has for it, where the demuxer tells.
    #[must_use]
    pub fn track(&self) -> Option<u32> {
        // "…/002".
        self.source.stream_id()?.rsplit('/').next()?.parse().ok()
    }

    /// Lets the stream flow.
    pub fn release(&mut self) {
        self.block.take().into_iter().for_each(|block| self.pad.remove_probe(block));
    }
}

/// Adds the reader of `file` to the pipeline, brings it to PAUSED and waits until its streams are known.
///
/// # Errors
/// When the file cannot be read or has no streams.
pub fn open(pipeline: &gst::Pipeline, file: &Path, container: &Container) -> Result<Vec<Stream>> {
    let source = gst::ElementFactory::make("filesrc").property("location", file).build()?;
    let demuxer = gst::ElementFactory::make(container.demuxer).build()?;
    pipeline.add_many([&source, &demuxer])?;
    source.link(&demuxer)?;
    let streams: Arc<Mutex<Vec<(gst::Pad, gst::Pad, gst::PadProbeId)>>> = Arc::default();
    let (found, weak) = (streams.clone(), pipeline.downgrade());
    demuxer.connect_pad_added(move |demuxer, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        match hold_back(&pipeline, demuxer, pad) {
            Ok((queue_end, block)) => found.lock().unwrap().push((pad.clone(), queue_end, block)),
            Err(error) => gst::element_error!(demuxer, gst::CoreError::Pad, ("{error}")),
        }
    });
    demuxer.connect_no_more_pads(post_known);
    let started = pipeline.set_state(gst::State::Paused);
    wait_until_known(pipeline)?;
    started.context("it cannot be read")?;
    let found = std::mem::take(&mut *streams.lock().unwrap());
    let streams = found.into_iter().map(|(from, pad, block)| {
        let caps = from.current_caps().unwrap_or_else(|| from.query_caps(None));
        Stream { caps, source: from, pad, block: Some(block) }
    });
    Ok(streams.collect())
}

/// Links a pad of the demuxer to a queue of its own that lets nothing through.
fn hold_back(
    pipeline: &gst::Pipeline,
    demuxer: &gst::Element,
    pad: &gst::Pad,
) -> Result<(gst::Pad, gst::PadProbeId)> {
    let queue = gst::ElementFactory::make("queue")
        .property("max-size-bytes", QUEUE_BYTES)
        .property("max-size-buffers", 0u32)
        .property("max-size-time", 0u64)
        .build()?;
    pipeline.add(&queue)?;
    let end = queue.static_pad("src").context("a queue has an end")?;
    let block = end
        .add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok)
        .context("a queue can be blocked")?;
    // A declared stream may never come, and then its demuxer never says that there are no more.
    let demuxer = demuxer.downgrade();
    queue.connect("overrun", false, move |_| {
        demuxer.upgrade().iter().for_each(post_known);
        None
    });
    queue.sync_state_with_parent()?;
    pad.link(&queue.static_pad("sink").context("a queue has a start")?)?;
    Ok((end, block))
}

/// Lets what comes out of `pad` run into nothing.
///
/// # Errors
/// When the pad is linked already.
pub fn add_drain(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<()> {
    let drain =
        gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build()?;
    pipeline.add(&drain)?;
    pad.link(&drain.static_pad("sink").context("a sink has an input")?)?;
    Ok(())
}

fn post_known(demuxer: &gst::Element) {
    let message = gst::message::Application::builder(gst::Structure::new_empty(KNOWN)).src(demuxer).build();
    // Only an element without a bus refuses, and then nobody waits.
    let _ = demuxer.post_message(message);
}

fn wait_until_known(pipeline: &gst::Pipeline) -> Result<()> {
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    loop {
        let kinds = [gst::MessageType::Application, gst::MessageType::Error, gst::MessageType::Eos];
        let message = bus.timed_pop_filtered(None, &kinds).context("the bus was closed")?;
        match message.view() {
            gst::MessageView::Error(error) => bail!("it cannot be read: {}", crate::errors::text(error)),
            gst::MessageView::Eos(_) => bail!("it has no streams"),
            gst::MessageView::Application(known) if known.structure().is_some_and(|s| s.name() == KNOWN) => {
                return Ok(());
            }
            _ => (),
        }
    }
}

/// How long the file plays, where it says so.
///
/// # Errors
/// As [`open`].
pub fn duration(file: &Path) -> Result<Option<gst::ClockTime>> {
    let container = Container::of(file)?;
    let pipeline = gst::Pipeline::new();
    let streams = open(&pipeline, file, &container);
    let duration = streams.iter().flatten().find_map(|stream| stream.pad.query_duration::<gst::ClockTime>());
    pipeline.set_state(gst::State::Null)?;
    streams.map(|_| duration)
}
