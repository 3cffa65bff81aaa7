// SPDX-License-Identifier: MIT OR Apache-2.0
//! A training run from end to end: the loop, what it shows, and what it writes.

use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use restore_core::DeviceChoice;
use tch::Tensor;

use super::config::{TrainConfig, differences};
use super::error::{RunError, TrainError};
use super::loader::{Loader, LoaderOptions};
use super::loss_networks::LossNetworkFiles;
use super::parallel::Group;
use super::run::diverged::{self, Report};
use super::run::folder::RunFolder;
use super::run::generated::Generated;
use super::run::log::RunLog;
use super::run::samples::Samples;
use super::state::LossSum;
use super::trainer::{Progress, StartFiles, Trainer};
use crate::data::dataset::FaceDataset;
use crate::jobs::interrupt::{self, Outcome};

/// A training run.
#[derive(Debug, Clone)]
pub struct TrainJob {
    /// The configuration's file.
    pub config: PathBuf,
    /// Folder of pictures.
    pub data: PathBuf,
    /// Folder of their targets x*; `None`: the pictures themselves.
    pub targets: Option<PathBuf>,
    /// Folder of the run.
    pub output: PathBuf,
    /// Folder of faces to look at during the run; `None`: some of those in `data`.
    pub validation: Option<PathBuf>,
    /// The model whose weights the run starts from.
    pub init: Option<PathBuf>,
    /// The model of the weights of its coarse network, where `init` has none of its own.
    pub coarse: Option<PathBuf>,
    /// The networks of the loss's terms.
    pub networks: LossNetworkFiles,
    /// Go on from the state in `output`.
    pub resume: bool,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Threads that load and degrade pictures.
    pub workers: usize,
}

impl TrainJob {
    /// Trains to the end, or until [`interrupt::requested`] in one of the processes that train together.
    ///
    /// # Errors
    /// With what failed and where; the last checkpoint stays.
    pub fn run(&self) -> Result<Outcome, RunError> {
        let group = Group::join()?;
        group.end_together(self.train(&group))
    }

    fn train(&self, group: &Group) -> Result<Outcome, RunError> {
        let mut config = TrainConfig::open(&self.config)?;
        let dataset = self.dataset(&config)?;
        config.model.class_names = dataset.class_names().to_vec();
        let folder = RunFolder::new(&self.output);
        if !self.resume && folder.holds_run() {
            return Err(RunError::HoldsRun(self.output.clone()));
        }
        if group.is_first() {
            folder.prepare()?;
        }
        let files = StartFiles {
            init: self.init.as_deref(),
            coarse: self.coarse.as_deref(),
            networks: Some(&self.networks),
        };
        let mut trainer = Trainer::new(&config, self.device, &files)?;
        let unlogged =
            if self.resume { resume(&mut trainer, &folder, &config, group)? } else { LossSum::default() };
        let options = LoaderOptions {
            recipe: config.pair_recipe(),
            condition: config.model.unet.condition,
            batch: config.faces_per_step(),
            share: group.share(),
            seed: config.run.seed,
            workers: self.workers,
        };
        let record = if group.is_first() {
            let faces_per_step = config.faces_per_step() * group.share().count as usize;
            let log = RunLog::open(&folder, faces_per_step, &config, trainer.iterations(), unlogged)?;
            let samples = self.samples(&dataset, &config)?;
            let bar = progress_bar(config.run.iterations, trainer.iterations());
            let saved = self.resume.then_some(trainer.iterations());
            Some(Record { log, samples, bar, keep_models: config.run.keep_models, saved })
        } else {
            None
        };
        let mut loader = Loader::start(dataset, &options, trainer.iterations());
        interrupt::listen()?;
        let mut run = Run { config, folder, trainer, record, group };
        let outcome = run.train(&mut loader)?;
        run.report(&loader, outcome)
    }

    /// The training pictures, of a generator with their classes.
    fn dataset(&self, config: &TrainConfig) -> Result<FaceDataset, RunError> {
        let condition = config.model.unet.condition;
        let of_restorers = [("targets", &self.targets), ("validation", &self.validation)];
        if let Some((option, _)) = of_restorers.into_iter().find(|(_, folder)| folder.is_some())
            && condition.generates()
        {
            return Err(RunError::OfRestorers(option));
        }
        let dataset = FaceDataset::open(&self.data, self.targets.as_deref(), config.data.balance)?;
        Ok(dataset.for_condition(condition)?)
    }

    /// The faces to look at: those of the validation folder, or training faces; of a generator noise.
    fn samples(&self, training: &FaceDataset, config: &TrainConfig) -> Result<Subjects, RunError> {
        if config.model.unet.condition.generates() {
            return Ok(Subjects::Noise(Generated::new(config)));
        }
        let validation = |folder: &PathBuf| FaceDataset::open(folder, None, false);
        let validation =
            self.validation.as_ref().map(validation).transpose().map_err(RunError::Validation)?;
        let dataset = validation.as_ref().unwrap_or(training);
        let identity = self.networks.identity.as_deref();
        Ok(Subjects::Faces(Box::new(Samples::read(dataset, config.evaluation.faces, config, identity)?)))
    }
}

/// What the model is looked at by.
enum Subjects {
    /// Faces to restore.
    Faces(Box<Samples>),
    /// Noise to make pictures of.
    Noise(Generated),
}

/// A run under way.
struct Run<'a> {
    config: TrainConfig,
    folder: RunFolder,
    trainer: Trainer,
    /// Of the first process alone.
    record: Option<Record>,
    group: &'a Group,
}

/// What a run shows and writes.
struct Record {
    log: RunLog,
    samples: Subjects,
    bar: ProgressBar,
    /// Whether the model of every checkpoint stays.
    keep_models: bool,
    /// The iteration of the last checkpoint.
    saved: Option<u64>,
}

impl Run<'_> {
    fn train(&mut self, loader: &mut Loader) -> Result<Outcome, RunError> {
        let mut stopped = self.group.any(self.stops_early()?);
        while !self.finished() && !stopped {
            if self.group.any(interrupt::requested()) {
                break;
            }
            let waiting = Instant::now();
            let (targets, degraded) = loader.next_batch(self.trainer.device())?;
            let waited = waiting.elapsed();
            let progress = self.step(&targets, &degraded)?;
            if let Some(record) = &mut self.record {
                record.bar.set_position(progress.iterations);
                if let Some(line) = record.log.record(&progress, waited)? {
                    record.bar.set_message(format!("loss {:.4}  {:.1} faces/s", line.loss, line.rate));
                }
            }
            let (looks, finished) =
                (progress.iterations.is_multiple_of(self.config.evaluation.interval), self.finished());
            if let Some(record) = &mut self.record
                && (looks || finished)
            {
                record.look(&self.trainer, &self.folder, &self.config)?;
            }
            if looks {
                stopped = self.group.any(self.stops_early()?);
            }
            if let Some(record) = &mut self.record
                && progress.iterations.is_multiple_of(self.config.run.checkpoint)
            {
                record.save(&self.trainer, &self.folder)?;
            }
        }
        if let Some(record) = &mut self.record {
            record.save(&self.trainer, &self.folder)?;
        }
        Ok(if stopped || self.finished() { Outcome::Finished } else { Outcome::Interrupted })
    }

    /// Whether the looks so far say that no more is to be gained.
    fn stops_early(&self) -> Result<bool, RunError> {
        let patience = self.config.evaluation.patience;
        let (true, Some(record)) = (patience > 0, &self.record) else {
            return Ok(false);
        };
        Ok(record.log.standing()?.is_some_and(|standing| standing.since >= patience))
    }

    fn finished(&self) -> bool {
        self.trainer.iterations() >= self.config.run.iterations
    }

    /// One iteration; one that diverges leaves its batch in the run's folder.
    fn step(&mut self, targets: &Tensor, degraded: &Tensor) -> Result<Progress, RunError> {
        let error = match self.trainer.step(targets, degraded, self.group) {
            Ok(progress) => return Ok(progress),
            Err(error) => error,
        };
        let TrainError::Diverged { iteration, loss, norm, gammas } = &error else {
            return Err(error.into());
        };
        let report =
            Report { iteration: *iteration, loss: loss.to_string(), gradient_norm: norm.to_string(), gammas };
        let saved = diverged::save(&self.folder, targets, degraded, &report, self.group.share());
        // The loss is the mean over all processes, so all of them are here; the first to end will end the others.
        self.group.wait();
        let note = match saved {
            Ok(folder) => format!("Its batch is in {}", folder.display()),
            Err(reason) => format!("Its batch could not be saved: {reason}"),
        };
        Err(RunError::Diverged { reason: error, note })
    }

    fn report(&self, loader: &Loader, outcome: Outcome) -> Result<Outcome, RunError> {
        match loader.broken_pictures() {
            0 => {}
            1 => eprintln!("1 broken picture was passed over; see the warning above"),
            count => eprintln!("{count} broken pictures were passed over; see the warnings above"),
        }
        if let Some(record) = &self.record {
            record.bar.finish_and_clear();
            let model = self.folder.file(RunFolder::MODEL);
            println!("{} iterations done, model in {}", self.trainer.iterations(), model.display());
            if let Some(standing) = record.log.standing()? {
                let best = self.folder.file(RunFolder::BEST_MODEL);
                println!(
                    "the best look was that of iteration {}, model in {}",
                    standing.best,
                    best.display()
                );
            }
            if outcome == Outcome::Interrupted {
                println!("interrupted; go on with --resume");
            } else if !self.finished() {
                let patience = self.config.evaluation.patience;
                println!("ended early: the last {patience} looks were no better (evaluation.patience)");
            }
        }
        Ok(outcome)
    }
}

impl Record {
    /// Restores the faces looked at with the averaged weights, and keeps these if they are the best so far; or makes pictures of the
    /// noise.
    fn look(&mut self, trainer: &Trainer, folder: &RunFolder, config: &TrainConfig) -> Result<(), RunError> {
        if config.evaluation.faces == 0 {
            return Ok(());
        }
        let (model, iterations) = (trainer.averaged_model()?, trainer.iterations());
        let (device, precision) = (trainer.device(), config.run.precision);
        match &mut self.samples {
            Subjects::Faces(samples) => {
                self.log.look(iterations, &samples.look(&model, device, precision)?)?;
                if self.log.standing()?.is_some_and(|standing| standing.since == 0) {
                    folder.save_best(&model)?;
                }
            }
            Subjects::Noise(noise) => {
                self.log.show(iterations, &noise.look(&model, device, precision)?)?;
            }
        }
        Ok(())
    }

    fn save(&mut self, trainer: &Trainer, folder: &RunFolder) -> Result<(), RunError> {
        let iterations = trainer.iterations();
        if self.saved == Some(iterations) {
            return Ok(());
        }
        folder.save(trainer, self.log.unlogged())?;
        if self.keep_models {
            folder.keep_model(iterations)?;
        }
        self.saved = Some(iterations);
        Ok(self.log.plot()?)
    }
}

/// Puts the trainer where the run's last checkpoint was; names what the configuration changed since.
fn resume(
    trainer: &mut Trainer,
    folder: &RunFolder,
    config: &TrainConfig,
    group: &Group,
) -> Result<LossSum, RunError> {
    // Loading may put the state before a damaged one in its place: one process does, then the others look.
    if !group.is_first() {
        group.wait();
    }
    let found = folder.load().map_err(RunError::Checkpoint)?;
    if group.is_first() {
        group.wait();
    }
    if group.is_first()
        && let Some(warning) = &found.warning
    {
        eprintln!("warning: {warning}");
    }
    trainer.resume(&found.state, &found.path).map_err(RunError::Resume)?;
    if group.is_first() {
        for difference in differences(&found.state.config, config)? {
            eprintln!("changed since the run stopped: {difference}");
        }
    }
    Ok(found.state.unlogged)
}

fn progress_bar(iterations: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {eta_precise} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(iterations).with_style(style).with_position(done);
    bar.reset_eta();
    bar
}
