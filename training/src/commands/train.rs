//! `idm train`: trains a model on a folder of pictures.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use restore_core::DeviceChoice;
use tch::Tensor;

use super::interrupt::{self, Outcome};
use crate::config::{TrainConfig, differences};
use crate::dataset::FaceDataset;
use crate::loader::{Loader, LoaderOptions};
use crate::pair::PairRecipe;
use crate::parallel::Group;
use crate::run::diverged::{self, Report};
use crate::run::folder::RunFolder;
use crate::run::log::RunLog;
use crate::run::samples::Samples;
use crate::run::state::LossSum;
use crate::trainer::{Progress, TrainError, Trainer};

/// Arguments of `idm train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Configuration of the run (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Folder of pictures, PNG or JPEG, in folders below it too: aligned faces, or what data.kind says
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder of targets x* by the names of the pictures in --data, as idm enhance writes them [default: the pictures]
    #[arg(long, value_name = "DIR")]
    pub targets: Option<PathBuf>,
    /// Folder of the run: model.safetensors, state.safetensors, metrics.csv, loss.png, samples, TensorBoard events
    #[arg(long, value_name = "RUN")]
    pub output: PathBuf,
    /// Folder of faces to look at during the run [default: some of those in --data]
    #[arg(long, value_name = "DIR")]
    pub validation: Option<PathBuf>,
    /// Start from the weights of this model of the same network, trained at any size
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    pub init: Option<PathBuf>,
    /// With --init, the weights of model.unet.coarse: a model of that network, trained at half the size
    #[arg(long, value_name = "MODEL", requires = "init")]
    pub coarse: Option<PathBuf>,
    /// Go on from the state in RUN
    #[arg(long)]
    pub resume: bool,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: DeviceChoice,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub workers: usize,
}

/// Runs `idm train`, to its end or until [`interrupt::requested`] in one of the processes that train together.
///
/// # Errors
/// With what failed and where; the last checkpoint stays.
pub fn run(args: &TrainArgs) -> Result<Outcome> {
    let group = Group::join()?;
    group.end_together(train(args, &group))
}

fn train(args: &TrainArgs, group: &Group) -> Result<Outcome> {
    let config = TrainConfig::open(&args.config)?;
    let dataset = FaceDataset::open(&args.data, args.targets.as_deref(), config.data.balance)?;
    let folder = RunFolder::new(&args.output);
    if !args.resume && folder.holds_run() {
        bail!(
            "{} holds a run already; add --resume to go on, or choose another --output",
            args.output.display()
        );
    }
    if group.is_first() {
        folder.prepare()?;
    }
    let mut trainer = Trainer::new(&config, args.device, args.init.as_deref(), args.coarse.as_deref())?;
    let unlogged =
        if args.resume { resume(&mut trainer, &folder, &config, group)? } else { LossSum::default() };
    let options = LoaderOptions {
        recipe: PairRecipe::of(&config),
        batch: config.faces_per_step(),
        share: group.share(),
        seed: config.run.seed,
        workers: args.workers,
    };
    let record = if group.is_first() {
        let faces_per_step = config.faces_per_step() * group.share().count as usize;
        let log = RunLog::open(&folder, faces_per_step, trainer.iterations(), unlogged)?;
        let samples = samples(args, &dataset, &config)?;
        let bar = progress_bar(config.run.iterations, trainer.iterations());
        Some(Record { log, samples, bar, saved: args.resume.then_some(trainer.iterations()) })
    } else {
        None
    };
    let mut loader = Loader::start(dataset, &options, trainer.iterations());
    interrupt::listen()?;
    let mut run = Run { config, folder, trainer, record, group };
    run.train(&mut loader)?;
    run.report(&loader)
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
    samples: Samples,
    bar: ProgressBar,
    /// The iteration of the last checkpoint.
    saved: Option<u64>,
}

impl Run<'_> {
    fn train(&mut self, loader: &mut Loader) -> Result<()> {
        while !self.finished() && !self.group.any(interrupt::requested()) {
            let waiting = Instant::now();
            let (targets, degraded) = loader.next_batch(self.trainer.device())?;
            let waited = waiting.elapsed();
            let progress = self.step(&targets, &degraded)?;
            let finished = self.finished();
            let Some(record) = &mut self.record else {
                continue;
            };
            record.bar.set_position(progress.iterations);
            if let Some(line) = record.log.record(&progress, waited)? {
                record.bar.set_message(format!("loss {:.4}  {:.1} faces/s", line.loss, line.rate));
            }
            if progress.iterations.is_multiple_of(self.config.evaluation.interval) || finished {
                record.look(&self.trainer, &self.config)?;
            }
            if progress.iterations.is_multiple_of(self.config.run.checkpoint) {
                record.save(&self.trainer, &self.folder)?;
            }
        }
        match &mut self.record {
            Some(record) => record.save(&self.trainer, &self.folder),
            None => Ok(()),
        }
    }

    fn finished(&self) -> bool {
        self.trainer.iterations() >= self.config.run.iterations
    }

    /// One iteration; one that diverges leaves its batch in the run's folder.
    fn step(&mut self, targets: &Tensor, degraded: &Tensor) -> Result<Progress> {
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
        bail!("{error}. {note}")
    }

    fn report(&self, loader: &Loader) -> Result<Outcome> {
        match loader.broken_pictures() {
            0 => {}
            1 => eprintln!("1 broken picture was passed over; see the warning above"),
            count => eprintln!("{count} broken pictures were passed over; see the warnings above"),
        }
        let outcome = if self.finished() { Outcome::Finished } else { Outcome::Interrupted };
        if let Some(record) = &self.record {
            record.bar.finish_and_clear();
            let model = self.folder.file(RunFolder::MODEL);
            println!("{} iterations done, model in {}", self.trainer.iterations(), model.display());
            if outcome == Outcome::Interrupted {
                println!("interrupted; go on with --resume");
            }
        }
        Ok(outcome)
    }
}

impl Record {
    /// Restores the faces looked at with the averaged weights.
    fn look(&mut self, trainer: &Trainer, config: &TrainConfig) -> Result<()> {
        if self.samples.count() == 0 {
            return Ok(());
        }
        let model = trainer.averaged_model()?;
        let look = self.samples.look(&model, trainer.device(), config.run.precision)?;
        Ok(self.log.look(trainer.iterations(), &look)?)
    }

    fn save(&mut self, trainer: &Trainer, folder: &RunFolder) -> Result<()> {
        let iterations = trainer.iterations();
        if self.saved == Some(iterations) {
            return Ok(());
        }
        folder.save(trainer, self.log.unlogged())?;
        self.saved = Some(iterations);
        Ok(self.log.plot()?)
    }
}

/// Puts the trainer where the run's last checkpoint was; names what the configuration changed since.
fn resume(trainer: &mut Trainer, folder: &RunFolder, config: &TrainConfig, group: &Group) -> Result<LossSum> {
    // Loading may put the state before a damaged one in its place: one process does, then the others look.
    if !group.is_first() {
        group.wait();
    }
    let found = folder.load().context("cannot resume")?;
    if group.is_first() {
        group.wait();
    }
    if group.is_first()
        && let Some(warning) = &found.warning
    {
        eprintln!("warning: {warning}");
    }
    trainer.resume(&found.state, &found.path).context("cannot resume")?;
    if group.is_first() {
        for difference in differences(&found.state.config, config)? {
            eprintln!("changed since the run stopped: {difference}");
        }
    }
    Ok(found.state.unlogged)
}

/// The faces to look at: those in `--validation`, or training faces.
fn samples(args: &TrainArgs, training: &FaceDataset, config: &TrainConfig) -> Result<Samples> {
    let validation = |folder: &PathBuf| FaceDataset::open(folder, None, false);
    let validation = args.validation.as_ref().map(validation).transpose().context("--validation")?;
    Ok(Samples::read(validation.as_ref().unwrap_or(training), config.evaluation.faces, config)?)
}

fn progress_bar(iterations: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {eta_precise} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(iterations).with_style(style).with_position(done);
    bar.reset_eta();
    bar
}
