// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pipeline says on its bus: that it has come to an end, that its latency is another, what went wrong.

use anyhow::{Context, Result, bail};
use gst::prelude::*;

/// An end that a pipeline has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Of the stream.
    Stream,
    /// Of the segment that was sought, after which the stream goes on with the next seek.
    Segment,
}

/// The next end that `pipeline` has come to, waiting `patience` for a message; a new latency is told to all its elements on the way.
///
/// # Errors
/// What went wrong in the pipeline, and what to do.
pub fn next_end(pipeline: &gst::Pipeline, patience: gst::ClockTime) -> Result<Option<End>> {
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let kinds = [
        gst::MessageType::Error,
        gst::MessageType::Eos,
        gst::MessageType::SegmentDone,
        gst::MessageType::Latency,
    ];
    // The binding's timed_pop_filtered finds the time used up before it has looked.
    let next = || match patience {
        gst::ClockTime::ZERO => bus.pop_filtered(&kinds),
        patience => bus.timed_pop_filtered(patience, &kinds),
    };
    while let Some(message) = next() {
        match message.view() {
            gst::MessageView::Eos(_) => return Ok(Some(End::Stream)),
            gst::MessageView::SegmentDone(_) => return Ok(Some(End::Segment)),
            gst::MessageView::Latency(_) => {
                pipeline.recalculate_latency().context("no latency can be found")?;
            }
            gst::MessageView::Error(error) => bail!("{}", explain(error)),
            _ => (),
        }
    }
    Ok(None)
}

/// What went wrong where, and what to do.
fn explain(error: &gst::message::Error) -> String {
    let element = error.src().map(|source| source.name().to_string()).unwrap_or_default();
    let detail = error.debug().unwrap_or_default();
    let detail = detail.lines().nth(1).map(|line| format!(" ({line})")).unwrap_or_default();
    let advice =
        if element == "camera" { ". Without a camera, give --source FILE or --source test" } else { "" };
    format!("{element}: {}{detail}{advice}", error.error())
}
