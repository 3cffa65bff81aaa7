// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm degrade`: writes degraded pictures and the parameters that made them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use clap::Args;
use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::restorer_args::share;
use crate::data::degradation::{Degradation, DegradationParams, SHARES, Strength};
use crate::jobs::conclusion::conclude;
use crate::jobs::files::{Job, Jobs};
use crate::jobs::naming::Naming;
use crate::jobs::progress;
use crate::picture::contact_sheet::{Heading, Tile, contact_sheet};
use crate::picture::{self, PictureError};
use crate::seed::seed_for;
use crate::train::config::TrainConfig;

/// The file with a line of JSON for every picture.
const RECORDS: &str = "degradations.jsonl";

/// Pictures on the contact sheet.
const GRID_PICTURES: usize = 3;

/// Width and height to which the contact sheet's pictures are resized, unless another is asked for.
const GRID_SIZE: u32 = 512;

/// Width and height of the part of them that is shown, pixel by pixel.
const GRID_TILE: u32 = 256;

/// Write degraded pictures and the parameters that made them
///
/// Pictures are degraded as in the paper (Eq. 11: blur, down-sampling, noise, JPEG, back to the size), or by the recipe of
/// a file, and written as PNG, the parameters of each as a line of `degradations.jsonl`.
///
/// A picture's parameters depend on the seed and its name alone. An interrupted run goes on where it was when
/// started again. Broken pictures are skipped and named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct DegradeArgs {
    /// Folder of clean pictures, or one picture
    #[arg(long, value_name = "DIR")]
    input: PathBuf,
    /// Folder for the degraded pictures
    #[arg(long, value_name = "DIR", required_unless_present = "grid")]
    output: Option<PathBuf>,
    /// Training configuration (TOML) whose table `degradation` is the recipe, or a file with that table alone, as in
    /// training/configs/damage [default: the paper's]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Draw a contact sheet (PNG or JPEG) of the first three pictures: every part of the recipe alone at rising strength, then
    /// all together. Pictures are resized to 512×512 pixels (or --size) and their middle is shown
    #[arg(long, value_name = "FILE")]
    grid: Option<PathBuf>,
    /// Degrade this share of the pictures, 0 to 1, and write the others as they are: which ones follows from the seed and the names,
    /// and degradations.jsonl says it of each (`clean`). With 0 pictures are resized only [default: what the recipe says, 1 in the
    /// paper's]
    #[arg(long, value_name = "S", value_parser = share::<f64>)]
    share: Option<f64>,
    /// Seed of the degradations
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Cut the largest centred square and resize it to N×N pixels first [default: as the pictures are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=8192))]
    size: Option<u32>,
}

/// A line of `degradations.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    file: String,
    seed: u64,
    size: Option<u32>,
    params: DegradationParams,
}

/// A file with a recipe and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    degradation: Degradation,
}

/// Degrades every picture that has no result yet, and draws the contact sheet.
///
/// # Errors
/// A wrong recipe, unusable folders, outputs of other settings, a full disk, and broken pictures (after all others are done).
pub fn run(args: &DegradeArgs) -> anyhow::Result<()> {
    let mut recipe = match &args.config {
        None => Degradation::default(),
        Some(file) => open_recipe(file)?,
    };
    if let Some(share) = args.share {
        ensure!(
            recipe.mix.is_empty(),
            "--share is for recipes without a mix, each part of which has a clean_share of its own"
        );
        recipe.clean_share = 1.0 - share;
    }
    if let Some(grid) = &args.grid {
        draw_grid(args, &recipe, grid)?;
    }
    match &args.output {
        None => Ok(()),
        Some(output) => degrade_folder(args, &recipe, output),
    }
}

/// The recipe of a training configuration, or of a file with the table `degradation` alone.
fn open_recipe(file: &Path) -> anyhow::Result<Degradation> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let alone = toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.keys().eq(["degradation"]));
    if !alone {
        return Ok(TrainConfig::open(file)?.degradation);
    }
    let recipe: RecipeFile = toml::from_str(&text).with_context(|| format!("recipe {}", file.display()))?;
    recipe.degradation.validate()?;
    Ok(recipe.degradation)
}

fn degrade_folder(args: &DegradeArgs, recipe: &Degradation, output: &Path) -> anyhow::Result<()> {
    let jobs = Jobs::find(&args.input, output, Naming::Png)?;
    let records = output.join(RECORDS);
    picture::prepare_outputs([records.as_path()])?;
    let mut lines = read_records(&records)?;
    for job in &jobs.all {
        let file = file_name(job, output);
        let params = recipe.params_for(args.seed, &job.name);
        let record = Record { file: file.clone(), seed: args.seed, size: args.size, params };
        let earlier = lines.insert(file, record.clone());
        ensure!(
            !job.is_done() || earlier.as_ref() == Some(&record),
            "{} was made with other settings ({}): use those, or another --output",
            job.output.display(),
            earlier.map_or("unknown".to_owned(), |earlier| differently(&earlier, &record)),
        );
    }
    // Before the pictures, so that a picture is never there without its parameters.
    write_records(&records, &lines)?;
    let failures = degrade_all(&jobs.missing, &lines, output)?;
    for job in failures.iter().map(|&(index, _)| &jobs.missing[index]) {
        lines.remove(&file_name(job, output));
    }
    write_records(&records, &lines)?;
    let failures: Vec<String> = failures.into_iter().map(|(_, message)| message).collect();
    Ok(conclude("degraded", &jobs, &failures, output)?)
}

/// Draws the contact sheet: a row for every part of `recipe`, and for every picture its input and three strengths.
fn draw_grid(args: &DegradeArgs, recipe: &Degradation, grid: &Path) -> anyhow::Result<()> {
    let files = if args.input.is_dir() { picture::list(&args.input)? } else { vec![args.input.clone()] };
    let size = args.size.unwrap_or(GRID_SIZE);
    let mut headings = Vec::new();
    let mut rows: Vec<Vec<Tile>> = Vec::new();
    for file in &files {
        match picture::read(file).and_then(|picture| picture::resize_to_square(&picture, size)) {
            Ok(clean) => {
                let name = picture::stem(file);
                let parts = grid_parts(&clean, &recipe.strengths(seed_for(args.seed, &name)))?;
                rows.resize(parts.len(), Vec::new());
                rows.iter_mut().zip(parts).for_each(|(row, tiles)| row.extend(tiles));
                let labels = std::iter::once("input").chain(SHARES.map(|(_, label)| label));
                headings.extend(labels.map(|label| Heading { group: name.clone(), label: label.to_owned() }));
            }
            Err(error) => eprintln!("skipped: {error}"),
        }
        if headings.len() == GRID_PICTURES * (1 + SHARES.len()) {
            break;
        }
    }
    ensure!(
        !rows.is_empty(),
        "no readable pictures (PNG, JPEG, WebP, TIFF, GIF or BMP) in {}",
        args.input.display()
    );
    picture::write(grid, &contact_sheet(&headings, &rows))?;
    println!("contact sheet written to {}", grid.display());
    Ok(())
}

/// For every part of a recipe the picture and its strengths, the middle of each.
fn grid_parts(clean: &RgbImage, strengths: &[Strength]) -> anyhow::Result<Vec<Vec<Tile>>> {
    let middle = |picture: &RgbImage| {
        let side = picture.width().min(GRID_TILE);
        let offset = (picture.width() - side) / 2;
        image::imageops::crop_imm(picture, offset, offset, side, side).to_image()
    };
    let mut parts = Vec::new();
    for part in strengths.chunk_by(|one, other| one.part == other.part) {
        let mut tiles = vec![Tile { caption: part[0].part.clone(), picture: middle(clean) }];
        for strength in part {
            let picture = middle(&strength.params.apply(clean)?);
            tiles.push(Tile { caption: strength.label.clone(), picture });
        }
        parts.push(tiles);
    }
    Ok(parts)
}

/// How `earlier` was made, as far as it differs from `record`.
fn differently(earlier: &Record, record: &Record) -> String {
    if (earlier.seed, earlier.size) == (record.seed, record.size) {
        return "another recipe, see --config and --share".to_owned();
    }
    let size = earlier.size.map(|size| format!(" --size {size}")).unwrap_or_default();
    format!("--seed {}{size}", earlier.seed)
}

fn read_records(path: &Path) -> anyhow::Result<BTreeMap<String, Record>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut records = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let record: Record = serde_json::from_str(line)
            .with_context(|| format!("{}, line {}, is no degradation", path.display(), number + 1))?;
        records.insert(record.file.clone(), record);
    }
    Ok(records)
}

fn write_records(path: &Path, records: &BTreeMap<String, Record>) -> anyhow::Result<()> {
    let mut text = String::new();
    for record in records.values() {
        text += &serde_json::to_string(record)?;
        text.push('\n');
    }
    Ok(picture::write_atomically(path, text.as_bytes())?)
}

/// The degraded picture's path below the folder `output`, as its record has it.
fn file_name(job: &Job, output: &Path) -> String {
    picture::slashed(job.output.strip_prefix(output).unwrap_or(&job.output))
}

/// Works through `jobs` with as many threads as there are cores. Returns index and message of broken pictures.
fn degrade_all(
    jobs: &[Job],
    records: &BTreeMap<String, Record>,
    output: &Path,
) -> anyhow::Result<Vec<(usize, String)>> {
    let bar = progress::bar(jobs.len(), "pictures");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return Ok(()) };
            let record = &records[&file_name(job, output)];
            if let Err(error) = degrade(job, record) {
                if error.downcast_ref().is_some_and(PictureError::is_full_disk) {
                    // A full disk will not get better with the next picture: stop the other threads, too.
                    next.store(jobs.len(), Ordering::Relaxed);
                    return Err(error);
                }
                failures.lock().unwrap_or_else(PoisonError::into_inner).push((index, format!("{error:#}")));
            }
            bar.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<anyhow::Result<Vec<()>>>()
    })?;
    bar.finish_and_clear();
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    Ok(failures)
}

fn degrade(job: &Job, record: &Record) -> anyhow::Result<()> {
    let mut clean = picture::read(&job.input)?;
    if let Some(size) = record.size {
        clean = picture::resize_to_square(&clean, size)?;
    }
    let degraded = record.params.apply(&clean).with_context(|| format!("{}", job.input.display()))?;
    Ok(picture::write(&job.output, &degraded)?)
}
