// SPDX-License-Identifier: MIT OR Apache-2.0
//! Batches of training pairs, made by worker threads so that libtorch never waits.
//!
//! Batch `b` is always the work of worker `b mod W` and every pair draws from its own generator, so the batches of a
//! seed are the same whatever the threads' timing, and a run can begin at any batch.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, bounded};
use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use restore_core::{Condition, RestoreError, faces_from_bytes};
use tch::{Device, Tensor};

use super::parallel::Share;
use crate::data::dataset::FaceDataset;
use crate::data::pair::{PairError, PairRecipe};

/// A loader that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Too many files in a row were broken.
    #[error("no readable picture in {tries} tries, the last was: {last}")]
    Unreadable {
        /// How many files were tried for one pair.
        tries: u32,
        /// What was wrong with the last.
        last: String,
    },
    /// The batch cannot be made into tensors.
    #[error(transparent)]
    Tensor(#[from] RestoreError),
    /// A worker thread is gone.
    #[error("a loader thread stopped unexpectedly")]
    Stopped,
}

/// What every worker needs to know.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// How pairs are made.
    pub recipe: PairRecipe,
    /// What the network is told of a picture.
    pub condition: Condition,
    /// Pairs in a batch.
    pub batch: usize,
    /// Which part of the batches this process makes.
    pub share: Share,
    /// Seed of all draws.
    pub seed: u64,
    /// Worker threads.
    pub workers: usize,
}

/// A training batch in 8-bit pixels, `[N, S, S, 3]`, on the CPU: a quarter of the floats to send to a GPU.
struct Bytes {
    targets: Tensor,
    /// The degraded pictures of a restorer, in 8-bit pixels too.
    degraded: Option<Tensor>,
    /// The classes of a generator, `[N]` int64.
    classes: Tensor,
}

/// A training picture.
struct Sample {
    target: RgbImage,
    /// d(x), for a restorer.
    degraded: Option<RgbImage>,
    class: i64,
}

/// The endless sequence of batches.
pub struct Loader {
    queues: Vec<Receiver<Result<Bytes, LoaderError>>>,
    workers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    source: Arc<Source>,
    next: u64,
}

/// What the workers share.
struct Source {
    dataset: FaceDataset,
    options: LoaderOptions,
    /// Indices of the pictures that gave no pair.
    broken: Mutex<HashSet<usize>>,
}

/// Batches that each worker keeps ready.
const AHEAD: usize = 2;
/// Broken files passed over for one pair before the loader gives up.
const MAX_TRIES: u32 = 64;

impl Loader {
    /// Starts the workers at batch number `first`.
    #[must_use]
    pub fn start(dataset: FaceDataset, options: &LoaderOptions, first: u64) -> Self {
        let source = Arc::new(Source { dataset, options: options.clone(), broken: Mutex::default() });
        let stop = Arc::new(AtomicBool::new(false));
        let count = options.workers.max(1) as u64;
        let mut queues = Vec::new();
        let mut workers = Vec::new();
        for worker in 0..count {
            let (sender, receiver) = bounded(AHEAD);
            let (source, stop) = (source.clone(), stop.clone());
            workers.push(std::thread::spawn(move || {
                let mut batch = first + worker;
                while !stop.load(Ordering::Relaxed) {
                    let made = source.make_batch(batch);
                    let failed = made.is_err();
                    if sender.send(made).is_err() || failed {
                        return;
                    }
                    batch += count;
                }
            }));
            queues.push(receiver);
        }
        Self { queues, workers, stop, source, next: 0 }
    }

    /// The next batch on `device`: targets and degraded inputs, each [N, 3, S, S] float in [-1, 1], S the recipe's
    /// [`side`](PairRecipe::side). For a generator the pictures and the numbers of their classes, `[N]` int64.
    ///
    /// # Errors
    /// [`LoaderError`] when the data cannot be read.
    pub fn next_batch(&mut self, device: Device) -> Result<(Tensor, Tensor), LoaderError> {
        let queue = &self.queues[(self.next % self.queues.len() as u64) as usize];
        let bytes = queue.recv().map_err(|_| LoaderError::Stopped)??;
        self.next += 1;
        let faces =
            |bytes: &Tensor| -> Result<_, RestoreError> { faces_from_bytes(&bytes.f_to_device(device)?) };
        let told = match &bytes.degraded {
            Some(degraded) => faces(degraded)?,
            None => bytes.classes.f_to_device(device).map_err(RestoreError::from)?,
        };
        Ok((faces(&bytes.targets)?, told))
    }

    /// How many broken pictures were passed over so far; each was named in a warning.
    #[must_use]
    pub fn broken_pictures(&self) -> usize {
        self.source.broken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Workers waiting on a full queue see its end.
        self.queues.clear();
        for worker in self.workers.drain(..) {
            // A panic there has already been reported as a missing batch.
            let _ = worker.join();
        }
    }
}

impl Source {
    fn make_batch(&self, batch: u64) -> Result<Bytes, LoaderError> {
        let LoaderOptions { recipe, condition, batch: size, share, seed, .. } = &self.options;
        let bytes = recipe.side() as usize * recipe.side() as usize * 3 * size;
        let mut targets = Vec::with_capacity(bytes);
        let mut degraded = Vec::with_capacity(if condition.generates() { 0 } else { bytes });
        let mut classes = Vec::with_capacity(*size);
        let first = (batch * share.count + share.rank) * *size as u64;
        for number in first..first + *size as u64 {
            let mut rng = ChaCha8Rng::seed_from_u64(*seed);
            rng.set_stream(number);
            let sample = self.make_sample(&mut rng)?;
            targets.extend_from_slice(sample.target.as_raw());
            if let Some(picture) = &sample.degraded {
                degraded.extend_from_slice(picture.as_raw());
            }
            classes.push(sample.class);
        }
        let side = i64::from(recipe.side());
        let stacked = |bytes: &[u8]| -> Result<_, RestoreError> {
            Ok(Tensor::f_from_slice(bytes)?.f_view([-1, side, side, 3])?)
        };
        Ok(Bytes {
            targets: stacked(&targets)?,
            degraded: if condition.generates() { None } else { Some(stacked(&degraded)?) },
            classes: Tensor::f_from_slice(&classes).map_err(RestoreError::from)?,
        })
    }

    fn make_sample(&self, rng: &mut ChaCha8Rng) -> Result<Sample, LoaderError> {
        let mut last = String::new();
        for _ in 0..MAX_TRIES {
            let index = self.dataset.draw(rng);
            let made = self.dataset.read(index).map_err(|error| error.to_string());
            let made = made.and_then(|(picture, target)| {
                let sample = self.show(&picture, target.as_ref(), self.dataset.class(index), rng);
                sample.map_err(|error| format!("{}: {error}", self.dataset.path(index).display()))
            });
            match made {
                Ok(sample) => return Ok(sample),
                Err(error) => {
                    if self.broken.lock().unwrap_or_else(PoisonError::into_inner).insert(index) {
                        tracing::warn!("skipped: {error}");
                    }
                    last = error;
                }
            }
        }
        Err(LoaderError::Unreadable { tries: MAX_TRIES, last })
    }

    /// What the network sees of a picture.
    fn show(
        &self,
        picture: &RgbImage,
        target: Option<&RgbImage>,
        class: i64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Sample, PairError> {
        let LoaderOptions { recipe, condition, .. } = &self.options;
        if condition.generates() {
            return Ok(Sample { target: recipe.see(picture, rng)?, degraded: None, class });
        }
        let pair = recipe.make(picture, target, rng)?;
        Ok(Sample { target: pair.target, degraded: Some(pair.degraded), class })
    }
}
