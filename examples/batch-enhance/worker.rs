// SPDX-License-Identifier: MIT OR Apache-2.0
//! The process that does one file, so that nothing that happens in it reaches the others; and its talk with the master.
//!
//! A worker writes one JSON [`Event`] a line to standard output. Its standard input is its leash: when the master is gone,
//! however it went, the input ends and the worker stops.

use std::io::{BufRead, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cli::{Treatment, Worker};
use crate::clips::Clip;
use crate::enhance::enhance;
use crate::report::Report;
use crate::{errors, source};

/// How long a worker whose master is gone may take to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// So much of the video is done.
    Position {
        /// Of the video.
        seconds: f64,
    },
    /// The output and its report are written.
    Done(Box<Report>),
    /// There is no output.
    Failed {
        /// Why.
        error: String,
        /// Whether it is for want of space.
        disk_full: bool,
    },
}

/// Does the work of a worker process.
///
/// # Errors
/// When the master cannot be told.
pub fn run(worker: Worker) -> Result<ExitCode> {
    gst::init()?;
    match worker {
        Worker::Durations => durations(),
        Worker::Enhance { input, output, report, treatment } => {
            one(&Clip { input, output, report }, &treatment)
        }
    }
}

fn one(clip: &Clip, treatment: &Treatment) -> Result<ExitCode> {
    gstfacerestore::plugin_register_static()?;
    let alone = Arc::new(AtomicBool::new(false));
    let master_gone = alone.clone();
    std::thread::spawn(move || {
        // Nothing is ever sent; a read ends when the other end does.
        let _ = std::io::stdin().read(&mut [0]);
        master_gone.store(true, Ordering::Relaxed);
        std::thread::sleep(PATIENCE);
        std::process::exit(1);
    });
    let progress = |position: gst::ClockTime| {
        let told = say(&Event::Position { seconds: position.nseconds() as f64 / 1e9 });
        told.is_ok() && !alone.load(Ordering::Relaxed)
    };
    let result = enhance(clip, treatment, progress);
    let success = result.is_ok();
    say(&match result {
        Ok(report) => Event::Done(Box::new(report)),
        Err(error) => Event::Failed { error: format!("{error:#}"), disk_full: errors::is_disk_full(&error) },
    })?;
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Answers each path (a JSON string a line) with the file's duration in seconds, or `null`.
fn durations() -> Result<ExitCode> {
    for line in std::io::stdin().lock().lines() {
        let file: PathBuf = serde_json::from_str(&line?)?;
        let duration = source::duration(&file).ok().flatten();
        say(&duration.map(|duration| duration.nseconds() as f64 / 1e9))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn say(what: &impl Serialize) -> Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(what)?)?;
    Ok(output.flush()?)
}
