// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts a worker process per file, several at a time, and collects what became of them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::cli::Treatment;
use crate::clips::Clip;
use crate::enhance::remove_leftovers;
use crate::progress::Progress;
use crate::report::Report;
use crate::worker::Event;

/// The workers of a batch.
#[derive(Debug, Default)]
pub struct Master {
    /// The inputs of the running workers: without them they stop.
    leashes: Mutex<Vec<Option<ChildStdin>>>,
    stopped: AtomicBool,
}

/// What became of the files that this run took on.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many were done.
    pub done: usize,
    /// Which could not be done, and why.
    pub failed: Vec<(Clip, String)>,
    /// Whether the disk was full.
    pub disk_full: bool,
}

impl Master {
    /// Does the `clips`, `jobs` at a time.
    pub fn run(&self, clips: &[Clip], jobs: usize, treatment: &Treatment, progress: &Progress) -> Tally {
        let next = AtomicUsize::new(0);
        let tally = Mutex::new(Tally::default());
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(clips.len()) {
                scope.spawn(|| {
                    while let Some(clip) = clips.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.is_stopped() {
                            break;
                        }
                        let outcome = self.one(clip, jobs, treatment, progress);
                        self.count(clip, outcome, progress, &mut tally.lock().unwrap());
                    }
                });
            }
        });
        tally.into_inner().unwrap()
    }

    /// Ends the workers, and starts no more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.leashes.lock().unwrap().clear();
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn count(&self, clip: &Clip, outcome: Result<Event>, progress: &Progress, tally: &mut Tally) {
        let (error, full) = match outcome {
            Ok(Event::Done(report)) => {
                progress.done(clip, &report);
                tally.done += 1;
                return;
            }
            Ok(Event::Failed { error, disk_full }) => (error, disk_full),
            Ok(Event::Position { .. }) => ("it stopped without a word".to_owned(), false),
            Err(error) => (format!("{error:#}"), false),
        };
        if self.is_stopped() {
            return;
        }
        progress.failed(clip, &error);
        if let Err(error) = Report::of_failure(&clip.input, &clip.output, error.clone()).write(&clip.report) {
            progress.warn(&format!("{error:#}"));
        }
        tally.failed.push((clip.clone(), error));
        if full {
            tally.disk_full = true;
            self.stop();
        }
    }

    /// Does one file; the last thing that its worker says.
    fn one(&self, clip: &Clip, jobs: usize, treatment: &Treatment, progress: &Progress) -> Result<Event> {
        remove_leftovers(&clip.output)?;
        let mut child = start(clip, jobs, treatment)?;
        let slot = self.hold(child.stdin.take());
        let stderr = child.stderr.take().context("the worker's standard error is a pipe")?;
        let complaints = std::thread::spawn(move || last_lines(stderr));
        let stdout = child.stdout.take().context("the worker's standard output is a pipe")?;
        let mut last = None;
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(Event::Position { seconds }) => progress.position(clip, seconds),
                Ok(event) => last = Some(event),
                // A library may print.
                Err(_) => (),
            }
        }
        let status = child.wait().context("cannot wait for the worker")?;
        self.leashes.lock().unwrap().get_mut(slot).into_iter().for_each(|leash| *leash = None);
        remove_leftovers(&clip.output)?;
        let complaints = complaints.join().unwrap_or_default();
        last.with_context(|| format!("its process ended without a result: {}{complaints}", ending(status)))
    }

    fn hold(&self, leash: Option<ChildStdin>) -> usize {
        let mut leashes = self.leashes.lock().unwrap();
        leashes.push(leash.filter(|_| !self.is_stopped()));
        leashes.len() - 1
    }
}

fn start(clip: &Clip, jobs: usize, treatment: &Treatment) -> Result<Child> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.arg("enhance").args([&clip.input, &clip.output, &clip.report]);
    for property in &treatment.properties {
        command.arg("--property").arg(property.to_string());
    }
    if let Some(deinterlace) = treatment.deinterlace.to_possible_value() {
        command.arg("--deinterlace").arg(deinterlace.get_name());
    }
    // The workers share the cores; a number that the user has set holds.
    if std::env::var_os("OMP_NUM_THREADS").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        command.env("OMP_NUM_THREADS", (cores / jobs).max(1).to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().context("cannot start a worker process")
}

/// The last lines of what a worker complained about, after a line break.
fn last_lines(stderr: impl Read) -> String {
    let lines: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    lines[lines.len().saturating_sub(5)..].iter().map(|line| format!("\n  {line}")).collect()
}

fn ending(status: ExitStatus) -> String {
    // "exit status: 1" or "signal: 11 (SIGSEGV) (core dumped)".
    status.to_string()
}
