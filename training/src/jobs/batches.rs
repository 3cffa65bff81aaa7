// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures through a network in batches: the next batch is read and the last one written while one is computed.

use crossbeam::channel::{Receiver, Sender, bounded};
use image::RgbImage;
use indicatif::ProgressBar;

use super::files::Job;
use super::interrupt::{self, Outcome};
use super::threads::in_parallel;
use crate::picture::PictureError;

/// What is done with one picture, or one batch of them. `T` is a picture as it was read.
pub struct Stages<R, A, W> {
    /// Reads a picture. What fails here is a broken picture, which is passed over; the error says what is wrong with it.
    pub read: R,
    /// Runs the network on a batch, in order.
    pub apply: A,
    /// Writes the result of a picture. One that cannot be written is passed over, unless the disk is full.
    pub write: W,
}

/// How far [`Stages::run`] came.
#[derive(Debug)]
pub struct Done<'a> {
    /// Whether all batches were worked off.
    pub outcome: Outcome,
    /// The broken pictures and those whose results could not be written, and what is wrong with each.
    pub failures: Vec<(&'a Job, String)>,
}

impl<R, A, W> Stages<R, A, W> {
    /// Works off `batches` until they end or [`interrupt::requested`].
    ///
    /// A batch is computed whole, also when some of its results are there already from an interrupted run: the network's
    /// kernels round differently in batches of different sizes, and a result shall not depend on interruptions. Only
    /// missing results are written.
    ///
    /// # Errors
    /// When the network fails or the disk is full.
    pub fn run<'a, T: Send, E: From<PictureError>>(
        mut self,
        batches: &[&'a [Job]],
        bar: &ProgressBar,
    ) -> Result<Done<'a>, E>
    where
        R: Fn(&Job) -> Result<T, String> + Sync,
        A: FnMut(&[(&'a Job, T)]) -> Result<Vec<RgbImage>, E>,
        W: Fn(&Job, &T, &RgbImage) -> Result<(), PictureError> + Sync,
    {
        let (read, write) = (&self.read, &self.write);
        let (read_sender, pictures) = bounded(1);
        let (results, write_receiver) = bounded(1);
        std::thread::scope(|scope| {
            scope.spawn(move || read_all(batches, read, read_sender));
            let writer = scope.spawn(move || write_all(write_receiver, write));
            let done = apply_all(pictures, &mut self.apply, results, bar);
            let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // A full disk ends the computation, so it is the reason to name.
            let unwritten = written?;
            let mut done = done?;
            done.failures.extend(unwritten);
            Ok(done)
        })
    }
}

type ReadBatch<'a, T> = Vec<(&'a Job, Result<T, String>)>;
type Results<'a, T> = (Vec<(&'a Job, T)>, Vec<RgbImage>);

fn read_all<'a, T: Send>(
    batches: &[&'a [Job]],
    read: &(impl Fn(&Job) -> Result<T, String> + Sync),
    sender: Sender<ReadBatch<'a, T>>,
) {
    for batch in batches {
        let pictures = in_parallel(*batch, |job| (job, read(job)));
        if sender.send(pictures).is_err() {
            return;
        }
    }
}

fn apply_all<'a, T, E>(
    batches: Receiver<ReadBatch<'a, T>>,
    apply: &mut impl FnMut(&[(&'a Job, T)]) -> Result<Vec<RgbImage>, E>,
    results: Sender<Results<'a, T>>,
    bar: &ProgressBar,
) -> Result<Done<'a>, E> {
    let mut failures = Vec::new();
    for batch in batches {
        if interrupt::requested() {
            return Ok(Done { outcome: Outcome::Interrupted, failures });
        }
        let count = batch.len() as u64;
        let mut pictures = Vec::with_capacity(batch.len());
        for (job, picture) in batch {
            match picture {
                Ok(picture) => pictures.push((job, picture)),
                Err(message) => failures.push((job, message)),
            }
        }
        if !pictures.is_empty() {
            let restored = apply(&pictures)?;
            if results.send((pictures, restored)).is_err() {
                // The writer has ended, and says why.
                break;
            }
        }
        bar.inc(count);
    }
    Ok(Done { outcome: Outcome::Finished, failures })
}

/// Returns the jobs whose results could not be written, and why.
fn write_all<'a, T: Send>(
    results: Receiver<Results<'a, T>>,
    write: &(impl Fn(&Job, &T, &RgbImage) -> Result<(), PictureError> + Sync),
) -> Result<Vec<(&'a Job, String)>, PictureError> {
    let mut failures = Vec::new();
    for (pictures, restored) in results {
        let missing = pictures.into_iter().zip(restored).filter(|((job, _), _)| !job.is_done());
        let written =
            in_parallel(missing, |((job, picture), restored)| (job, write(job, &picture, &restored)));
        for (job, written) in written {
            match written {
                Ok(()) => {}
                Err(error) if error.is_full_disk() => return Err(error),
                Err(error @ PictureError::Write { .. }) => failures.push((job, error.to_string())),
                Err(error) => failures.push((job, format!("{}: {error}", job.input.display()))),
            }
        }
    }
    Ok(failures)
}
