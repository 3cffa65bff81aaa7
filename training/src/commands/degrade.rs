//! `idm degrade`: writes degraded pictures and the parameters that made them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::files::{self, Job, Jobs, Naming};
use super::progress;
use crate::degradation::{Degradation, DegradationParams};
use crate::picture::{self, PictureError};

/// The file with a line of JSON for every picture.
const RECORDS: &str = "degradations.jsonl";

/// Write degraded pictures and the parameters that made them
///
/// Pictures are degraded as in the paper (Eq. 11: blur, down-sampling, noise, JPEG, back to the size) and
/// written as PNG, the parameters of each as a line of `degradations.jsonl`.
///
/// A picture's parameters depend on the seed and its name alone. An interrupted run goes on where it was when
/// started again. Broken pictures are skipped and named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct DegradeArgs {
    /// Folder of clean pictures, or one picture
    #[arg(long, value_name = "DIR")]
    input: PathBuf,
    /// Folder for the degraded pictures
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
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

/// Degrades every picture that has no result yet.
///
/// # Errors
/// Unusable folders, outputs of other settings, a full disk, and broken pictures (after all others are done).
pub fn run(args: &DegradeArgs) -> anyhow::Result<()> {
    let jobs = Jobs::find(&args.input, &args.output, Naming::Png)?;
    let records = args.output.join(RECORDS);
    picture::prepare_outputs([records.as_path()])?;
    let recipe = Degradation::default();
    let mut lines = read_records(&records)?;
    for job in &jobs.all {
        let file = format!("{}.png", job.name);
        let params = recipe.params_for(args.seed, &job.name);
        let record = Record { file: file.clone(), seed: args.seed, size: args.size, params };
        let earlier = lines.insert(file, record.clone());
        ensure!(
            !job.output.exists() || earlier.as_ref() == Some(&record),
            "{} was made with other settings ({}): use those, or another --output",
            job.output.display(),
            earlier.map_or("unknown".to_owned(), |earlier| described(&earlier)),
        );
    }
    // Before the pictures, so that a picture is never there without its parameters.
    write_records(&records, &lines)?;
    let failures = degrade_all(&jobs.missing, &lines)?;
    for job in failures.iter().map(|&(index, _)| &jobs.missing[index]) {
        lines.remove(&format!("{}.png", job.name));
    }
    write_records(&records, &lines)?;
    let failures: Vec<String> = failures.into_iter().map(|(_, message)| message).collect();
    files::conclude("degraded", &jobs, &failures, &args.output)
}

fn described(record: &Record) -> String {
    let size = record.size.map(|size| format!(" --size {size}")).unwrap_or_default();
    format!("--seed {}{size}", record.seed)
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

/// Works through `jobs` with as many threads as there are cores. Returns index and message of broken pictures.
fn degrade_all(jobs: &[Job], records: &BTreeMap<String, Record>) -> anyhow::Result<Vec<(usize, String)>> {
    let bar = progress::bar(jobs.len(), "pictures");
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return Ok(()) };
            let record = &records[&format!("{}.png", job.name)];
            if let Err(error) = degrade(job, record) {
                if matches!(error.downcast_ref(), Some(PictureError::Write { .. })) {
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
