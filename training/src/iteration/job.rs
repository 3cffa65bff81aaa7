// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both iterations from end to end: train f, enhance the training pictures, train f* towards them, compare the two.

use std::path::{Path, PathBuf};

use restore_core::{DeviceChoice, DiffusionRestorer, NoiseSchedule, Shard};

use super::comparison::{Comparison, Sides};
use super::enhancement::EnhanceJob;
use super::error::IterateError;
use super::record::{DataIdentity, Record, Settings, Stage};
use crate::jobs::files;
use crate::jobs::interrupt::{self, Outcome};
use crate::jobs::progress;
use crate::picture;
use crate::restore::ModelChoice;
use crate::train::config::TrainConfig;
use crate::train::parallel::processes_of_mpirun;
use crate::train::run::folder::RunFolder;
use crate::train::{LossNetworkFiles, TrainJob};

/// Both iterations of a data set.
#[derive(Debug, Clone)]
pub struct IterateJob {
    /// Configuration file of both trainings.
    pub config: PathBuf,
    /// Folder of training pictures.
    pub data: PathBuf,
    /// Folder for everything that is made.
    pub output: PathBuf,
    /// Folder of pictures to compare the two models on.
    pub validation: Option<PathBuf>,
    /// The model whose weights f starts from.
    pub init: Option<PathBuf>,
    /// The model of the weights of its coarse network.
    pub coarse: Option<PathBuf>,
    /// The networks of the loss's terms, of both trainings.
    pub networks: LossNetworkFiles,
    /// Iterations of the second training; `None`: those of the first.
    pub second_iterations: Option<u64>,
    /// Sampling steps of the enhancement and of the comparison.
    pub steps: usize,
    /// Where to compute.
    pub device: DeviceChoice,
    /// Threads that load and degrade pictures.
    pub workers: usize,
}

impl IterateJob {
    /// Does what is not done yet.
    ///
    /// # Errors
    /// Unusable settings (before anything is trained), an output of something else, and what stops a stage; the same job
    /// then goes on from there.
    pub fn run(&self) -> Result<Outcome, IterateError> {
        if processes_of_mpirun() > 1 {
            return Err(IterateError::UnderMpirun);
        }
        interrupt::listen()?;
        let config = TrainConfig::open(&self.config)?;
        self.check(&config)?;
        let second = self.second_config(&config);
        let settings =
            Settings { second_iterations: second.run.iterations, steps: self.steps, config: config.clone() };
        picture::prepare_output_folder(&self.output)?;
        let mut record =
            Record::open(&self.output.join("iterate.json"), settings, DataIdentity::of(&self.data)?)?;
        for stage in [Stage::First, Stage::Enhanced, Stage::Second] {
            if record.has_finished(stage) {
                continue;
            }
            let outcome = match stage {
                Stage::First => self.train_first()?,
                Stage::Enhanced => self.enhance_data(&config)?,
                Stage::Second => self.train_second(&second)?,
            };
            if outcome == Outcome::Interrupted {
                println!("interrupted; the same idm iterate command goes on");
                return Ok(Outcome::Interrupted);
            }
            record.finish(stage)?;
        }
        let model = self.final_model()?;
        if let Some(validation) = &self.validation {
            if !record.has_compared(validation) {
                self.compare(&config, validation)?;
                record.note_comparison(validation)?;
            }
            let path = self.output.join("iterations.md");
            let table = std::fs::read_to_string(&path);
            print!("{}", table.map_err(|source| IterateError::Table { path, source })?);
        }
        println!("both iterations done, model in {}", model.display());
        Ok(Outcome::Finished)
    }

    /// What would otherwise fail after days of training.
    fn check(&self, config: &TrainConfig) -> Result<(), IterateError> {
        if config.model.unet.condition.generates() {
            return Err(IterateError::Generator);
        }
        if !self.data.is_dir() {
            return Err(IterateError::NoData(self.data.clone()));
        }
        files::ensure_apart(&self.data, &self.output, true)?;
        let (diffusion, inference) = (&config.model.diffusion, &config.model.inference);
        NoiseSchedule::new(diffusion.schedule, diffusion.timesteps)?
            .respaced(self.steps, inference.spacing)
            .map_err(IterateError::Steps)?;
        if let Some(validation) = &self.validation
            && picture::list_tree(validation)?.is_empty()
        {
            return Err(IterateError::NoValidation(validation.clone()));
        }
        Ok(())
    }

    /// The same recipe. The next seed, since the first one's would show f* the very draws that f was trained on.
    fn second_config(&self, config: &TrainConfig) -> TrainConfig {
        let mut second = config.clone();
        second.run.iterations = self.second_iterations.unwrap_or(config.run.iterations);
        second.run.seed = config.run.seed.wrapping_add(1);
        second
    }

    fn first(&self) -> PathBuf {
        self.output.join("first")
    }

    fn enhanced(&self) -> PathBuf {
        self.output.join("enhanced")
    }

    fn second(&self) -> PathBuf {
        self.output.join("second")
    }

    /// A training by `config` into `output` from the weights of `init` and `coarse`, or going on with it.
    fn training(
        &self,
        config: PathBuf,
        output: PathBuf,
        init: Option<PathBuf>,
        coarse: Option<PathBuf>,
    ) -> TrainJob {
        let resume = RunFolder::new(&output).holds_run();
        TrainJob {
            config,
            data: self.data.clone(),
            targets: None,
            output,
            validation: self.validation.clone(),
            init: init.filter(|_| !resume),
            coarse: coarse.filter(|_| !resume),
            networks: self.networks.clone(),
            resume,
            device: self.device,
            workers: self.workers,
        }
    }

    /// The model of a run.
    fn model(&self, run: &Path, config: &TrainConfig) -> ModelChoice {
        let file = run.join(RunFolder::MODEL);
        ModelChoice { file, device: self.device, precision: config.run.precision, sampler: None }
    }

    fn train_first(&self) -> Result<Outcome, IterateError> {
        println!("training f");
        let (init, coarse) = (self.init.clone(), self.coarse.clone());
        Ok(self.training(self.config.clone(), self.first(), init, coarse).run()?)
    }

    fn enhance_data(&self, config: &TrainConfig) -> Result<Outcome, IterateError> {
        println!("enhancing the training pictures");
        let job = EnhanceJob {
            model: self.model(&self.first(), config),
            steps: self.steps,
            seed: config.run.seed,
            input: self.data.clone(),
            output: self.enhanced(),
            kind: config.data.kind,
            shard: Shard::WHOLE,
        };
        let enhanced = job.run()?;
        if enhanced.outcome == Outcome::Finished {
            for (job, message) in &enhanced.failures {
                eprintln!("not enhanced, its target is the picture itself: {message}");
                files::copy(&job.input, &job.copy)?;
            }
            for message in &enhanced.several {
                eprintln!("not enhanced, its target is the picture itself: {message}");
            }
        }
        Ok(enhanced.outcome)
    }

    fn train_second(&self, second: &TrainConfig) -> Result<Outcome, IterateError> {
        println!("training f*");
        let path = self.output.join("second.toml");
        let text = toml::to_string(second).map_err(IterateError::SecondConfig)?;
        picture::write_atomically(&path, text.as_bytes())?;
        let f = self.first().join(RunFolder::MODEL);
        let training = self.training(path, self.second(), Some(f), None);
        Ok(TrainJob { targets: Some(self.enhanced()), ..training }.run()?)
    }

    /// Copies f* to where the model of all is.
    fn final_model(&self) -> Result<PathBuf, IterateError> {
        let model = self.output.join(RunFolder::MODEL);
        if !model.exists() {
            files::copy(&self.second().join(RunFolder::MODEL), &model)?;
        }
        Ok(model)
    }

    /// Writes the comparison, and names broken pictures.
    fn compare(&self, config: &TrainConfig, validation: &Path) -> Result<(), IterateError> {
        let restorer = |run: &Path| -> Result<DiffusionRestorer, IterateError> {
            let model = self.model(run, config);
            Ok(model.restorer(&model.checkpoint()?, Some(self.steps))?)
        };
        let (first, second) = (restorer(&self.first())?, restorer(&self.second())?);
        let sides = Sides { first: &first, second: &second, kind: config.data.kind };
        let bar = progress::bar(0, "pictures compared");
        let comparison = Comparison::measure(&sides, validation, self.steps, &bar)?;
        bar.finish_and_clear();
        for skipped in &comparison.skipped {
            eprintln!("skipped: {skipped}");
        }
        let json = serde_json::to_vec_pretty(&comparison)?;
        picture::write_atomically(&self.output.join("iterations.json"), &json)?;
        Ok(picture::write_atomically(&self.output.join("iterations.md"), comparison.markdown().as_bytes())?)
    }
}
