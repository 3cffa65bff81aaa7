//! `idm train`: trains a model on a folder of aligned faces.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use restore_core::DeviceChoice;

use crate::config::TrainConfig;
use crate::dataset::FaceDataset;
use crate::loader::{Loader, LoaderOptions, Share};
use crate::pair::PairRecipe;
use crate::trainer::{Progress, Trainer};

/// Arguments of `idm train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Configuration of the run (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of pictures, PNG or JPEG, in folders below it too: aligned faces, or what data.kind says
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of targets x* by the names of the pictures in --data, as idm enhance writes them [default: the pictures]
    #[arg(long, value_name = "DIR")]
    targets: Option<PathBuf>,
    /// Folder of the run: model.safetensors, state.safetensors, metrics.csv
    #[arg(long, value_name = "RUN")]
    output: PathBuf,
    /// Start from the weights of this model
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// Go on from the state in RUN
    #[arg(long)]
    resume: bool,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,
}

/// Runs `idm train`.
///
/// # Errors
/// With what failed and where; the last checkpoint stays.
pub fn run(args: &TrainArgs) -> Result<()> {
    let config = TrainConfig::open(&args.config)?;
    let state = args.output.join("state.safetensors");
    if !args.resume && state.exists() {
        bail!(
            "{} holds a run already; add --resume to go on, or choose another --output",
            args.output.display()
        );
    }
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make folder {}", args.output.display()))?;
    let mut trainer = Trainer::new(&config, args.device, args.init.as_deref())?;
    if args.resume {
        trainer
            .resume(&state)
            .context("cannot resume; without --resume and with a new --output the run starts anew")?;
    }
    let options = LoaderOptions {
        recipe: PairRecipe::of(&config),
        batch: config.run.batch,
        share: Share::WHOLE,
        seed: config.run.seed,
        workers: args.workers,
    };
    let dataset = FaceDataset::open(&args.data, args.targets.as_deref(), config.data.balance)?;
    let mut loader = Loader::start(dataset, &options, trainer.iterations());
    let interrupted = stop_on_interrupt()?;
    let bar = progress_bar(config.run.iterations, trainer.iterations());
    let mut metrics = Metrics::open(args, &config)?;
    while trainer.iterations() < config.run.iterations && !interrupted.load(Ordering::Relaxed) {
        let waiting = Instant::now();
        let (clean, degraded) = loader.next_batch()?;
        let waited = waiting.elapsed();
        let progress = trainer.step(&clean, &degraded)?;
        metrics.record(&progress, waited, &bar)?;
        if progress.iterations.is_multiple_of(config.run.checkpoint) {
            save(&trainer, args)?;
        }
    }
    save(&trainer, args)?;
    bar.finish_and_clear();
    match loader.broken_pictures() {
        0 => {}
        1 => eprintln!("1 broken picture was passed over; see the warning above"),
        count => eprintln!("{count} broken pictures were passed over; see the warnings above"),
    }
    println!(
        "{} iterations done, model in {}",
        trainer.iterations(),
        args.output.join("model.safetensors").display()
    );
    if trainer.iterations() < config.run.iterations {
        println!("interrupted; go on with --resume");
    }
    Ok(())
}

/// The model first: a crash between the two leaves a state that makes the same model again.
fn save(trainer: &Trainer, args: &TrainArgs) -> Result<()> {
    trainer.save_model(&args.output.join("model.safetensors"))?;
    trainer.save_state(&args.output.join("state.safetensors"))?;
    Ok(())
}

/// Ctrl-C finishes the iteration at hand and saves.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let handler = flag.clone();
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).context("cannot handle Ctrl-C")?;
    Ok(flag)
}

fn progress_bar(iterations: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}  {eta_precise} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(iterations).with_style(style).with_position(done);
    bar.reset_eta();
    bar
}

/// `metrics.csv`, one line for some iterations, and the text beside the progress bar.
struct Metrics {
    file: std::fs::File,
    path: PathBuf,
    batch: u64,
    since: Instant,
    sum: f64,
    count: u64,
    waited: Duration,
}

/// Iterations in one line of the metrics.
const METRICS_INTERVAL: u64 = 10;

impl Metrics {
    fn open(args: &TrainArgs, config: &TrainConfig) -> Result<Self> {
        let path = args.output.join("metrics.csv");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        if file.metadata().map(|data| data.len() == 0).unwrap_or(false) {
            writeln!(
                file,
                "iteration,samples,loss,gradient_norm,learning_rate,samples_per_second,waiting_share"
            )
            .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self {
            file,
            path,
            batch: config.run.batch as u64,
            since: Instant::now(),
            sum: 0.0,
            count: 0,
            waited: Duration::ZERO,
        })
    }

    fn record(&mut self, progress: &Progress, waited: Duration, bar: &ProgressBar) -> Result<()> {
        self.sum += progress.loss;
        self.count += 1;
        self.waited += waited;
        bar.set_position(progress.iterations);
        if !progress.iterations.is_multiple_of(METRICS_INTERVAL) {
            return Ok(());
        }
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = (self.count * self.batch) as f64 / seconds;
        let loss = self.sum / self.count as f64;
        writeln!(
            self.file,
            "{},{},{:.6},{:.5},{:.3e},{:.3},{:.4}",
            progress.iterations,
            progress.iterations * self.batch,
            loss,
            progress.gradient_norm,
            progress.learning_rate,
            rate,
            self.waited.as_secs_f64() / seconds
        )
        .with_context(|| format!("cannot write {}", self.path.display()))?;
        bar.set_message(format!("loss {loss:.4}  {rate:.1} faces/s"));
        (self.since, self.sum, self.count, self.waited) = (Instant::now(), 0.0, 0, Duration::ZERO);
        Ok(())
    }
}
