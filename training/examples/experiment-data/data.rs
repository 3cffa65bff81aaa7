// SPDX-License-Identifier: MIT OR Apache-2.0
//! What scripts/experiments need, from this repository alone: windows about the faces of two portraits, and a network of colours.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tch::{CModule, Device, Kind, Tensor};
use training::picture;

/// Portraits of tests/data, and the first window in each: left, top, side.
const PORTRAITS: [(&str, [u32; 3]); 2] = [("astronaut.png", [140, 20, 180]), ("biden.jpg", [260, 210, 520])];

/// Windows in a row, each two pixels to the right of the one before; rows are two pixels apart.
const ROW: usize = 8;

/// Writes `count` windows of `side`×`side` pixels as `folder/000.png` and on, of the portraits by turns. The folder must not be there.
pub fn faces(folder: &Path, count: usize, side: u32) -> Result<()> {
    std::fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let photos = PORTRAITS.map(|(name, _)| picture::read(&data.join(name)));
    for index in 0..count {
        let which = index % PORTRAITS.len();
        let photo = photos[which].as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
        let [left, top, window] = PORTRAITS[which].1;
        let place = index / PORTRAITS.len();
        let (right, down) = ((place % ROW) as u32, (place / ROW) as u32);
        let cut =
            image::imageops::crop_imm(photo, left + 2 * right, top + 2 * down, window, window).to_image();
        let face = picture::resize_antialiased(&cut, side, side)?;
        picture::write(&folder.join(format!("{index:03}.png")), &face)?;
    }
    Ok(())
}

/// Saves a network whose features are the means and the mean squares of the colours, and says where.
pub fn colours(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("colours.pt");
    let example = Tensor::rand([2, 3, 32, 32], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| {
        let mean = inputs[0].mean_dim([2, 3].as_slice(), false, Kind::Float);
        let square = inputs[0].square().mean_dim([2, 3].as_slice(), false, Kind::Float);
        vec![Tensor::cat(&[mean, square], 1)]
    };
    CModule::create_by_tracing("Network", "forward", &[example], &mut forward)?.save(&path)?;
    Ok(path)
}
