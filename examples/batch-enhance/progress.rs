// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress bar, in time of video, and a line for each file that is done.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{FormattedDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::clips::Clip;
use crate::report::{Fate, Report};

/// The progress of a batch; drawn on a terminal only.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    times: Mutex<Times>,
}

/// Milliseconds of video per file.
#[derive(Debug, Default)]
struct Times {
    whole: HashMap<PathBuf, u64>,
    done: HashMap<PathBuf, u64>,
}

impl Progress {
    /// Of no files yet.
    #[must_use]
    pub fn new() -> Self {
        let played = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let time = |ms: u64| FormattedDuration(Duration::from_secs(ms / 1000));
            // A formatter's error has nowhere to go.
            let _ = write!(text, "{} of {}", time(state.pos()), time(state.len().unwrap_or_default()));
        };
        let style = ProgressStyle::with_template("{bar:40} {played} of video, {elapsed} gone, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("played", played);
        Self { bar: ProgressBar::new(0).with_style(style), times: Mutex::default() }
    }

    /// Asks a process of our own how long the files play, and counts those times in: a file that crashes it counts 0.
    pub fn measure(&self, clips: &[Clip]) {
        let mut rest = clips;
        while !rest.is_empty() {
            let answered = self.ask(rest).unwrap_or_default();
            rest = rest.get(answered + 1..).unwrap_or_default();
        }
    }

    /// Returns how many files were answered for.
    fn ask(&self, clips: &[Clip]) -> Result<usize> {
        let program = std::env::current_exe()?;
        let mut child = Command::new(program)
            .arg("durations")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut questions = child.stdin.take().context("a pipe")?;
        let mut answers = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let mut answered = 0;
        for clip in clips {
            let asked = writeln!(questions, "{}", serde_json::to_string(&clip.input)?);
            let Some(Ok(answer)) = asked.ok().and_then(|()| answers.next()) else { break };
            if let Ok(Some(seconds)) = serde_json::from_str::<Option<f64>>(&answer) {
                self.update(clip, |times, file| times.whole.insert(file, milliseconds(seconds)));
            }
            answered += 1;
        }
        drop(questions);
        child.wait()?;
        Ok(answered)
    }

    /// So much of a file is done.
    pub fn position(&self, clip: &Clip, seconds: f64) {
        self.update(clip, |times, file| times.done.insert(file, milliseconds(seconds)));
    }

    /// A file is done.
    pub fn done(&self, clip: &Clip, report: &Report) {
        self.finish(clip);
        let mut line = format!(
            "{}: {} frames, {} faces restored, {:.0} s",
            clip.output.display(),
            report.frames,
            report.restored_faces,
            report.seconds
        );
        for stream in &report.streams {
            if let Fate::Dropped { reason } = &stream.fate {
                line += &format!("\n  without {}: {reason}", stream.kind);
            }
            for loss in &stream.losses {
                line += &format!("\n  lost of {}: {loss}", stream.kind);
            }
        }
        for loss in &report.losses {
            line += &format!("\n  lost: {loss}");
        }
        for warning in &report.warnings {
            line += &format!("\n  warning: {warning}");
        }
        self.bar.suspend(|| println!("{line}"));
    }

    /// A file cannot be done.
    pub fn failed(&self, clip: &Clip, error: &str) {
        self.finish(clip);
        self.warn(&format!("skipped {}: {error}", clip.input.display()));
    }

    /// A line for the user.
    pub fn warn(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Takes the bar away.
    pub fn close(&self) {
        self.bar.finish_and_clear();
    }

    /// What is left of the file will not be waited for.
    fn finish(&self, clip: &Clip) {
        self.update(clip, |times, file| {
            times.whole.get(&file).copied().and_then(|whole| times.done.insert(file, whole))
        });
    }

    fn update(&self, clip: &Clip, change: impl FnOnce(&mut Times, PathBuf) -> Option<u64>) {
        let mut times = self.times.lock().unwrap();
        change(&mut times, clip.input.clone());
        self.bar.set_length(times.whole.values().sum());
        self.bar.set_position(times.done.values().sum());
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1e3) as u64
}
