// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm export`: a data set as the training programs of generators read it.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Args, ValueEnum};

use crate::export::{Source, export_for_biggan, export_for_stylegan2};
use crate::jobs::conclusion::conclude;
use crate::jobs::files::unreadable;
use crate::jobs::progress;

/// Write a data set as the training programs of generators read it
///
/// stylegan2: OUT is a zip archive (OUT.zip) of numbered PNG files and dataset.json, as dataset_tool.py of
/// NVlabs/stylegan2-ada-pytorch writes it: train.py --data OUT.zip.
///
/// biggan: OUT is a data root with pictures in OUT/ImageNet/CLASS, as make_hdf5.py and train.py of ajbrock/BigGAN-PyTorch read
/// them: --data_root OUT --dataset I128 (or I32, I64, I256, whichever --size is). An interrupted export goes on.
///
/// Pictures become 8-bit RGB, in the order of their paths. docs/generators-of-others.md has the commands before and after.
///
/// Broken pictures are left out and named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Whose format
    #[arg(long = "for", value_name = "PROGRAM")]
    program: Program,
    /// Folder of pictures, with the folders below it
    #[arg(value_name = "DIR")]
    input: PathBuf,
    /// The archive (stylegan2) or the folder (biggan) to write
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Cut the largest centred square and resize it to N×N pixels, a power of two [default: as the pictures are, which must then
    /// be square and of one size]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..=8192))]
    size: Option<u32>,
    /// The folders directly below DIR are classes, in the order of their names [default: no classes]
    #[arg(long)]
    classes: bool,
}

/// A program that trains generators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Program {
    /// NVlabs/stylegan2-ada-pytorch
    Stylegan2,
    /// ajbrock/BigGAN-PyTorch
    Biggan,
}

/// Writes the data set.
///
/// # Errors
/// Unusable folders, sizes that the program does not read, a full disk, and broken pictures (after all others are done).
pub fn run(args: &ExportArgs) -> anyhow::Result<()> {
    let source = Source::open(&args.input, args.size, args.classes)?;
    let bar = progress::bar(source.files.len(), "pictures");
    let step = |count: usize| bar.inc(count as u64);
    match args.program {
        Program::Stylegan2 => {
            let (pictures, mut left_out) = export_for_stylegan2(&source, &args.output, step)?;
            bar.finish_and_clear();
            left_out.extend(unreadable(&args.input)?);
            summarise(&source, pictures, &args.output, &left_out)
        }
        Program::Biggan => {
            let (jobs, left_out) = export_for_biggan(&source, &args.output, step)?;
            bar.finish_and_clear();
            println!("--data_root {} --dataset I{}", args.output.display(), source.size);
            Ok(conclude("exported", &jobs, &left_out, &args.output)?)
        }
    }
}

/// What the archive has, and what it has not.
fn summarise(source: &Source, pictures: usize, output: &Path, left_out: &[String]) -> anyhow::Result<()> {
    let classes = source.classes.as_ref().map_or("no classes".to_owned(), |classes| {
        classes
            .iter()
            .enumerate()
            .map(|(index, name)| format!("{index} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    });
    println!("{pictures} pictures of {size}×{size} in {}; {classes}", output.display(), size = source.size);
    left_out.iter().for_each(|reason| eprintln!("skipped: {reason}"));
    let failed = left_out.len();
    ensure!(failed == 0, "{failed} of {} pictures could not be exported, see above", failed + pictures);
    Ok(())
}
