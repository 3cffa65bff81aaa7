// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the second iteration changed: f and f* on pictures whose truth is known.

use std::path::{Path, PathBuf};

use image::RgbImage;
use indicatif::ProgressBar;
use restore_core::Restorer;
use serde::Serialize;

use super::enhance::enhance;
use crate::data::config::DataKind;
use crate::data::degradation::{Degradation, DegradationError};
use crate::evaluate::{MeanScores, Scores};
use crate::metrics::{Mean, MetricError};
use crate::picture::{self, PictureError};
use crate::restore::AlignedError;
use crate::seed::seed_for;

/// Seed of the degradations and of the sampler's noise, the one that `idm evaluate` has without `--seed`.
const SEED: u64 = 0;

/// Pictures in one batch.
const BATCH: usize = 8;

/// Two models that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The folder cannot be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A picture cannot be degraded.
    #[error(transparent)]
    Degradation(#[from] DegradationError),
    /// A picture is too small to be measured.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A network failed.
    #[error(transparent)]
    Restore(#[from] AlignedError),
    /// No picture to measure on.
    #[error("{} holds no readable pictures (PNG, JPEG, WebP, TIFF, GIF or BMP) to compare the two models on", .0.display())]
    Empty(PathBuf),
}

/// All scores of one picture x.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PictureScores {
    /// Its path below the folder.
    pub name: PathBuf,
    /// x_d.
    pub input: Scores,
    /// f(x_d).
    pub first: Scores,
    /// f*(x_d).
    pub second: Scores,
    /// f(x).
    pub first_of_clean: Scores,
    /// f*(x).
    pub second_of_clean: Scores,
}

/// Means over the pictures with their 95 % bootstrap intervals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// In dB.
    pub psnr: Mean,
    /// SSIM.
    pub ssim: Mean,
}

/// The two models, and how they see pictures.
pub struct Sides<'a> {
    /// f.
    pub first: &'a dyn Restorer,
    /// f*.
    pub second: &'a dyn Restorer,
    /// What the pictures are.
    pub kind: DataKind,
}

/// The outcome, the JSON file of `idm iterate`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The folder of the pictures.
    pub validation: PathBuf,
    /// Sampling steps.
    pub steps: usize,
    /// Everything against x.
    pub means: Vec<Row>,
    /// Differences taken picture by picture, so that their intervals are those of the change itself.
    pub differences: Vec<Row>,
    /// Picture by picture.
    pub pictures: Vec<PictureScores>,
    /// What was wrong with pictures that were passed over.
    pub skipped: Vec<String>,
}

impl Comparison {
    /// Compares the models on every picture anywhere below `validation`. Aligned faces are degraded and compared at the
    /// first model's crop size, other pictures at their own, by the paper's recipe as `idm evaluate` does.
    ///
    /// # Errors
    /// [`CompareError`]; broken pictures are passed over.
    pub fn measure(
        sides: &Sides<'_>,
        validation: &Path,
        steps: usize,
        bar: &ProgressBar,
    ) -> Result<Self, CompareError> {
        let files = picture::list_tree(validation)?;
        bar.set_length(files.len() as u64);
        let (mut pictures, mut skipped) = (Vec::with_capacity(files.len()), Vec::new());
        for files in files.chunks(BATCH) {
            let mut pairs = Vec::with_capacity(files.len());
            for file in files {
                match Pair::read(validation, file, sides) {
                    Ok(pair) => pairs.push(pair),
                    Err(error) => skipped.push(format!("{}: {error}", file.display())),
                }
            }
            sides.score(pairs, &mut pictures)?;
            bar.inc(files.len() as u64);
        }
        let rows = || Some((means(&pictures)?, differences(&pictures)?));
        let (means, differences) = rows().ok_or_else(|| CompareError::Empty(validation.to_owned()))?;
        let validation = validation.to_owned();
        Ok(Self { validation, steps, means, differences, pictures, skipped })
    }

    /// The two tables in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# What the second iteration changed\n\n\
             f is the first model, f\\* the second, x a picture of {} ({} of them), x_d its degraded version; {} \
             sampling steps. Means with 95 % bootstrap intervals.\n\n\
             | against x | PSNR in dB | SSIM |\n| --- | --- | --- |\n",
            self.validation.display(),
            self.pictures.len(),
            self.steps
        );
        text.extend(self.means.iter().map(|row| row.markdown(false)));
        text += "\n| difference, picture by picture | PSNR in dB | SSIM |\n| --- | --- | --- |\n";
        text.extend(self.differences.iter().map(|row| row.markdown(true)));
        if !self.skipped.is_empty() {
            text += &format!("\n{} broken pictures were passed over.\n", self.skipped.len());
        }
        text
    }
}

impl Row {
    fn of(what: &'static str, scores: impl Iterator<Item = Scores>) -> Option<Self> {
        let MeanScores { psnr, ssim, .. } = MeanScores::of(&scores.collect::<Vec<_>>())?;
        Some(Self { what, psnr, ssim })
    }

    fn markdown(&self, signed: bool) -> String {
        let (psnr, ssim) = (&self.psnr, &self.ssim);
        if signed {
            format!(
                "| {} | {:+.2} [{:+.2}, {:+.2}] | {:+.4} [{:+.4}, {:+.4}] |\n",
                self.what, psnr.mean, psnr.low, psnr.high, ssim.mean, ssim.low, ssim.high
            )
        } else {
            format!(
                "| {} | {:.2} [{:.2}, {:.2}] | {:.4} [{:.4}, {:.4}] |\n",
                self.what, psnr.mean, psnr.low, psnr.high, ssim.mean, ssim.low, ssim.high
            )
        }
    }
}

fn means(pictures: &[PictureScores]) -> Option<Vec<Row>> {
    let row = |what, score: fn(&PictureScores) -> Scores| Row::of(what, pictures.iter().map(score));
    Some(vec![
        row("x_d", |picture| picture.input)?,
        row("f(x_d)", |picture| picture.first)?,
        row("f\\*(x_d)", |picture| picture.second)?,
        row("f(x)", |picture| picture.first_of_clean)?,
        row("f\\*(x)", |picture| picture.second_of_clean)?,
    ])
}

fn differences(pictures: &[PictureScores]) -> Option<Vec<Row>> {
    let row = |what, score: fn(&PictureScores) -> Scores| Row::of(what, pictures.iter().map(score));
    Some(vec![
        row("f(x_d) − x_d", |picture| picture.first - picture.input)?,
        row("f\\*(x_d) − x_d", |picture| picture.second - picture.input)?,
        row("f\\*(x_d) − f(x_d)", |picture| picture.second - picture.first)?,
        row("f\\*(x) − f(x)", |picture| picture.second_of_clean - picture.first_of_clean)?,
    ])
}

/// A picture and its degraded version.
struct Pair {
    name: PathBuf,
    seed: u64,
    clean: RgbImage,
    degraded: RgbImage,
    input: Scores,
}

impl Pair {
    fn read(folder: &Path, file: &Path, sides: &Sides<'_>) -> Result<Self, CompareError> {
        let mut clean = picture::read(&folder.join(file))?;
        if sides.kind == DataKind::Faces {
            clean = picture::resize_to_square(&clean, sides.first.crop_size())?;
        }
        let name = picture::name(file);
        let degraded = Degradation::default().params_for(SEED, &name).apply(&clean)?;
        let input = Scores::of(&degraded, &clean)?;
        Ok(Self { name: file.to_owned(), seed: seed_for(SEED, &name), clean, degraded, input })
    }
}

impl Sides<'_> {
    fn score(&self, pairs: Vec<Pair>, scores: &mut Vec<PictureScores>) -> Result<(), CompareError> {
        let seeds: Vec<u64> = pairs.iter().map(|pair| pair.seed).collect();
        let clean: Vec<&RgbImage> = pairs.iter().map(|pair| &pair.clean).collect();
        let degraded: Vec<&RgbImage> = pairs.iter().map(|pair| &pair.degraded).collect();
        let apply = |model: &dyn Restorer, pictures: &[&RgbImage]| -> Result<Vec<Scores>, CompareError> {
            let restored = enhance(model, self.kind, pictures, &seeds)?;
            let scores = restored.iter().zip(&clean).map(|(picture, truth)| Scores::of(picture, truth));
            Ok(scores.collect::<Result<_, _>>()?)
        };
        let first = apply(self.first, &degraded)?;
        let second = apply(self.second, &degraded)?;
        let first_of_clean = apply(self.first, &clean)?;
        let second_of_clean = apply(self.second, &clean)?;
        scores.extend(pairs.iter().enumerate().map(|(index, pair)| PictureScores {
            name: pair.name.clone(),
            input: pair.input,
            first: first[index],
            second: second[index],
            first_of_clean: first_of_clean[index],
            second_of_clean: second_of_clean[index],
        }));
        Ok(())
    }
}
