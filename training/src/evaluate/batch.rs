// SPDX-License-Identifier: MIT OR Apache-2.0
//! One restorer on a batch of pairs: f(x_d), f(x) and f(f(x_d)), and how good they are.

use std::time::Instant;

use image::RgbImage;
use restore_core::Restorer;
use serde::Serialize;

use super::error::EvaluateError;
use super::networks::{MetricNetworks, Truths};
use super::pairs::Pair;
use super::scores::{MeanScores, Scores};
use crate::restore::restore_aligned;

/// The paper's authenticity (Eqs. 2 and 3), against the clean x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Authenticity<T> {
    /// f(x): a clean face should stay as it is.
    pub of_clean: T,
    /// f(f(x_d)): a second pass should not make it worse.
    pub twice: T,
}

/// What one restorer made of one face, all against the clean x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FaceScores {
    /// f(x_d).
    pub restored: Scores,
    /// f(x) and f(f(x_d)), where they were made.
    #[serde(flatten)]
    pub authenticity: Option<Authenticity<Scores>>,
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

/// Restores the degraded and the clean faces of some pairs and measures PSNR and SSIM of the results.
///
/// # Errors
/// [`EvaluateError`] when the network fails or pictures cannot be compared.
pub fn evaluate_batch(restorer: &dyn Restorer, pairs: &[Pair]) -> Result<BatchOutcome, EvaluateError> {
    let mut networks = MetricNetworks::default();
    let truths = networks.truths(pairs.iter().map(|pair| &pair.clean).collect())?;
    evaluate_batch_with(&mut networks, &truths, restorer, pairs, true)
}

/// [`evaluate_batch`] with everything that `networks` measure too; `truths` are their view of the pairs' clean faces.
/// Without `authenticity`, f(x) and f(f(x_d)) are left out, which is a third of the work.
///
/// # Errors
/// As [`evaluate_batch`], and when a network of a measure fails.
pub fn evaluate_batch_with(
    networks: &mut MetricNetworks,
    truths: &Truths<'_>,
    restorer: &dyn Restorer,
    pairs: &[Pair],
    authenticity: bool,
) -> Result<BatchOutcome, EvaluateError> {
    let start = Instant::now();
    let restored = restore(restorer, pairs, pairs.iter().map(|pair| &pair.degraded).collect())?;
    let seconds = start.elapsed().as_secs_f64();
    let mut score = |pictures: &[RgbImage]| networks.scores(&pictures.iter().collect::<Vec<_>>(), truths);
    let mut scores: Vec<FaceScores> =
        score(&restored)?.into_iter().map(|restored| FaceScores { restored, authenticity: None }).collect();
    if authenticity {
        let of_clean = score(&restore(restorer, pairs, pairs.iter().map(|pair| &pair.clean).collect())?)?;
        let twice = score(&restore(restorer, pairs, restored.iter().collect())?)?;
        for ((face, of_clean), twice) in scores.iter_mut().zip(of_clean).zip(twice) {
            face.authenticity = Some(Authenticity { of_clean, twice });
        }
    }
    Ok(BatchOutcome { restored, scores, seconds })
}

/// f of one picture for each pair, with that pair's seed.
pub(super) fn restore(
    restorer: &dyn Restorer,
    pairs: &[Pair],
    faces: Vec<&RgbImage>,
) -> Result<Vec<RgbImage>, EvaluateError> {
    let seeds: Vec<u64> = pairs.iter().map(|pair| pair.seed).collect();
    restore_aligned(restorer, &faces, &seeds, 1.0).map_err(|source| EvaluateError::Aligned {
        path: pairs.first().map(|pair| pair.file.clone()).unwrap_or_default(),
        source,
    })
}

/// The figures of one system over a set of faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// f(x_d) against x.
    pub restored: MeanScores,
    /// f(x_d) minus x_d, face by face.
    pub gain: MeanScores,
    /// f(x) and f(f(x_d)) against x, where they were made.
    #[serde(flatten)]
    pub authenticity: Option<Authenticity<MeanScores>>,
    /// f(f(x_d)) minus f(x_d), face by face, where both were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_pass: Option<MeanScores>,
    /// Milliseconds for one f(x_d), resizing included; `None` where the pictures came from files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds_per_face: Option<f64>,
}

impl Summary {
    /// Sums up; `inputs` are the scores of x_d in the order of `faces`, `seconds` what all f(x_d) took. `None` without
    /// faces.
    #[must_use]
    pub fn of(inputs: &[Scores], faces: &[FaceScores], seconds: Option<f64>) -> Option<Self> {
        let restored: Vec<Scores> = faces.iter().map(|face| face.restored).collect();
        let authenticity: Option<Vec<Authenticity<Scores>>> =
            faces.iter().map(|face| face.authenticity).collect();
        let authenticity = authenticity.unwrap_or_default();
        let of_clean: Vec<Scores> = authenticity.iter().map(|face| face.of_clean).collect();
        let twice: Vec<Scores> = authenticity.iter().map(|face| face.twice).collect();
        let authenticity = MeanScores::of(&of_clean).zip(MeanScores::of(&twice));
        Some(Self {
            restored: MeanScores::of(&restored)?,
            gain: MeanScores::of_differences(&restored, inputs)?,
            authenticity: authenticity.map(|(of_clean, twice)| Authenticity { of_clean, twice }),
            second_pass: MeanScores::of_differences(&twice, &restored),
            milliseconds_per_face: seconds.map(|seconds| 1000.0 * seconds / faces.len() as f64),
        })
    }
}
