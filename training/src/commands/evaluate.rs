// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm evaluate`: how good is a model, or another system, on faces whose truth is known?

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use image::{GenericImage, RgbImage};
use restore_core::{InferenceConfig, Sampler, Sampling, device_name};

use super::restorer_args::{ComputeArgs, share};
use crate::evaluate::{
    CurveRun, Evaluation, Gallery, Groups, MOST_STEPS, MetricNetworks, ModelRun, ModelRuns, PairSource,
    Pictures, Report, ReportHead, RestoredFolder, ShownFace, markdown, page,
};
use crate::jobs::progress;
use crate::picture;

/// Rows of the grid, spread evenly over the faces.
const GRID_ROWS: usize = 8;

/// Side at which other systems' pictures are compared when no model says another.
const SIZE_WITHOUT_MODEL: u32 = 512;

/// Numbers of steps that are compared unless others are named.
const STEPS: [usize; 4] = [1, 2, 4, 10];
/// Shares of the detail likewise: the mean, and the sharp face.
const DETAILS: [f64; 2] = [0.0, 1.0];

/// Folder of the report's pictures, inside that of --report.
const PICTURES: &str = "pictures";

/// Measure a model or other systems' pictures on clean faces
///
/// Compared with the clean, aligned face x are the degraded input x_d, f(x_d) for each number of steps and sampler,
/// f(x) (a clean face should stay as it is), f(f(x_d)) (a second pass should not make it worse), and other systems'
/// pictures. Means come with their 95 % bootstrap intervals; a PSNR above 100 dB, as of an identical picture, counts
/// as 100 dB.
///
/// PSNR, SSIM, sharpness (gradient energy over the truth's), energy in six octaves over the truth's (the first holds waves of 2
/// to 4 pixels, the sixth those of 64 to 128) and grid (energy at a period of 4 pixels, as patches leave it, over that beside
/// it) are always measured; faces of less than 97 pixels have fewer octaves, below 64 no grid. The rest is measured by networks
/// that you bring as TorchScript files, or as ONNX files named .onnx. They get RGB in [0, 1] of shape `[N, 3, S, S]` at the size
/// of the evaluation, so one made for 512×512 pixels needs --size 512 (a model of another size still sees its own). Each
/// measure is reported under its file's name.
///
/// A face that is broken, or that one of the systems lacks, is left out for all of them and named at the end; the exit
/// code is then 1.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The model: a safetensors file as `idm train` writes it
    #[arg(long, value_name = "FILE", help_heading = "Model", required_unless_present = "restored")]
    model: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeArgs,
    /// Numbers of sampling steps to compare [default: 1,2,4,10; none for a model with a detail head]
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = "Model")]
    steps: Option<Vec<usize>>,
    /// Shares of the detail to compare, 0 to 1, for a model with a detail head [default: 0,1]
    #[arg(long, value_name = "W,…", value_delimiter = ',', value_parser = share::<f64>, help_heading = "Model")]
    detail: Option<Vec<f64>>,
    /// Samplers to compare: ddpm (with noise between steps), ddim (without) or both [default: the model's own]
    #[arg(long, value_name = "SAMPLER,…", value_delimiter = ',', help_heading = "Model")]
    sampler: Vec<Sampler>,
    /// Leave out f(x) and f(f(x_d)), which take two thirds of the time
    #[arg(long, help_heading = "Model")]
    no_authenticity: bool,
    /// Apply the model up to N times, 1 to 10, to the clean and to the degraded faces, as its file recommends to run it: their
    /// distances to x and to the step before, as a table and as a plot on the page
    #[arg(long, value_name = "N", help_heading = "Model", requires = "model", value_parser = applications)]
    authenticity_curve: Option<usize>,
    /// Another system's pictures of the same names, up to the ending; may be given more than once
    #[arg(long, value_name = "[NAME=]DIR", help_heading = "Other systems")]
    restored: Vec<RestoredFolder>,
    /// Folder of clean, aligned, square faces
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data: PathBuf,
    /// Folder of degraded faces of the same names, instead of degrading by --seed and file name
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    degraded: Option<PathBuf>,
    /// Side in pixels at which faces are degraded and compared [default: the model's crop size, without a model 512]
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = clap::value_parser!(u32).range(16..=4096))]
    size: Option<u32>,
    /// Take the first N faces only
    #[arg(long, value_name = "N", help_heading = "Data")]
    limit: Option<usize>,
    /// Seed of the degradations and of the sampler
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Data")]
    seed: u64,
    /// CSV file with the columns `file` and `source`: report the gain for each source too
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    groups: Option<PathBuf>,
    /// Network for identity: pictures to embeddings `[N, D]`; reported are cosine and Euclidean distance to the truth's
    #[arg(long, value_name = "FILE", help_heading = "Networks of measures")]
    identity: Option<PathBuf>,
    /// Network for the perceptual distance: two batches (ONNX: inputs `a` and `b`) to distances `[N]`
    #[arg(long, value_name = "FILE", help_heading = "Networks of measures")]
    perceptual: Option<PathBuf>,
    /// Network for NIMA: pictures to shares `[N, 10]` of the votes 1 to 10, or to mean scores `[N]`
    #[arg(long, value_name = "FILE", help_heading = "Networks of measures")]
    nima: Option<PathBuf>,
    /// Network for the Fréchet distance, precision and recall: pictures to features `[N, D]`
    #[arg(long, value_name = "FILE", help_heading = "Networks of measures")]
    inception: Option<PathBuf>,
    /// Write report.json, report.md, index.html and all pictures to this folder
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    report: Option<PathBuf>,
    /// Write all figures, face by face, to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
    /// Write the tables to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    markdown: Option<PathBuf>,
    /// Write one self-contained page with the tables and the pictures of the worst and the best faces
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
    /// Write a picture with rows of input, outputs in the order of the table, truth (.png or .jpg)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    grid: Option<PathBuf>,
}

/// Measures, writes the files asked for and prints the tables.
///
/// # Errors
/// Unreadable model, networks or folders, outputs that cannot be written, and faces that were left out (after
/// everything else is done).
pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let (mut evaluation, mut head, headline) = prepare(args)?;
    let groups = args.groups.as_deref().map(Groups::read).transpose()?;
    let temporary = tempfile::tempdir().context("cannot make a folder for temporary pictures")?;
    let gallery = match (&args.report, &args.html) {
        (Some(report), _) => Some(Gallery::create(&report.join(PICTURES))?),
        (None, Some(_)) => Some(Gallery::create(temporary.path())?),
        (None, None) => None,
    };
    let count = evaluation.source.files.len();
    let rows = GRID_ROWS.min(count);
    let mut grid: Vec<Vec<RgbImage>> = Vec::new();
    let show = |face: ShownFace<'_>| {
        if let Some(gallery) = &gallery {
            gallery.add(face)?;
        }
        if args.grid.is_some() && (0..rows).any(|row| row * count / rows == face.file_index) {
            let pictures =
                std::iter::once(face.input).chain(face.outputs.iter().copied()).chain([face.truth]);
            grid.push(pictures.cloned().collect());
        }
        Ok(())
    };
    let bar = progress::bar(count, "faces");
    let measurement = evaluation.measure(show, |files| bar.inc(files as u64))?;
    bar.finish_and_clear();
    head.networks = evaluation.networks.reports();
    let report = Report::new(head, measurement, headline, groups.as_ref())?;
    write(args, &report, gallery.as_ref())?;
    if let Some(path) = &args.grid {
        picture::write(path, &tiled(&grid, report.head.size)?)?;
    }
    print!("{}", markdown(&report));
    report.skipped.iter().for_each(|reason| eprintln!("left out: {reason}"));
    let left_out = report.skipped.len();
    ensure!(left_out == 0, "{left_out} of {count} faces were left out, see above");
    Ok(())
}

/// What is to be measured, what the report says of it, and the index of the system that others are compared with.
fn prepare(args: &EvaluateArgs) -> anyhow::Result<(Evaluation, ReportHead, usize)> {
    let device = args.compute.device.resolve()?;
    let mut headline = 0;
    let model = match &args.model {
        None => None,
        Some(path) => {
            let choice = args.compute.choice(path, None);
            let checkpoint = choice.checkpoint()?;
            let (runs, recommended) = runs(args, &checkpoint.config.inference);
            headline = recommended;
            let mut restorer = choice.restorer(&checkpoint, None)?;
            for run in &runs {
                restorer.set_sampling(run.sampling)?;
            }
            let curve = args.authenticity_curve;
            let curve = curve.map(|applications| CurveRun { run: headline, applications });
            Some(ModelRuns { restorer, runs, authenticity: !args.no_authenticity, curve })
        }
    };
    let restorer = model.as_ref().map(|model| &model.restorer);
    let model_size = restorer.map(|restorer| restorer.config().crop_size);
    let size = args.size.or(model_size).unwrap_or(SIZE_WITHOUT_MODEL);
    let head = ReportHead {
        model: args.model.clone(),
        data: args.data.clone(),
        size,
        seed: args.seed,
        device: restorer.map(|restorer| device_name(restorer.device())),
        precision: restorer.map(|restorer| restorer.precision().to_string()),
        networks: Default::default(),
    };
    let networks = MetricNetworks::open(
        args.identity.as_deref(),
        args.perceptual.as_deref(),
        args.nima.as_deref(),
        args.inception.as_deref(),
        device,
    )?;
    let source = PairSource::open(&args.data, args.degraded.as_deref(), size, args.seed, args.limit)?;
    Ok((Evaluation { source, model, folders: args.restored.clone(), networks }, head, headline))
}

/// The ways of running a model to compare, and the index of the one that it recommends: with a detail head the mean and all of
/// its detail, and what `args` name.
fn runs(args: &EvaluateArgs, own: &InferenceConfig) -> (Vec<ModelRun>, usize) {
    let samplers = if args.sampler.is_empty() { vec![own.sampler] } else { args.sampler.clone() };
    let with_steps = |steps: &[usize]| -> Vec<ModelRun> {
        let of = |&sampler| steps.iter().map(move |&steps| Sampling::Steps { steps, sampler });
        samplers.iter().flat_map(of).map(|sampling| ModelRun { sampling, detail: 1.0 }).collect()
    };
    let Some(gamma) = own.detail_gamma else {
        let runs = with_steps(args.steps.as_deref().unwrap_or(&STEPS));
        let recommended = Sampling::Steps { steps: own.steps, sampler: own.sampler };
        let headline = runs.iter().position(|run| run.sampling == recommended).unwrap_or(0);
        return (runs, headline);
    };
    let details = args.detail.as_deref().unwrap_or(&DETAILS).iter();
    let mut runs: Vec<ModelRun> =
        details.map(|&detail| ModelRun { sampling: Sampling::MeanDetail { gamma }, detail }).collect();
    let headline = runs.iter().position(|run| run.detail == 1.0).unwrap_or(0);
    runs.extend(with_steps(args.steps.as_deref().unwrap_or_default()));
    (runs, headline)
}

/// How often f is applied for the curve, for clap.
fn applications(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=MOST_STEPS) => Ok(count),
        _ => Err(format!("it must be a whole number from 1 to {MOST_STEPS}")),
    }
}

/// Writes the report's files; its page comes last, so that what it shows is there.
fn write(args: &EvaluateArgs, report: &Report, gallery: Option<&Gallery>) -> anyhow::Result<()> {
    let in_folder = |name: &str| args.report.as_ref().map(|folder| folder.join(name));
    for path in [in_folder("report.json"), args.json.clone()].into_iter().flatten() {
        picture::write_atomically(&path, &serde_json::to_vec_pretty(report)?)?;
    }
    for path in [in_folder("report.md"), args.markdown.clone()].into_iter().flatten() {
        picture::write_atomically(&path, markdown(report).as_bytes())?;
    }
    if let (Some(path), Some(gallery)) = (&args.html, gallery) {
        picture::write_atomically(path, page(report, Pictures::Embedded(gallery))?.as_bytes())?;
    }
    if let Some(path) = in_folder("index.html") {
        picture::write_atomically(&path, page(report, Pictures::Beside(PICTURES))?.as_bytes())?;
    }
    Ok(())
}

/// Rows of pictures of `size`×`size` pixels, side by side without gaps.
fn tiled(rows: &[Vec<RgbImage>], size: u32) -> anyhow::Result<RgbImage> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let mut grid = RgbImage::new(columns * size, rows.len() as u32 * size);
    for (y, row) in rows.iter().enumerate() {
        for (x, picture) in row.iter().enumerate() {
            grid.copy_from(picture, x as u32 * size, y as u32 * size)?;
        }
    }
    Ok(grid)
}
