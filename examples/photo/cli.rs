// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Restore the faces of a photo, or of all photos in a folder.
#[derive(Debug, Parser)]
#[command(name = "photo", version)]
pub struct Cli {
    /// The photo, PNG, JPEG, WebP, TIFF, GIF or BMP, or a folder of them
    pub input: PathBuf,
    /// The restored photo, whose format follows from the name; or the folder for the restored photos, named as they are
    pub output: PathBuf,
    /// Folder of the model and the detector [default: those that came with this program]
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// 0 leaves the photo as it is, 1 shows the model's faces
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    pub strength: f32,
}
