//! Evaluation on aligned faces whose truth is known: PSNR and SSIM of x_d, f(x_d), f(x) and f(f(x_d)).
//!
//! The last two are the paper's authenticity (Eqs. 2 and 3): f(x) ≈ x, and f(f(d(x))) no worse than f(d(x)).

use std::path::{Path, PathBuf};
use std::time::Instant;

use image::RgbImage;
use restore_core::Restorer;
use serde::Serialize;

use crate::aligned::{AlignedError, restore_aligned};
use crate::degradation::{Degradation, DegradationError, DegradationParams, seed_for};
use crate::metrics::{Mean, MetricError, PSNR_CAP, psnr, ssim};
use crate::picture::{self, PictureError};

/// Why an evaluation stopped.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A folder without pictures.
    #[error("no PNG or JPEG pictures in {}", .0.display())]
    Empty(PathBuf),
    /// A clean face without its degraded counterpart.
    #[error("no degraded picture for {} in {}: its name must be the same up to the ending", clean.display(), folder.display())]
    Unpaired {
        /// The clean face.
        clean: PathBuf,
        /// Where its counterpart was looked for.
        folder: PathBuf,
    },
    /// A picture could not be degraded.
    #[error(transparent)]
    Degradation(#[from] DegradationError),
    /// Two pictures could not be compared.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A picture could not be read or resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A face could not be restored.
    #[error("{}: {source}", path.display())]
    Aligned {
        /// The first face of the batch that failed.
        path: PathBuf,
        /// The reason.
        source: AlignedError,
    },
}

/// Where the pairs (x, x_d) come from.
#[derive(Debug, Clone)]
pub struct PairSource {
    /// The clean faces.
    pub files: Vec<PathBuf>,
    /// Width and height in pixels at which faces are degraded and compared.
    pub size: u32,
    /// Seed of the degradations and of the sampler's noise; each face's own follows from it and its name.
    pub seed: u64,
    /// Ready degraded pictures by name; without it [`Degradation::default`] is drawn.
    pub degraded: Option<PathBuf>,
}

impl PairSource {
    /// The first `limit` pictures of the folder `data`, in the order of their names.
    ///
    /// # Errors
    /// [`EvaluateError::Picture`] when the folder cannot be read, [`EvaluateError::Empty`] without pictures.
    pub fn open(
        data: &Path,
        degraded: Option<&Path>,
        size: u32,
        seed: u64,
        limit: Option<usize>,
    ) -> Result<Self, EvaluateError> {
        let mut files = picture::list(data)?;
        files.truncate(limit.unwrap_or(usize::MAX));
        if files.is_empty() {
            return Err(EvaluateError::Empty(data.to_owned()));
        }
        Ok(Self { files, size, seed, degraded: degraded.map(Path::to_owned) })
    }

    /// Reads, resizes and degrades one face.
    ///
    /// # Errors
    /// [`EvaluateError`], for the first thing that is wrong with the face.
    pub fn pair(&self, file: &Path) -> Result<Pair, EvaluateError> {
        let clean = self.at_size(file)?;
        let name = picture::stem(file);
        let (degraded, params) = match &self.degraded {
            None => {
                let params = Degradation::default().params_for(self.seed, &name);
                (params.apply(&clean)?, Some(params))
            }
            Some(folder) => {
                let counterpart = picture::find(folder, &name).ok_or_else(|| EvaluateError::Unpaired {
                    clean: file.to_owned(),
                    folder: folder.clone(),
                })?;
                (self.at_size(&counterpart)?, None)
            }
        };
        let seed = seed_for(self.seed, &name);
        Ok(Pair { file: file.to_owned(), name, seed, clean, degraded, params })
    }

    fn at_size(&self, file: &Path) -> Result<RgbImage, EvaluateError> {
        let face = picture::read(file)?;
        let (width, height) = face.dimensions();
        if width != height {
            let source = AlignedError::NotSquare { width, height };
            return Err(EvaluateError::Aligned { path: file.to_owned(), source });
        }
        Ok(picture::resize_antialiased(&face, self.size, self.size)?)
    }
}

/// A clean face and its degraded counterpart.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The file of the clean face.
    pub file: PathBuf,
    /// Its name without folder and ending.
    pub name: String,
    /// Seed of the sampler for this face.
    pub seed: u64,
    /// x.
    pub clean: RgbImage,
    /// x_d.
    pub degraded: RgbImage,
    /// How x_d was made, where that is known.
    pub params: Option<DegradationParams>,
}

/// PSNR and SSIM of one picture against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// In dB, at most [`PSNR_CAP`], which an identical picture gets.
    pub psnr: f64,
    /// -1 to 1.
    pub ssim: f64,
}

impl Scores {
    /// Compares `picture` with `truth`.
    ///
    /// # Errors
    /// [`MetricError`] when the sizes differ or are too small.
    pub fn of(picture: &RgbImage, truth: &RgbImage) -> Result<Self, MetricError> {
        Ok(Self { psnr: psnr(picture, truth)?.min(PSNR_CAP), ssim: ssim(picture, truth)? })
    }
}

/// What one restorer made of one face, all against the clean x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaceScores {
    /// f(x_d).
    pub restored: Scores,
    /// f(x): a clean face should stay as it is.
    pub of_clean: Scores,
    /// f(f(x_d)): a second pass should not make it worse.
    pub twice: Scores,
}

/// The outcome of [`evaluate_batch`].
#[derive(Debug, Clone)]
pub struct BatchOutcome {
    /// f(x_d) of every pair.
    pub restored: Vec<RgbImage>,
    /// Its scores.
    pub scores: Vec<FaceScores>,
    /// Seconds that f(x_d) took for the whole batch.
    pub seconds: f64,
}

/// Restores the degraded and the clean faces of some pairs and measures the results.
///
/// # Errors
/// [`EvaluateError`] when the network fails or pictures cannot be compared.
pub fn evaluate_batch(restorer: &dyn Restorer, pairs: &[Pair]) -> Result<BatchOutcome, EvaluateError> {
    let seeds: Vec<u64> = pairs.iter().map(|pair| pair.seed).collect();
    let apply = |faces: Vec<&RgbImage>| {
        restore_aligned(restorer, &faces, &seeds, 1.0).map_err(|source| EvaluateError::Aligned {
            path: pairs.first().map(|pair| pair.file.clone()).unwrap_or_default(),
            source,
        })
    };
    let start = Instant::now();
    let restored = apply(pairs.iter().map(|pair| &pair.degraded).collect())?;
    let seconds = start.elapsed().as_secs_f64();
    let of_clean = apply(pairs.iter().map(|pair| &pair.clean).collect())?;
    let twice = apply(restored.iter().collect())?;
    let scores = in_parallel(pairs.len(), |index| {
        let truth = &pairs[index].clean;
        Ok(FaceScores {
            restored: Scores::of(&restored[index], truth)?,
            of_clean: Scores::of(&of_clean[index], truth)?,
            twice: Scores::of(&twice[index], truth)?,
        })
    })?;
    Ok(BatchOutcome { restored, scores, seconds })
}

/// `work(0)`, …, `work(count - 1)` in one thread each, in order.
fn in_parallel<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, EvaluateError> + Sync,
) -> Result<Vec<T>, EvaluateError> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(move || work(index))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Mean PSNR and SSIM with their 95 % intervals, or of differences of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanScores {
    /// In dB.
    pub psnr: Mean,
    /// SSIM.
    pub ssim: Mean,
}

impl MeanScores {
    /// The means over some pictures; `None` without any.
    #[must_use]
    pub fn of(scores: &[Scores]) -> Option<Self> {
        let column = |value: fn(&Scores) -> f64| Mean::of(&scores.iter().map(value).collect::<Vec<_>>());
        Some(Self { psnr: column(|scores| scores.psnr)?, ssim: column(|scores| scores.ssim)? })
    }
}

/// The figures of one restorer over a set of faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// f(x_d) against x.
    pub restored: MeanScores,
    /// f(x_d) minus x_d, face by face.
    pub gain: MeanScores,
    /// f(x) against x.
    pub of_clean: MeanScores,
    /// f(f(x_d)) against x.
    pub twice: MeanScores,
    /// Milliseconds for one f(x_d), resizing included.
    pub milliseconds_per_face: f64,
}

impl Summary {
    /// Sums up; `inputs` are the scores of x_d in the order of `faces`. `None` without faces.
    #[must_use]
    pub fn of(inputs: &[Scores], faces: &[FaceScores], seconds: f64) -> Option<Self> {
        let column = |value: fn(&FaceScores) -> Scores| faces.iter().map(value).collect::<Vec<_>>();
        let gains = inputs.iter().zip(faces).map(|(input, face)| Scores {
            psnr: face.restored.psnr - input.psnr,
            ssim: face.restored.ssim - input.ssim,
        });
        Some(Self {
            restored: MeanScores::of(&column(|face| face.restored))?,
            gain: MeanScores::of(&gains.collect::<Vec<_>>())?,
            of_clean: MeanScores::of(&column(|face| face.of_clean))?,
            twice: MeanScores::of(&column(|face| face.twice))?,
            milliseconds_per_face: 1000.0 * seconds / faces.len() as f64,
        })
    }
}
