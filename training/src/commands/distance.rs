// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm distance`: how far is one set of pictures from another, as a network sees them?

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use restore_core::DeviceChoice;

use crate::distance::{Comparison, FeatureCache, FeatureSet, RESAMPLES, features, table};
use crate::jobs::files::unreadable;
use crate::jobs::interrupt::{self, Outcome};
use crate::jobs::progress;
use crate::metrics::MetricNetwork;
use crate::picture;

/// The cache's folder inside the user's.
const CACHE: &str = "facerestore/features";

/// Measure how far one set of pictures is from another, as a network sees them
///
/// For example generated faces from real ones, or an enhanced data set from the original. Measured are the Fréchet distance, the
/// kernel distance (unbiased, under (x·y / D + 1)³), precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem
/// et al. 2020) for 3 and 5 nearest neighbours. They mean something only beside the network's name and the size, which every
/// result has. Nothing here is called FID or KID: those are the distances over TensorFlow's Inception network of 2015 with its
/// own resizing. If you have that network as a TorchScript file that takes pictures in [0, 1], what is measured over it is that.
///
/// The network is a TorchScript file (or ONNX, named .onnx) that takes RGB in [0, 1] of shape `[N, 3, S, S]` and gives features
/// `[N, D]`. Pictures must be square; those of another size than --size are resized (Lanczos).
///
/// Features are kept in --cache by the contents of the picture and of the network, so the next comparison with the same pictures
/// needs no network. An interrupted run goes on where it was. In memory are the features of both sets (for 100 000
/// pictures of 2048 features 800 MB) and few pictures at a time.
///
/// Pictures that are broken or not square are left out and named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct DistanceArgs {
    /// Folder of real pictures, with the folders below it
    #[arg(value_name = "REAL")]
    real: PathBuf,
    /// Folder of the pictures to compare with them, with the folders below it
    #[arg(value_name = "FAKE")]
    fake: PathBuf,
    /// The network: pictures to features `[N, D]`
    #[arg(long, value_name = "FILE")]
    network: PathBuf,
    /// Side in pixels at which the network sees pictures
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(16..=4096))]
    size: u32,
    /// Pairs of sets to draw for the standard error of the Fréchet distance, 2 or more, or 0 for none. Each takes as long as
    /// the distance itself
    #[arg(long, value_name = "N", default_value_t = RESAMPLES)]
    resamples: usize,
    /// Write all figures to this file (JSON)
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder for features [default: facerestore/features in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

/// Compares, writes the file asked for and prints the table.
///
/// # Errors
/// Unreadable network or folders, too few pictures, a full disk, and pictures that were left out (after everything else is
/// done).
pub fn run(args: &DistanceArgs) -> anyhow::Result<Outcome> {
    ensure!(args.resamples != 1, "--resamples 1 gives no standard error: name 2 or more, or 0");
    interrupt::listen()?;
    let mut network = MetricNetwork::open(&args.network, args.device.resolve()?)?;
    let cache = args.cache.clone().map_or_else(users_cache, Ok)?;
    let Some(real) = set(args, &mut network, &cache, &args.real)? else { return Ok(interrupted()) };
    let Some(fake) = set(args, &mut network, &cache, &args.fake)? else { return Ok(interrupted()) };
    let comparison = Comparison::of(
        &network,
        args.size,
        (args.real.as_path(), &real),
        (args.fake.as_path(), &fake),
        args.resamples,
    )?;
    if let Some(path) = &args.output {
        picture::write_atomically(path, &serde_json::to_vec_pretty(&comparison)?)?;
    }
    print!("{}", text(&comparison));
    comparison.left_out().for_each(|reason| eprintln!("left out: {reason}"));
    let left_out = comparison.left_out().count();
    let all = left_out as i64 + comparison.real.pictures + comparison.fake.pictures;
    ensure!(left_out == 0, "{left_out} of {all} pictures were left out, see above");
    Ok(Outcome::Finished)
}

/// The features of a folder, and what was done for them as a line of text; `None` when the user interrupted it.
fn set(
    args: &DistanceArgs,
    network: &mut MetricNetwork,
    cache: &Path,
    folder: &Path,
) -> anyhow::Result<Option<FeatureSet>> {
    // Opened for each set: the second may have pictures of the first.
    let cache = FeatureCache::open(cache, network, args.size)?;
    cache.damaged().iter().for_each(|message| eprintln!("{message}"));
    let bar = progress::bar(picture::list_tree(folder)?.len(), "pictures");
    let set = features(folder, network, args.size, &cache, |count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    let Some(mut set) = set else { return Ok(None) };
    println!(
        "{}: {} pictures, {} of them from the cache, {:.1} pictures/s",
        folder.display(),
        set.features.size()[0],
        set.cached,
        set.pictures_per_second
    );
    set.left_out.extend(unreadable(folder)?);
    Ok(Some(set))
}

fn interrupted() -> Outcome {
    println!("interrupted; the same command goes on");
    Outcome::Interrupted
}

/// The folder for features where the user names none (XDG Base Directory Specification).
fn users_cache() -> anyhow::Result<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let base =
        base.context("neither XDG_CACHE_HOME nor HOME names a folder: name one for features with --cache")?;
    Ok(base.join(CACHE))
}

/// What was compared, and the table.
fn text(comparison: &Comparison) -> String {
    let network = &comparison.network;
    let table = table(comparison);
    let mut text = format!(
        "\nSeen by the network {} (SHA-256 {}…), {} features, pictures at {size}×{size}\n\n{}\n\n{}",
        network.name,
        network.sha256.get(..12).unwrap_or(&network.sha256),
        network.features,
        table.note,
        table.aligned(),
        size = comparison.size
    );
    comparison.notes.iter().for_each(|note| text += &format!("\n{note}.\n"));
    text
}
