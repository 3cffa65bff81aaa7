// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call with restored faces: camera, file or test picture → facerestore → RTP over UDP, a virtual camera or browsers, with
//! the latency from the lens to the screen measured on the way.
//!
//! `cargo run --release -p facerestore-examples --bin live-conference -- --source tests/data/carphone_pristine.mp4`

mod bus;
mod cli;
mod receiver;
mod report;
mod sender;
mod timestamp;
mod webrtc;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use gst::prelude::*;

use crate::bus::End;
use crate::cli::{Cli, Output};
use crate::report::{Latencies, Reporter};

/// How often errors, the end and Ctrl-C are looked for.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(50);
/// How long after the last frame was sent the receiver may show it, beyond its jitter buffer.
const DRAIN: Duration = Duration::from_millis(700);

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    gst::init()?;
    gstfacerestore::plugin_register_static()?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed)).context("cannot handle Ctrl-C")?;
    if cli.webrtc {
        return webrtc::serve(&cli, &stop).map(|()| ExitCode::SUCCESS);
    }
    let shown = Latencies::default();
    let sender = sender::build(&cli, &shown)?;
    let receiver = match cli.output()? {
        Output::Rtp(address) if address.ip().is_loopback() => {
            Some(receiver::build(&cli, address.port(), &shown)?)
        }
        Output::Rtp(_) | Output::Device(_) => None,
    };
    let pipelines: Vec<gst::Pipeline> = receiver.into_iter().chain([sender.pipeline.clone()]).collect();
    let result = call(&cli, &sender, &pipelines, &shown, &stop);
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).context("a pipeline does not stop")?;
    }
    result.map(|()| ExitCode::SUCCESS)
}

/// Plays until the source ends, the time is up, or the user stops it.
fn call(
    cli: &Cli,
    sender: &sender::Sender,
    pipelines: &[gst::Pipeline],
    shown: &Latencies,
    stop: &AtomicBool,
) -> Result<()> {
    for pipeline in pipelines {
        if pipeline.set_state(gst::State::Playing).is_err() {
            // The bus says why.
            bus::next_end(pipeline, POLL)?;
            bail!("the pipeline does not start");
        }
    }
    let mut reporter = Reporter::new(sender, shown);
    let end = cli.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    while !stop.load(Ordering::Relaxed) && end.is_none_or(|end| Instant::now() < end) {
        let ends = pipelines.iter().map(|pipeline| bus::next_end(pipeline, POLL));
        if ends.collect::<Result<Vec<_>>>()?.contains(&Some(End::Stream)) {
            std::thread::sleep(DRAIN + Duration::from_millis(cli.jitter_buffer.into()));
            break;
        }
        reporter.tick();
    }
    reporter.conclude();
    Ok(())
}
