//! `idm iterate`: train, enhance the training pictures, train again towards them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use restore_core::{DeviceChoice, DiffusionRestorer, NoiseSchedule};

use super::enhance::{EnhanceArgs, STEPS, enhance_tree};
use super::files;
use super::interrupt::{self, Outcome};
use super::progress;
use super::restorer_args::{ComputeArgs, RestorerArgs};
use super::train::{self, TrainArgs};
use crate::config::TrainConfig;
use crate::data_config::DataKind;
use crate::enhance::Shard;
use crate::iteration::{Comparison, DataIdentity, Record, Settings, Sides, Stage};
use crate::parallel::processes_of_mpirun;
use crate::picture;
use crate::run::folder::RunFolder;

/// Train, enhance the training pictures, train again towards them: the paper's two iterations (Eq. 10)
///
/// RUN/first: f is trained on (x, d(x)), as idm train does. RUN/enhanced: x* = f(x) of every training picture, as idm
/// enhance does. RUN/second: f* is trained from f's weights on (x*, d(x)), by the same configuration with the next seed
/// (RUN/second.toml). RUN/model.safetensors is f*, the model to use.
///
/// With --validation, what the second iteration changed on those pictures is printed and written to RUN/iterations.md
/// and RUN/iterations.json: PSNR and SSIM of x_d, f(x_d), f*(x_d), f(x) and f*(x) against x, and their differences
/// picture by picture, with 95 % bootstrap intervals.
///
/// It may be interrupted at any moment (Ctrl-C, kill -9, a full disk, the end of a job): the same command goes on where it
/// was, to the same model. RUN/iterate.json holds what it was started with; a RUN of another configuration or other
/// pictures is refused. On a cluster, the jobs of an array may share the enhancement: once f is trained, run idm enhance
/// --shard I/N from --data into RUN/enhanced with RUN/first/model.safetensors and the same --steps and --seed (that of
/// the configuration), then this command again.
///
/// A training picture that cannot be enhanced keeps itself as its target.
#[derive(Debug, Args)]
pub struct IterateArgs {
    /// Configuration of both trainings (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of training pictures, PNG or JPEG, in folders below it too
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for everything that is made
    #[arg(long, value_name = "RUN")]
    output: PathBuf,
    /// Folder of pictures to compare the two models on, which are in no training set
    #[arg(long, value_name = "DIR")]
    validation: Option<PathBuf>,
    /// Start f from the weights of this model of the same network, as idm train does; once f's training has begun this has no
    /// effect
    #[arg(long, value_name = "MODEL")]
    init: Option<PathBuf>,
    /// With --init, the weights of model.unet.coarse: a model of that network, trained at half the size
    #[arg(long, value_name = "MODEL", requires = "init")]
    coarse: Option<PathBuf>,
    /// Iterations of the second training [default: those of the first]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    second_iterations: Option<u64>,
    /// Sampling steps of the enhancement and of the comparison
    #[arg(long, value_name = "N", default_value_t = STEPS)]
    steps: usize,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,
}

/// Does what is not done yet.
///
/// # Errors
/// Unusable arguments (before anything is trained), a RUN of something else, and what stops a stage; the same command then
/// goes on from there.
pub fn run(args: &IterateArgs) -> Result<Outcome> {
    ensure!(
        processes_of_mpirun() <= 1,
        "idm iterate runs in one process: under mpirun use idm train for both trainings (the second with --init and \
         --targets), and idm enhance --shard in between"
    );
    interrupt::listen()?;
    let config = TrainConfig::open(&args.config)?;
    check(args, &config)?;
    let second = second_config(args, &config);
    let settings =
        Settings { second_iterations: second.run.iterations, steps: args.steps, config: config.clone() };
    picture::prepare_output_folder(&args.output)?;
    let mut record =
        Record::open(&args.output.join("iterate.json"), settings, DataIdentity::of(&args.data)?)?;
    for stage in [Stage::First, Stage::Enhanced, Stage::Second] {
        if record.has_finished(stage) {
            continue;
        }
        let outcome = match stage {
            Stage::First => train_first(args)?,
            Stage::Enhanced => enhance_data(args, &config)?,
            Stage::Second => train_second(args, &second)?,
        };
        if outcome == Outcome::Interrupted {
            println!("interrupted; the same idm iterate command goes on");
            return Ok(Outcome::Interrupted);
        }
        record.finish(stage)?;
    }
    let model = final_model(args)?;
    if let Some(validation) = &args.validation {
        if !record.has_compared(validation) {
            compare(args, &config, validation)?;
            record.note_comparison(validation)?;
        }
        let table = args.output.join("iterations.md");
        let text = std::fs::read_to_string(&table);
        print!("{}", text.with_context(|| format!("cannot read {}", table.display()))?);
    }
    println!("both iterations done, model in {}", model.display());
    Ok(Outcome::Finished)
}

/// What would otherwise fail after days of training.
fn check(args: &IterateArgs, config: &TrainConfig) -> Result<()> {
    ensure!(args.data.is_dir(), "--data {} is no folder", args.data.display());
    files::ensure_apart(&args.data, &args.output, true)?;
    let (diffusion, inference) = (&config.model.diffusion, &config.model.inference);
    NoiseSchedule::new(diffusion.schedule, diffusion.timesteps)?
        .respaced(args.steps, inference.spacing)
        .context("--steps")?;
    if let Some(validation) = &args.validation {
        let pictures = picture::list_tree(validation)?;
        ensure!(
            !pictures.is_empty(),
            "--validation {} holds no pictures (PNG or JPEG)",
            validation.display()
        );
    }
    Ok(())
}

/// The same recipe. The next seed, since the first one's would show f* the very draws that f was trained on.
fn second_config(args: &IterateArgs, config: &TrainConfig) -> TrainConfig {
    let mut second = config.clone();
    second.run.iterations = args.second_iterations.unwrap_or(config.run.iterations);
    second.run.seed = config.run.seed.wrapping_add(1);
    second
}

impl IterateArgs {
    fn first(&self) -> PathBuf {
        self.output.join("first")
    }

    fn enhanced(&self) -> PathBuf {
        self.output.join("enhanced")
    }

    fn second(&self) -> PathBuf {
        self.output.join("second")
    }

    /// What a training by `config` into `output` from the weights of `init` and `coarse` takes, or going on with it.
    fn training(
        &self,
        config: PathBuf,
        output: PathBuf,
        init: Option<PathBuf>,
        coarse: Option<PathBuf>,
    ) -> TrainArgs {
        let resume = RunFolder::new(&output).holds_run();
        TrainArgs {
            config,
            data: self.data.clone(),
            targets: None,
            output,
            validation: self.validation.clone(),
            init: init.filter(|_| !resume),
            coarse: coarse.filter(|_| !resume),
            resume,
            device: self.device,
            workers: self.workers,
        }
    }

    fn restorer(&self, run: &Path, config: &TrainConfig) -> RestorerArgs {
        RestorerArgs {
            model: run.join(RunFolder::MODEL),
            compute: ComputeArgs { device: self.device, precision: config.run.precision },
            sampler: None,
        }
    }
}

fn train_first(args: &IterateArgs) -> Result<Outcome> {
    println!("training f");
    train::run(&args.training(args.config.clone(), args.first(), args.init.clone(), args.coarse.clone()))
}

fn enhance_data(args: &IterateArgs, config: &TrainConfig) -> Result<Outcome> {
    println!("enhancing the training pictures");
    let enhanced = enhance_tree(&EnhanceArgs {
        restorer: args.restorer(&args.first(), config),
        steps: args.steps,
        seed: config.run.seed,
        input: args.data.clone(),
        output: args.enhanced(),
        pictures: config.data.kind == DataKind::Pictures,
        shard: Shard::WHOLE,
    })?;
    if enhanced.outcome == Outcome::Finished {
        for (job, message) in &enhanced.failures {
            eprintln!("not enhanced, its target is the picture itself: {message}");
            files::copy(&job.input, &job.output)?;
        }
    }
    Ok(enhanced.outcome)
}

fn train_second(args: &IterateArgs, second: &TrainConfig) -> Result<Outcome> {
    println!("training f*");
    let path = args.output.join("second.toml");
    let text = toml::to_string(second).context("cannot write the configuration of the second training")?;
    picture::write_atomically(&path, text.as_bytes())?;
    let f = args.first().join(RunFolder::MODEL);
    let training = args.training(path, args.second(), Some(f), None);
    train::run(&TrainArgs { targets: Some(args.enhanced()), ..training })
}

/// Copies f* to where the model of all is.
fn final_model(args: &IterateArgs) -> Result<PathBuf> {
    let model = args.output.join(RunFolder::MODEL);
    if !model.exists() {
        files::copy(&args.second().join(RunFolder::MODEL), &model)?;
    }
    Ok(model)
}

/// Writes the comparison, and names broken pictures.
fn compare(args: &IterateArgs, config: &TrainConfig, validation: &Path) -> Result<()> {
    let restorer = |run: &Path| -> Result<DiffusionRestorer> {
        let args_of_model = args.restorer(run, config);
        args_of_model.restorer(&args_of_model.checkpoint()?, Some(args.steps))
    };
    let (first, second) = (restorer(&args.first())?, restorer(&args.second())?);
    let sides = Sides { first: &first, second: &second, kind: config.data.kind };
    let bar = progress::bar(0, "pictures compared");
    let comparison = Comparison::measure(&sides, validation, args.steps, &bar)?;
    bar.finish_and_clear();
    for skipped in &comparison.skipped {
        eprintln!("skipped: {skipped}");
    }
    let json = serde_json::to_vec_pretty(&comparison)?;
    picture::write_atomically(&args.output.join("iterations.json"), &json)?;
    Ok(picture::write_atomically(&args.output.join("iterations.md"), comparison.markdown().as_bytes())?)
}
