// SPDX-License-Identifier: MIT OR Apache-2.0
//! The sending side: source → facerestore → H.264 → RTP, or → virtual camera.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use gst::prelude::*;

use crate::cli::{Cli, Output};
use crate::report::Latencies;
use crate::timestamp;

/// The sending pipeline.
#[derive(Debug)]
pub struct Sender {
    /// The pipeline.
    pub pipeline: gst::Pipeline,
    /// The element that restores.
    pub restorer: gst::Element,
    captured: Arc<AtomicU64>,
}

impl Sender {
    /// How many frames the source gave.
    #[must_use]
    pub fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }
}

/// Builds the pipeline; a virtual camera's latency is what this side takes.
///
/// # Errors
/// When the source does not exist or an element is missing.
pub fn build(cli: &Cli, shown: &Latencies) -> Result<Sender> {
    let source = source_line(cli)?;
    let sink = match cli.output()? {
        Output::Rtp(address) => format!(
            "x264enc name=encoder tune=zerolatency speed-preset=veryfast key-int-max=60 bitrate={} ! video/x-h264,profile=main \
             ! rtph264pay auto-header-extension=true config-interval=-1 mtu=1200 ! application/x-rtp,{} \
             ! udpsink host={} port={} sync=true async=false",
            cli.bitrate,
            timestamp::EXTENSION,
            address.ip(),
            address.port()
        ),
        Output::Device(_) => {
            "video/x-raw,format=I420 ! clocksync name=shown ! v4l2sink name=device sync=false".to_owned()
        }
    };
    // Sinks keep time by the latency that the elements answer, so frames leave as evenly as they came; the queue holds them until
    // then. Where the encoder does not keep up, frames are left out instead of queued up for longer.
    let line = format!(
        "{source} ! videoconvert ! facerestore name=restorer mode=live \
         ! queue leaky=downstream max-size-buffers=0 max-size-bytes=0 max-size-time=300000000 ! videoconvert ! {sink}"
    );
    let pipeline = gst::parse::launch(&line).context("an element is missing: run scripts/setup")?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().ok().context("the line makes a pipeline")?;
    let named = |name: &str| pipeline.by_name(name).with_context(|| format!("the line names {name}"));
    name_source(cli, &pipeline)?;
    if let Output::Device(device) = cli.output()? {
        named("device")?.set_property("device", device.to_str().context("the device's name is not UTF-8")?);
        shown.record(&named("shown")?, timestamp::age)?;
    }
    let restorer = named("restorer")?;
    restorer.set_property("strength", cli.strength.clamp(0.0, 1.0));
    restorer.set_property("detail", cli.detail.clamp(0.0, 1.0));
    let source = named("source")?;
    timestamp::stamp(&source, cli.is_of_camera())?;
    let captured = count(&source)?;
    Ok(Sender { restorer, captured, pipeline })
}

/// The beginning of a line: the source's pictures, as they leave the element named source. A file's wait there for their time,
/// as a camera's do.
///
/// # Errors
/// When there is no such file.
pub fn source_line(cli: &Cli) -> Result<&'static str> {
    if cli.is_of_camera() {
        return Ok("v4l2src name=camera ! identity name=source ! decodebin");
    }
    if !cli.is_of_file() {
        return Ok(
            "videotestsrc name=source is-live=true pattern=ball ! video/x-raw,width=1280,height=720,framerate=30/1",
        );
    }
    ensure!(
        Path::new(&cli.source).is_file(),
        "cannot find {}: give a video file, a camera's device, or test",
        cli.source
    );
    Ok("filesrc name=file ! decodebin ! videoconvert ! queue max-size-buffers=2 ! clocksync name=source")
}

/// Tells the elements of [`source_line`] which camera or file.
///
/// # Errors
/// When `pipeline` is not of that line.
pub fn name_source(cli: &Cli, pipeline: &gst::Pipeline) -> Result<()> {
    let (element, property) = match () {
        () if cli.is_of_camera() => ("camera", "device"),
        () if cli.is_of_file() => ("file", "location"),
        () => return Ok(()),
    };
    let element = pipeline.by_name(element).with_context(|| format!("the line names {element}"))?;
    element.set_property(property, &cli.source);
    Ok(())
}

fn count(source: &gst::Element) -> Result<Arc<AtomicU64>> {
    let counter = Arc::new(AtomicU64::new(0));
    let counted = counter.clone();
    let pad = source.static_pad("src").context("a source has an output")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    Ok(counter)
}
