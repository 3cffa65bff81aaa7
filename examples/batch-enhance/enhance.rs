// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file from start to end: the output appears under its name when it is whole.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;
use tempfile::TempPath;

use crate::cli::Treatment;
use crate::clips::Clip;
use crate::errors;
use crate::graph::Graph;
use crate::inventory::Inventory;
use crate::report::Report;

/// How often the position is told.
const PROGRESS: gst::ClockTime = gst::ClockTime::from_mseconds(300);
/// A video that ends so much before its file does is worth a warning.
const SHORT: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// Restores the faces of `clip.input` and writes report and output; `progress` is told how far it is, and says whether
/// to go on.
///
/// # Errors
/// When the file cannot be done, or `progress` says no; there is no output then.
pub fn enhance(
    clip: &Clip,
    treatment: &Treatment,
    progress: impl Fn(gst::ClockTime) -> bool,
) -> Result<Report> {
    let start = Instant::now();
    let part = temporary(&clip.output)?;
    let mut graph = Graph::build(&clip.input, &part, treatment)?;
    let mut report = Report { input: clip.input.clone(), output: clip.output.clone(), ..Report::default() };
    let played = play(&graph, &mut report, progress);
    for chain in &graph.chains {
        report.add_stats(&chain.restorer.property::<gst::Structure>("stats"));
    }
    graph.note_losses();
    let held = graph.inventory();
    graph.stop();
    played?;
    ensure!(
        report.failures == 0 || report.restored_faces > 0,
        "no face could be restored: {}",
        report.warnings.first().map_or("each frame failed", String::as_str)
    );
    // Encoders have been seen to swallow frames without an error.
    let encoded = graph.encoded();
    ensure!(encoded >= report.frames, "the encoder gave {encoded} of {} frames", report.frames);
    report.streams = graph.streams.clone();
    report.duration_seconds = Some(graph.position().nseconds() as f64 / 1e9);
    if let Some(whole) = graph.duration.filter(|&whole| graph.position() + SHORT < whole) {
        report
            .warnings
            .push(format!("the video ends at {} of {whole}: the file may be damaged", graph.position()));
    }
    // Only the file itself tells what its muxer wrote.
    match held.and_then(|held| Ok(held.lost_in(&Inventory::of_file(&part)?))) {
        Ok(losses) => report.losses = losses,
        Err(error) => report.warnings.push(format!("what is lost cannot be told: {error:#}")),
    }
    File::open(&part)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot write {}", clip.output.display()))?;
    report.seconds = start.elapsed().as_secs_f64();
    // A report without an output is written again; an output without a report would never get one.
    report.write(&clip.report)?;
    part.persist(&clip.output).with_context(|| format!("cannot write {}", clip.output.display()))?;
    Ok(report)
}

fn play(graph: &Graph, report: &mut Report, progress: impl Fn(gst::ClockTime) -> bool) -> Result<()> {
    let bus = graph.pipeline.bus().context("a pipeline has a bus")?;
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error, gst::MessageType::Warning];
    // A failed change of state posts an error.
    let started = graph.pipeline.set_state(gst::State::Playing);
    loop {
        let message = if started.is_err() {
            bus.pop_filtered(&kinds)
        } else {
            bus.timed_pop_filtered(PROGRESS, &kinds)
        };
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => return Ok(()),
            Some(gst::MessageView::Error(error)) => return Err(errors::of(error)),
            Some(gst::MessageView::Warning(warning)) => report.warnings.push(warning.error().to_string()),
            _ if started.is_err() => bail!("the pipeline does not start"),
            _ => (),
        }
        if !progress(graph.position()) {
            bail!("it was interrupted");
        }
    }
}

/// The hidden file beside `output` that becomes it; what is left of it goes when this does.
fn temporary(output: &Path) -> Result<TempPath> {
    let (folder, prefix) = hidden_name(output)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(restore_core::TEMPORARY_SUFFIX);
    // tempfile's files are private; an output has the permissions that the umask leaves.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let make = || {
        std::fs::create_dir_all(folder)?;
        builder.tempfile_in(folder)
    };
    Ok(make().with_context(|| format!("cannot write into {}", folder.display()))?.into_temp_path())
}

/// Removes what a killed process left of `output`.
///
/// # Errors
/// When its folder cannot be read, or the file not be removed.
pub fn remove_leftovers(output: &Path) -> Result<()> {
    let (folder, prefix) = hidden_name(output)?;
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {}", folder.display()))?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix.as_encoded_bytes())
            && bytes.ends_with(restore_core::TEMPORARY_SUFFIX.as_bytes())
        {
            let leftover = folder.join(&name);
            std::fs::remove_file(&leftover)
                .with_context(|| format!("cannot remove {}", leftover.display()))?;
        }
    }
    Ok(())
}

fn hidden_name(output: &Path) -> Result<(&Path, OsString)> {
    let name = output.file_name().with_context(|| format!("{} names no file", output.display()))?;
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    Ok((folder, prefix))
}
