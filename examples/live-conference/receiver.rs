// SPDX-License-Identifier: MIT OR Apache-2.0
//! The receiving side: RTP → pictures, shown when their time has come.

use anyhow::{Context, Result};
use gst::prelude::*;

use crate::cli::Cli;
use crate::report::Latencies;
use crate::timestamp;

/// Builds the pipeline that receives on `port`.
///
/// # Errors
/// When an element is missing.
pub fn build(cli: &Cli, port: u16, shown: &Latencies) -> Result<gst::Pipeline> {
    let sink = if cli.window { "videoconvert ! autovideosink" } else { "fakesink sync=false" };
    // clocksync waits until a frame is due, so that what leaves it is what the screen gets at that moment.
    let line = format!(
        "udpsrc address={} port={port} caps=application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96,{} \
         ! rtpjitterbuffer latency={} ! rtph264depay name=depayloader ! avdec_h264 ! clocksync name=shown ! {sink}",
        cli.to.ip(),
        timestamp::EXTENSION,
        cli.jitter_buffer
    );
    let pipeline = gst::parse::launch(&line).context("an element is missing: run scripts/setup")?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("the line makes a pipeline")?;
    let named = |name: &str| pipeline.by_name(name).with_context(|| format!("the line names {name}"));
    let arrivals = timestamp::Arrivals::default();
    arrivals.read(&named("depayloader")?)?;
    shown.record(&named("shown")?, move |frame| arrivals.age(frame))?;
    Ok(pipeline)
}
