//! `idm evaluate`: how good is a model on faces whose truth is known?

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use image::{GenericImage, RgbImage};
use restore_core::DiffusionRestorer;
use serde::Serialize;

use super::progress;
use super::restorer_args::RestorerArgs;
use crate::degradation::DegradationParams;
use crate::evaluate::{FaceScores, MeanScores, Pair, PairSource, Scores, Summary, evaluate_batch};
use crate::metrics::Mean;
use crate::picture;

/// Faces in one batch of the network.
const BATCH: usize = 8;

/// Rows of the grid, spread evenly over the faces.
const GRID_ROWS: usize = 8;

/// Measure a model on clean faces: PSNR and SSIM, step counts, authenticity
///
/// Compared with the clean, aligned face x are the degraded input x_d, f(x_d), f(x) (a clean face should stay as
/// it is) and f(f(x_d)) (a second pass should not make it worse). Means come with their 95 % bootstrap intervals;
/// a PSNR above 100 dB, as of an identical picture, counts as 100 dB.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    restorer: RestorerArgs,
    /// Folder of clean, aligned, square faces
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data: PathBuf,
    /// Folder of degraded faces of the same names, instead of degrading by --seed and file name
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    degraded: Option<PathBuf>,
    /// Side in pixels at which faces are degraded and compared [default: the model's crop size]
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = clap::value_parser!(u32).range(16..=4096))]
    size: Option<u32>,
    /// Take the first N faces only
    #[arg(long, value_name = "N", help_heading = "Data")]
    limit: Option<usize>,
    /// Seed of the degradations and of the sampler
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Data")]
    seed: u64,
    /// Numbers of sampling steps to compare
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 2, 4, 10], help_heading = "Model")]
    steps: Vec<usize>,
    /// Write all figures, face by face, to this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,
    /// Write a picture with rows of input, output for each number of steps, truth (.png or .jpg)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    grid: Option<PathBuf>,
}

/// The JSON file: the same figures as the table, and those of every face.
#[derive(Serialize)]
struct Report {
    model: PathBuf,
    data: PathBuf,
    size: u32,
    seed: u64,
    device: String,
    precision: String,
    input: MeanScores,
    steps: Vec<StepReport>,
    faces: Vec<FaceReport>,
}

#[derive(Serialize)]
struct StepReport {
    steps: usize,
    #[serde(flatten)]
    summary: Summary,
}

#[derive(Serialize)]
struct FaceReport {
    name: String,
    degradation: Option<DegradationParams>,
    input: Scores,
    /// In the order of the report's `steps`.
    steps: Vec<FaceScores>,
}

/// Measures, prints the table and writes the files asked for.
///
/// # Errors
/// Unreadable model or pictures, and outputs that cannot be written.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<()> {
    let checkpoint = args.restorer.checkpoint()?;
    let restorers = args.steps.iter().map(|&steps| args.restorer.restorer(&checkpoint, Some(steps)));
    let restorers: Vec<DiffusionRestorer> = restorers.collect::<anyhow::Result<_>>()?;
    let size = args.size.unwrap_or(checkpoint.config.crop_size);
    let source = PairSource::open(&args.data, args.degraded.as_deref(), size, args.seed, args.limit)?;
    let Measured { faces, seconds, grid } = measure(&source, &restorers)?;
    let report =
        summarise(args, size, &restorers, faces, &seconds).context("--steps names no number of steps")?;
    print!("{}", table(&report));
    if let Some(path) = &args.json {
        picture::write_atomically(path, &serde_json::to_vec_pretty(&report)?)?;
    }
    if let Some(path) = &args.grid {
        picture::write(path, &tiled(&grid, size)?)?;
        println!(
            "{}: left the input, then the output of each number of steps, right the truth",
            path.display()
        );
    }
    Ok(())
}

/// What [`measure`] found.
#[derive(Default)]
struct Measured {
    faces: Vec<FaceReport>,
    /// Seconds of every restorer.
    seconds: Vec<f64>,
    /// Rows of pictures: x_d, f(x_d) of every restorer, x.
    grid: Vec<Vec<RgbImage>>,
}

/// Runs every restorer on every face.
fn measure(source: &PairSource, restorers: &[DiffusionRestorer]) -> anyhow::Result<Measured> {
    let count = source.files.len();
    let bar = progress::bar(count, "faces");
    let rows = GRID_ROWS.min(count);
    let shown: Vec<usize> = (0..rows).map(|row| row * count / rows).collect();
    let mut measured = Measured { seconds: vec![0.0; restorers.len()], ..Measured::default() };
    for files in source.files.chunks(BATCH) {
        let pairs: Vec<Pair> = files.iter().map(|file| source.pair(file)).collect::<Result<_, _>>()?;
        let mut outcomes = Vec::with_capacity(restorers.len());
        for (restorer, seconds) in restorers.iter().zip(&mut measured.seconds) {
            let outcome = evaluate_batch(restorer, &pairs)?;
            *seconds += outcome.seconds;
            outcomes.push(outcome);
        }
        for (index, pair) in pairs.into_iter().enumerate() {
            let input = Scores::of(&pair.degraded, &pair.clean)?;
            let steps = outcomes.iter().map(|outcome| outcome.scores[index]).collect();
            if shown.contains(&measured.faces.len()) {
                let outputs = outcomes.iter().map(|outcome| outcome.restored[index].clone());
                measured
                    .grid
                    .push(std::iter::once(pair.degraded).chain(outputs).chain([pair.clean]).collect());
            }
            measured.faces.push(FaceReport { name: pair.name, degradation: pair.params, input, steps });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(measured)
}

fn summarise(
    args: &EvaluateArgs,
    size: u32,
    restorers: &[DiffusionRestorer],
    faces: Vec<FaceReport>,
    seconds: &[f64],
) -> Option<Report> {
    let inputs: Vec<Scores> = faces.iter().map(|face| face.input).collect();
    let mut steps = Vec::with_capacity(restorers.len());
    for (index, restorer) in restorers.iter().enumerate() {
        let scores: Vec<FaceScores> = faces.iter().map(|face| face.steps[index]).collect();
        let summary = Summary::of(&inputs, &scores, seconds[index])?;
        steps.push(StepReport { steps: restorer.steps(), summary });
    }
    let restorer = restorers.first()?;
    Some(Report {
        model: args.restorer.model.clone(),
        data: args.data.clone(),
        size,
        seed: args.seed,
        device: format!("{:?}", restorer.device()),
        precision: restorer.precision().to_string(),
        input: MeanScores::of(&inputs)?,
        steps,
        faces,
    })
}

fn table(report: &Report) -> String {
    let psnr = |mean: Mean, sign: &str| {
        let digits = if sign.is_empty() { format!("{:.2}", mean.mean) } else { format!("{:+.2}", mean.mean) };
        format!("{digits:>7} [{:6.2}, {:6.2}]", mean.low, mean.high)
    };
    let ssim = |mean: Mean, sign: &str| {
        let digits = if sign.is_empty() { format!("{:.4}", mean.mean) } else { format!("{:+.4}", mean.mean) };
        format!("{digits:>8} [{:7.4}, {:7.4}]", mean.low, mean.high)
    };
    let line = |label: &str, scores: &MeanScores, sign: &str| {
        format!("{label:<24}{}  {}\n", psnr(scores.psnr, sign), ssim(scores.ssim, sign))
    };
    let mut text = format!(
        "{} on {} faces of {size}×{size} pixels, seed {}, {} {}\n",
        report.model.display(),
        report.faces.len(),
        report.seed,
        report.device,
        report.precision,
        size = report.size,
    );
    text += &format!("{:<24}{:<25}{}\n", "", "PSNR dB [95 % interval]", " SSIM [95 % interval]");
    text += &line("input x_d", &report.input, "");
    for StepReport { steps, summary } in &report.steps {
        let plural = if *steps == 1 { "step" } else { "steps" };
        text += &line(&format!("{steps:>2} {plural:<5} f(x_d)"), &summary.restored, "");
        text += &line("         gain over x_d", &summary.gain, "+");
        text += &line("         f(x)", &summary.of_clean, "");
        text += &line("         f(f(x_d))", &summary.twice, "");
        text += &format!("         {:.1} ms a face\n", summary.milliseconds_per_face);
    }
    text
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
