//! Batches of (clean, degraded) faces, made by worker threads so that libtorch never waits.
//!
//! Batch `b` is always the work of worker `b mod W` and every face draws from its own generator, so the batches of a
//! seed are the same whatever the threads' timing, and a run can begin at any batch.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, bounded};
use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restore_core::{RestoreError, faces_from_rgb8};
use tch::Tensor;

use crate::degradation::Degradation;
use crate::picture::{self, PictureError};

/// A loader that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// The folder cannot be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Nothing to train on.
    #[error("{} holds no pictures (PNG or JPEG); make a data set with aligned faces there", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// Too many files in a row were broken.
    #[error("no readable picture in {tries} tries, the last was: {last}")]
    Unreadable {
        /// How many files were tried for one face.
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
    /// Width and height of the faces.
    pub crop_size: u32,
    /// Faces in a batch.
    pub batch: usize,
    /// Probability of mirroring.
    pub flip: f64,
    /// How inputs are made.
    pub degradation: Degradation,
    /// Seed of all draws.
    pub seed: u64,
    /// Worker threads.
    pub workers: usize,
}

/// A training batch in 8-bit pixels, `[N, H, W, 3]`.
struct Bytes {
    clean: Vec<u8>,
    degraded: Vec<u8>,
}

/// The endless sequence of batches.
pub struct Loader {
    options: LoaderOptions,
    queues: Vec<Receiver<Result<Bytes, LoaderError>>>,
    workers: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    broken: Arc<AtomicU64>,
    next: u64,
}

/// Batches that each worker keeps ready.
const AHEAD: usize = 2;
/// Broken files passed over for one face before the loader gives up.
const MAX_TRIES: u32 = 64;

impl Loader {
    /// Starts the workers at batch number `first` of the faces in `folder`.
    ///
    /// # Errors
    /// [`LoaderError`] when the folder cannot be listed or is empty.
    pub fn start(folder: &std::path::Path, options: &LoaderOptions, first: u64) -> Result<Self, LoaderError> {
        let files = picture::list(folder)?;
        if files.is_empty() {
            return Err(LoaderError::Empty { folder: folder.to_owned() });
        }
        let files = Arc::new(files);
        let stop = Arc::new(AtomicBool::new(false));
        let broken = Arc::new(AtomicU64::new(0));
        let count = options.workers.max(1) as u64;
        let mut queues = Vec::new();
        let mut workers = Vec::new();
        for worker in 0..count {
            let (sender, receiver) = bounded(AHEAD);
            let (files, options, stop, broken) =
                (files.clone(), options.clone(), stop.clone(), broken.clone());
            workers.push(std::thread::spawn(move || {
                let mut batch = first + worker;
                while !stop.load(Ordering::Relaxed) {
                    let made = make_batch(&files, &options, batch, &broken);
                    let failed = made.is_err();
                    if sender.send(made).is_err() || failed {
                        return;
                    }
                    batch += count;
                }
            }));
            queues.push(receiver);
        }
        Ok(Self { options: options.clone(), queues, workers, stop, broken, next: 0 })
    }

    /// The next batch: clean and degraded faces, each [N, 3, S, S] float in [-1, 1].
    ///
    /// # Errors
    /// [`LoaderError`] when the data cannot be read.
    pub fn next_batch(&mut self) -> Result<(Tensor, Tensor), LoaderError> {
        let queue = &self.queues[(self.next % self.queues.len() as u64) as usize];
        let bytes = queue.recv().map_err(|_| LoaderError::Stopped)??;
        self.next += 1;
        let size = self.options.crop_size;
        let face = size as usize * size as usize * 3;
        let split = |bytes: &[u8]| faces_from_rgb8(&bytes.chunks(face).collect::<Vec<_>>(), size);
        Ok((split(&bytes.clean)?, split(&bytes.degraded)?))
    }

    /// How many times a broken file was passed over so far.
    pub fn broken_files(&self) -> u64 {
        self.broken.load(Ordering::Relaxed)
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

fn make_batch(
    files: &[PathBuf],
    options: &LoaderOptions,
    batch: u64,
    broken: &AtomicU64,
) -> Result<Bytes, LoaderError> {
    let face = options.crop_size as usize * options.crop_size as usize * 3;
    let mut bytes = Bytes {
        clean: Vec::with_capacity(face * options.batch),
        degraded: Vec::with_capacity(face * options.batch),
    };
    for index in 0..options.batch {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(batch * options.batch as u64 + index as u64);
        let (clean, degraded) = make_pair(files, options, &mut rng, broken)?;
        bytes.clean.extend_from_slice(clean.as_raw());
        bytes.degraded.extend_from_slice(degraded.as_raw());
    }
    Ok(bytes)
}

fn make_pair(
    files: &[PathBuf],
    options: &LoaderOptions,
    rng: &mut ChaCha8Rng,
    broken: &AtomicU64,
) -> Result<(RgbImage, RgbImage), LoaderError> {
    let mut last = String::new();
    for _ in 0..MAX_TRIES {
        let path = &files[rng.random_range(0..files.len())];
        let made = picture::read(path)
            .and_then(|picture| picture::resize_to_square(&picture, options.crop_size))
            .map_err(|error| error.to_string())
            .and_then(|mut clean| {
                if rng.random_bool(options.flip) {
                    image::imageops::flip_horizontal_in_place(&mut clean);
                }
                let degraded =
                    options.degradation.draw(rng).apply(&clean).map_err(|error| error.to_string())?;
                Ok((clean, degraded))
            });
        match made {
            Ok(pair) => return Ok(pair),
            Err(error) => {
                broken.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("skipped: {error}");
                last = error;
            }
        }
    }
    Err(LoaderError::Unreadable { tries: MAX_TRIES, last })
}
