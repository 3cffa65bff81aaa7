// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm quality`: how good do pictures look whose truth nobody has?

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use restore_core::DeviceChoice;

use crate::evaluate::RestoredFolder;
use crate::jobs::files::unreadable;
use crate::jobs::progress;
use crate::metrics::{MetricNetwork, PATCH};
use crate::picture;
use crate::quality::{Measures, table};

/// Measure pictures without their truth: naturalness, and what networks say
///
/// For example photos that were degraded really, and what several models made of them. Every set after the first is compared with
/// the first, picture by picture, of those of one name.
///
/// Naturalness is the distance of a picture's statistics from those of clean pictures that you name, less is nearer: the features and
/// the distance of NIQE (Mittal, Soundararajan and Bovik 2013), which is over the statistics of its authors' photographs instead.
/// It is comparable after the same clean pictures and at one size only, and says nothing of whose face it is.
///
/// A network is a TorchScript file (or ONNX, named .onnx) that takes RGB in [0, 1] of shape `[N, 3, S, S]` and gives scores
/// `[N]`, or shares `[N, 10]` of the votes 1 to 10 as NIMA does. Its scores are reported under its file's name.
///
/// Pictures that are broken or too small are left out and named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct QualityArgs {
    /// A set of pictures, with the folders below it; give it once for each set
    #[arg(long, value_name = "[NAME=]DIR", required = true)]
    pictures: Vec<RestoredFolder>,
    /// Folder of clean pictures that say what is natural, of the kind and the size of the others
    #[arg(long, value_name = "DIR", required_unless_present = "network")]
    natural: Option<PathBuf>,
    /// Side in pixels of the patches that are looked at, an even number; no picture may be smaller
    #[arg(long, value_name = "N", default_value_t = PATCH, value_parser = even)]
    patch: u32,
    /// A network that gives pictures scores; may be given more than once
    #[arg(long, value_name = "FILE")]
    network: Vec<PathBuf>,
    /// Side in pixels at which networks see the pictures' middle squares
    #[arg(long, value_name = "N", default_value_t = 224, value_parser = clap::value_parser!(u32).range(16..=4096))]
    size: u32,
    /// Write all figures, picture by picture, to this file (JSON)
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where networks compute: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

/// Measures, writes the file asked for and prints the table.
///
/// # Errors
/// Unreadable networks or folders, too few clean pictures, a full disk, and pictures that were left out (after everything else is
/// done).
pub fn run(args: &QualityArgs) -> anyhow::Result<()> {
    let mut measures = Measures::default();
    let mut left_out = Vec::new();
    for file in &args.network {
        measures.add_network(MetricNetwork::open(file, args.device.resolve()?)?, args.size);
    }
    if let Some(folder) = &args.natural {
        left_out.extend(measures.learn_naturalness(folder, args.patch)?);
        left_out.extend(unreadable(folder)?);
    }
    let mut sets = Vec::new();
    let mut count = 0;
    for RestoredFolder { name, folder } in &args.pictures {
        count += picture::list_tree(folder)?.len();
        left_out.extend(unreadable(folder)?);
        sets.push((name.clone(), folder.clone()));
    }
    let bar = progress::bar(count, "pictures");
    let mut report = measures.report(&sets, |done| bar.inc(done as u64))?;
    bar.finish_and_clear();
    report.left_out.splice(0..0, left_out);
    if let Some(path) = &args.output {
        picture::write_atomically(path, &serde_json::to_vec_pretty(&report)?)?;
    }
    let table = table(&report);
    print!("{}\n\n{}", table.note, table.aligned());
    report.left_out.iter().for_each(|reason| eprintln!("left out: {reason}"));
    let left_out = report.left_out.len();
    ensure!(left_out == 0, "{left_out} pictures were left out, see above");
    Ok(())
}

/// The side of patches, for clap.
fn even(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(side @ 16..=1024) if side % 2 == 0 => Ok(side),
        _ => Err("it must be an even number from 16 to 1024".to_owned()),
    }
}
