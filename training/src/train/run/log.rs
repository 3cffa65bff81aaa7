// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run tells about itself: `metrics.csv`, `validation.csv`, a TensorBoard event file, `loss.png` and sample grids.

use std::time::{Duration, Instant};

use image::RgbImage;

use super::folder::RunFolder;
use super::loss_plot::{self, PlotError};
use super::samples::Look;
use super::table::{MetricsTable, TableError};
use super::tensorboard::{self, EventFile, EventsError};
use crate::picture::{self, PictureError};
use crate::train::Terms;
use crate::train::config::TrainConfig;
use crate::train::state::LossSum;
use crate::train::trainer::Progress;

/// A log that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RunLogError {
    /// From a CSV file.
    #[error(transparent)]
    Table(#[from] TableError),
    /// From the TensorBoard event file.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// From `loss.png`.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// From a picture file.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Iterations in one line of the metrics.
const INTERVAL: u64 = 10;

/// Columns of `metrics.csv`: the loss is the mean since the line before, norm and rate are of the iteration itself.
const METRICS: [&str; 7] =
    ["iteration", "samples", "loss", "gradient_norm", "learning_rate", "samples_per_second", "waiting_share"];
/// Further columns for a network with a detail head: the terms of its loss, unweighted, mean since the line before.
const TERMS: [&str; 6] = ["pixel", "perceptual", "identity", "energy", "adversarial", "discriminator"];
const LOSS_COLUMN: usize = 2;
const RATE_COLUMN: usize = 4;

/// Columns of `validation.csv`: means over the faces looked at ([`Quality`](super::quality::Quality)), empty where they could not be measured, and what is left of
/// the damage.
const VALIDATION: [&str; 10] = [
    "iteration",
    "psnr_input",
    "psnr",
    "ssim_input",
    "ssim",
    "octaves_input",
    "octaves",
    "identity_input",
    "identity",
    "left",
];
const LEFT_COLUMN: usize = 9;

/// The open files of a run's log.
pub struct RunLog {
    folder: RunFolder,
    metrics: MetricsTable,
    /// A generator's pictures have no truth to be compared with.
    validation: Option<MetricsTable>,
    events: EventFile,
    faces_per_step: u64,
    has_terms: bool,
    unlogged: LossSum,
    since: Instant,
    counted: u64,
    waited: Duration,
}

/// One line of the metrics, for the progress bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Mean loss since the line before.
    pub loss: f64,
    /// Training faces a second.
    pub rate: f64,
}

/// Where a run stands by its looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The iteration of the best model.
    pub best: u64,
    /// Looks since then.
    pub since: usize,
}

impl RunLog {
    /// Opens the log of a run that has done `iterations`, and cuts off what an earlier process wrote beyond that: the
    /// files are then as if the run had never stopped. `unlogged` are the losses that the next line begins with.
    ///
    /// # Errors
    /// [`RunLogError`].
    pub fn open(
        folder: &RunFolder,
        faces_per_step: usize,
        config: &TrainConfig,
        iterations: u64,
        unlogged: LossSum,
    ) -> Result<Self, RunLogError> {
        let has_terms = config.detail.is_some();
        let restores = !config.model.unet.condition.generates();
        let validation =
            restores.then(|| MetricsTable::open(&folder.file("validation.csv"), &VALIDATION, iterations));
        let mut columns = METRICS.to_vec();
        if has_terms {
            columns.extend(TERMS);
        }
        Ok(Self {
            metrics: MetricsTable::open(&folder.file("metrics.csv"), &columns, iterations)?,
            validation: validation.transpose()?,
            events: EventFile::open(&folder.file(tensorboard::FILE_NAME), iterations)?,
            folder: folder.clone(),
            faces_per_step: faces_per_step as u64,
            has_terms,
            unlogged,
            since: Instant::now(),
            counted: 0,
            waited: Duration::ZERO,
        })
    }

    /// Losses that are in no line yet, which a checkpoint keeps.
    #[must_use]
    pub fn unlogged(&self) -> LossSum {
        self.unlogged
    }

    /// Takes in one iteration and the time that it waited for data. Returns a line when one is full.
    ///
    /// # Errors
    /// [`RunLogError`], for example with a full disk.
    pub fn record(&mut self, progress: &Progress, waited: Duration) -> Result<Option<Line>, RunLogError> {
        self.unlogged.sum += progress.loss;
        self.unlogged.count += 1;
        self.unlogged.terms += progress.terms;
        self.counted += 1;
        self.waited += waited;
        let iteration = progress.iterations;
        if !iteration.is_multiple_of(INTERVAL) {
            return Ok(None);
        }
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = (self.counted * self.faces_per_step) as f64 / seconds;
        let waiting = self.waited.as_secs_f64() / seconds;
        let loss = self.unlogged.sum / self.unlogged.count as f64;
        let mut values = vec![
            (iteration * self.faces_per_step).to_string(),
            format!("{loss:.6}"),
            format!("{:.5}", progress.gradient_norm),
            format!("{:.3e}", progress.learning_rate),
            format!("{rate:.3}"),
            format!("{waiting:.4}"),
        ];
        let mut scalars = vec![
            ("train/loss", loss),
            ("train/gradient_norm", progress.gradient_norm),
            ("train/learning_rate", progress.learning_rate),
            ("train/samples_per_second", rate),
            ("train/waiting_share", waiting),
        ];
        if self.has_terms {
            let Terms { pixel, perceptual, identity, energy, adversarial, discriminator } =
                self.unlogged.terms;
            let sums = [
                ("train/pixel", pixel),
                ("train/perceptual", perceptual),
                ("train/identity", identity),
                ("train/energy", energy),
                ("train/adversarial", adversarial),
                ("train/discriminator", discriminator),
            ];
            for (name, sum) in sums {
                let mean = sum / self.unlogged.count as f64;
                values.push(format!("{mean:.6}"));
                scalars.push((name, mean));
            }
        }
        self.metrics.append(iteration, &values)?;
        self.events.scalars(iteration, &scalars)?;
        self.unlogged = LossSum::default();
        (self.since, self.counted, self.waited) = (Instant::now(), 0, Duration::ZERO);
        Ok(Some(Line { loss, rate }))
    }

    /// Writes down what the model makes of the faces looked at: a line of `validation.csv`, events, and [their
    /// grid](Self::show).
    ///
    /// # Errors
    /// [`RunLogError`], for example with a full disk.
    pub fn look(&mut self, iteration: u64, look: &Look) -> Result<(), RunLogError> {
        let Look { input, output, .. } = look;
        let measured = [
            ("validation/psnr_input", Some(input.psnr)),
            ("validation/psnr", Some(output.psnr)),
            ("validation/ssim_input", Some(input.ssim)),
            ("validation/ssim", Some(output.ssim)),
            ("validation/octaves_input", input.octaves),
            ("validation/octaves", output.octaves),
            ("validation/identity_input", input.identity),
            ("validation/identity", output.identity),
            ("validation/left", Some(output.left_of(input))),
        ];
        if let Some(validation) = &mut self.validation {
            let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.4}"));
            validation.append(iteration, &measured.map(|(_, value)| cell(value)))?;
        }
        let scalars: Vec<_> = measured.iter().filter_map(|&(name, value)| Some((name, value?))).collect();
        self.events.scalars(iteration, &scalars)?;
        self.show(iteration, &look.grid)
    }

    /// Where the run stands by its looks so far, those of before it was resumed too; `None` without any.
    ///
    /// # Errors
    /// [`RunLogError`].
    pub fn standing(&self) -> Result<Option<Standing>, RunLogError> {
        let Some(validation) = &self.validation else {
            return Ok(None);
        };
        let mut standing: Option<(Standing, f64)> = None;
        for (iteration, left) in validation.column(LEFT_COLUMN)? {
            match &mut standing {
                Some((standing, least)) if left >= *least => standing.since += 1,
                _ => standing = Some((Standing { best: iteration, since: 0 }, left)),
            }
        }
        Ok(standing.map(|(standing, _)| standing))
    }

    /// Writes down the pictures looked at: `samples/000500.png` and an event.
    ///
    /// # Errors
    /// [`RunLogError`], for example with a full disk.
    pub fn show(&mut self, iteration: u64, grid: &RgbImage) -> Result<(), RunLogError> {
        let samples = self.folder.file("samples");
        picture::prepare_output_folder(&samples)?;
        picture::write(&samples.join(format!("{iteration:06}.png")), grid)?;
        self.events.picture(iteration, "samples", grid)?;
        // The look's time is none of the training's.
        (self.since, self.counted, self.waited) = (Instant::now(), 0, Duration::ZERO);
        Ok(())
    }

    /// Draws `loss.png` from the whole of `metrics.csv`.
    ///
    /// # Errors
    /// [`RunLogError`], for example with a full disk.
    pub fn plot(&self) -> Result<(), RunLogError> {
        let plot = loss_plot::draw(&self.metrics.column(LOSS_COLUMN)?, &self.metrics.column(RATE_COLUMN)?)?;
        Ok(picture::write(&self.folder.file("loss.png"), &plot)?)
    }
}
