// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measurement: every face through the model's samplings and out of other systems' folders, batch by batch.

use std::path::Path;

use image::RgbImage;
use restore_core::DiffusionRestorer;
use tch::Tensor;

use super::batch::{BatchOutcome, FaceScores, evaluate_batch_with};
use super::curve::{self, FaceCurve};
use super::error::EvaluateError;
use super::networks::{MetricNetworks, Truths};
use super::pairs::{Pair, PairSource};
use super::scores::Scores;
use super::system::{ModelRun, RestoredFolder, System};
use crate::data::degradation::DegradationParams;

/// Faces in one batch of the networks.
const BATCH: usize = 8;

/// A model and how to apply it.
pub struct ModelRuns {
    /// The model; its sampling changes during the measurement.
    pub restorer: DiffusionRestorer,
    /// The ways of running it to compare.
    pub runs: Vec<ModelRun>,
    /// Measure f(x) and f(f(x_d)) too.
    pub authenticity: bool,
    /// The authenticity curve to measure.
    pub curve: Option<CurveRun>,
}

/// Of what an authenticity curve is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurveRun {
    /// Index of the way of running the model.
    pub run: usize,
    /// How often f is applied.
    pub applications: usize,
}

/// Everything that is measured together.
pub struct Evaluation {
    /// The faces.
    pub source: PairSource,
    /// The model, if any.
    pub model: Option<ModelRuns>,
    /// Other systems' results.
    pub folders: Vec<RestoredFolder>,
    /// Networks of measures.
    pub networks: MetricNetworks,
}

/// The pictures of one face, for whoever shows them.
#[derive(Debug, Clone, Copy)]
pub struct ShownFace<'a> {
    /// Its number among the faces that are measured, from 0.
    pub index: usize,
    /// Its place among the files, from 0.
    pub file_index: usize,
    /// x_d.
    pub input: &'a RgbImage,
    /// What each system made of it.
    pub outputs: &'a [&'a RgbImage],
    /// x.
    pub truth: &'a RgbImage,
}

/// The figures of one face.
#[derive(Debug, Clone)]
pub struct MeasuredFace {
    /// Its file's name without the ending.
    pub name: String,
    /// How x_d was made, where that is known.
    pub degradation: Option<DegradationParams>,
    /// x_d.
    pub input: Scores,
    /// The systems' results, in their order.
    pub systems: Vec<FaceScores>,
    /// The authenticity curve, where it was measured.
    pub curve: Option<FaceCurve>,
}

/// One system over the whole set.
#[derive(Debug)]
pub struct MeasuredSystem {
    /// Which one.
    pub system: System,
    /// Seconds that all f(x_d) took; 0 for pictures from a folder.
    pub seconds: f64,
    /// How many of its pictures had another size.
    pub resized: usize,
    /// Features of its pictures, batch by batch `[n, D]`.
    pub features: Vec<Tensor>,
}

/// What [`Evaluation::measure`] found.
#[derive(Debug)]
pub struct Measurement {
    /// Faces that every system has.
    pub faces: Vec<MeasuredFace>,
    /// The systems: the model's runs, then folders.
    pub systems: Vec<MeasuredSystem>,
    /// Features of the clean faces.
    pub truth_features: Vec<Tensor>,
    /// Features of the degraded faces.
    pub input_features: Vec<Tensor>,
    /// Why faces were left out.
    pub skipped: Vec<String>,
}

/// A face that every system has.
struct Entry {
    file_index: usize,
    pair: Pair,
    /// The folders' pictures and whether they were resized.
    restored: Vec<(RgbImage, bool)>,
}

impl Evaluation {
    /// The systems in the order of all results.
    #[must_use]
    pub fn systems(&self) -> Vec<System> {
        let runs = self.model.iter().flat_map(|model| &model.runs);
        let folders = self.folders.iter().cloned().map(System::Folder);
        runs.map(|&run| System::Model(run)).chain(folders).collect()
    }

    /// Measures every face. One that is broken, or that one of the systems lacks, is left out for all of them, so that
    /// all are compared on the same faces. `show` gets the pictures of each face, `progress` the number of files done.
    ///
    /// # Errors
    /// When nothing is left, a network fails, or `show` does.
    pub fn measure(
        &mut self,
        mut show: impl FnMut(ShownFace<'_>) -> Result<(), EvaluateError>,
        mut progress: impl FnMut(usize),
    ) -> Result<Measurement, EvaluateError> {
        let measured = |system| MeasuredSystem { system, seconds: 0.0, resized: 0, features: Vec::new() };
        let mut measurement = Measurement {
            faces: Vec::new(),
            systems: self.systems().into_iter().map(measured).collect(),
            truth_features: Vec::new(),
            input_features: Vec::new(),
            skipped: Vec::new(),
        };
        let files = self.source.files.clone();
        for (batch, files) in files.chunks(BATCH).enumerate() {
            let mut entries = Vec::with_capacity(files.len());
            for (index, file) in files.iter().enumerate() {
                match self.entry(batch * BATCH + index, file) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => measurement.skipped.push(error.to_string()),
                }
            }
            if !entries.is_empty() {
                self.measure_batch(entries, &mut measurement, &mut show)?;
            }
            progress(files.len());
        }
        match measurement.skipped.first() {
            Some(first) if measurement.faces.is_empty() => {
                Err(EvaluateError::NothingLeft { count: files.len(), first: first.clone() })
            }
            _ => Ok(measurement),
        }
    }

    fn entry(&self, file_index: usize, file: &Path) -> Result<Entry, EvaluateError> {
        let pair = self.source.pair(file)?;
        let restored = self.folders.iter().map(|of| self.source.counterpart("restored", file, &of.folder));
        Ok(Entry { file_index, pair, restored: restored.collect::<Result<_, _>>()? })
    }

    fn measure_batch(
        &mut self,
        entries: Vec<Entry>,
        measurement: &mut Measurement,
        show: &mut impl FnMut(ShownFace<'_>) -> Result<(), EvaluateError>,
    ) -> Result<(), EvaluateError> {
        let (mut pairs, mut restored) =
            (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        let places: Vec<usize> = entries.iter().map(|entry| entry.file_index).collect();
        for entry in entries {
            pairs.push(entry.pair);
            restored.push(entry.restored);
        }
        let truths = self.networks.truths(pairs.iter().map(|pair| &pair.clean).collect())?;
        let inputs: Vec<&RgbImage> = pairs.iter().map(|pair| &pair.degraded).collect();
        let input_scores = self.networks.scores(&inputs, &truths)?;
        measurement.input_features.extend(self.networks.features(&inputs)?);
        measurement.truth_features.extend(self.networks.features(truths.faces())?);

        let mut outcomes = self.run_model(&pairs, &truths, measurement.faces.is_empty())?;
        let mut curves = self.curves(&pairs, &truths)?.into_iter();
        let folders = measurement.systems.split_at_mut(outcomes.len()).1;
        for (index, system) in folders.iter_mut().enumerate() {
            system.resized += restored.iter().filter(|pictures| pictures[index].1).count();
            outcomes.push(self.score_folder(restored.iter().map(|pictures| &pictures[index].0), &truths)?);
        }
        for (system, outcome) in measurement.systems.iter_mut().zip(&outcomes) {
            system.seconds += outcome.seconds;
            system.features.extend(self.networks.features(&outcome.restored.iter().collect::<Vec<_>>())?);
        }
        for (row, pair) in pairs.into_iter().enumerate() {
            let outputs: Vec<&RgbImage> = outcomes.iter().map(|outcome| &outcome.restored[row]).collect();
            show(ShownFace {
                index: measurement.faces.len(),
                file_index: places[row],
                input: &pair.degraded,
                outputs: &outputs,
                truth: &pair.clean,
            })?;
            measurement.faces.push(MeasuredFace {
                name: pair.name,
                degradation: pair.params,
                input: input_scores[row],
                systems: outcomes.iter().map(|outcome| outcome.scores[row]).collect(),
                curve: curves.next(),
            });
        }
        Ok(())
    }

    /// Every sampling of the model on a batch.
    fn run_model(
        &mut self,
        pairs: &[Pair],
        truths: &Truths<'_>,
        first: bool,
    ) -> Result<Vec<BatchOutcome>, EvaluateError> {
        let Some(ModelRuns { restorer, runs, authenticity, .. }) = &mut self.model else {
            return Ok(Vec::new());
        };
        if first {
            // libtorch prepares its kernels in the first run; that is not the first one's time.
            restorer.set_sampling(runs[0].sampling)?;
            evaluate_batch_with(&mut MetricNetworks::default(), truths, restorer, pairs, false)?;
        }
        let outcomes = runs.iter().map(|run| {
            restorer.set_sampling(run.sampling)?;
            restorer.set_detail(run.detail);
            evaluate_batch_with(&mut self.networks, truths, restorer, pairs, *authenticity)
        });
        outcomes.collect()
    }

    /// The authenticity curve of each face of a batch; empty when it is not asked for.
    fn curves(&mut self, pairs: &[Pair], truths: &Truths<'_>) -> Result<Vec<FaceCurve>, EvaluateError> {
        let Some(ModelRuns { restorer, runs, curve: Some(of), .. }) = &mut self.model else {
            return Ok(Vec::new());
        };
        let run = runs[of.run];
        restorer.set_sampling(run.sampling)?;
        restorer.set_detail(run.detail);
        curve::curves(&mut self.networks, truths, restorer, pairs, of.applications)
    }

    /// A batch of another system's pictures.
    fn score_folder<'a>(
        &mut self,
        pictures: impl Iterator<Item = &'a RgbImage>,
        truths: &Truths<'_>,
    ) -> Result<BatchOutcome, EvaluateError> {
        let pictures: Vec<&RgbImage> = pictures.collect();
        let scores = self.networks.scores(&pictures, truths)?;
        let scores = scores.into_iter().map(|restored| FaceScores { restored, authenticity: None }).collect();
        Ok(BatchOutcome { restored: pictures.into_iter().cloned().collect(), scores, seconds: 0.0 })
    }
}
