// SPDX-License-Identifier: MIT OR Apache-2.0
//! The levels of the U-Net: what it does on each grid, on the way down and on the way up.

use tch::{Tensor, nn};

use crate::layers::{Attention, Conv, ResBlock, Start};
use crate::{Design, RestoreError, UNetConfig};

type Result<T> = std::result::Result<T, RestoreError>;

/// The blocks of one grid size, on the way down or up.
pub(crate) struct Level {
    pub(crate) blocks: Vec<(ResBlock, Option<Attention>)>,
    /// To the next grid; none at the end of either way.
    pub(crate) resample: Option<Conv>,
}

/// A block and its attention, where it has one, on `h`.
pub(crate) fn run(
    (block, attention): &(ResBlock, Option<Attention>),
    h: &Tensor,
    embedding: &Tensor,
    train: bool,
) -> Result<Tensor> {
    let h = block.forward(h, embedding, train)?;
    attention.as_ref().map_or(Ok(h.shallow_clone()), |attention| attention.forward(&h))
}

/// A residual block and, at the configured levels, its attention.
fn block_with_attention(
    path: &nn::Path,
    config: &UNetConfig,
    level: usize,
    input: i64,
) -> Result<(ResBlock, Option<Attention>)> {
    let channels = config.channels(level);
    let block =
        ResBlock::new(path, (input, channels), config.embedding_channels(), config.design, config.dropout)?;
    let attention = if config.attention_levels.contains(&level) {
        Some(Attention::new(&(path / "attention"), channels, config.head_channels, config.design)?)
    } else {
        None
    };
    Ok((block, attention))
}

/// The way down, and the channels of each skip it leaves behind.
pub(crate) fn build_encoder(path: &nn::Path, config: &UNetConfig) -> Result<(Vec<Level>, Vec<i64>)> {
    let mut skips = Vec::new();
    let mut current = config.channels(0);
    let mut levels = Vec::new();
    for level in 0..config.channel_mults.len() {
        let path = path / level;
        let channels = config.channels(level);
        if config.design == Design::Ddpm {
            skips.push(current);
        }
        let mut blocks = Vec::new();
        for index in 0..config.blocks[level] {
            blocks.push(block_with_attention(&(&path / index), config, level, current)?);
            current = channels;
            skips.push(current);
        }
        let resample = if level + 1 < config.channel_mults.len() {
            let path = &path / "down";
            Some(match config.design {
                Design::Ddpm => Conv::new(&path, (current, current), 3, 2, true, Start::FanIn)?,
                Design::Lean => {
                    let next = config.channels(level + 1);
                    let conv = Conv::new(&path, (current, next), 2, 2, true, Start::FanIn)?;
                    current = next;
                    conv
                }
            })
        } else {
            None
        };
        levels.push(Level { blocks, resample });
    }
    Ok((levels, skips))
}

/// The way up, deepest level first; `skips` as the encoder left them.
pub(crate) fn build_decoder(path: &nn::Path, config: &UNetConfig, mut skips: Vec<i64>) -> Result<Vec<Level>> {
    let ddpm = config.design == Design::Ddpm;
    let mut current = config.channels(config.channel_mults.len() - 1);
    let mut levels = Vec::new();
    for level in (0..config.channel_mults.len()).rev() {
        let path = path / level;
        let channels = config.channels(level);
        let mut blocks = Vec::new();
        for index in 0..config.blocks[level] + usize::from(ddpm) {
            let skip = skips.pop().unwrap_or(0);
            let input = if ddpm { current + skip } else { current };
            blocks.push(block_with_attention(&(&path / index), config, level, input)?);
            current = channels;
        }
        let resample = if level > 0 {
            let path = &path / "up";
            Some(if ddpm {
                Conv::new(&path, (current, current), 3, 1, true, Start::FanIn)?
            } else {
                let next = config.channels(level - 1);
                let conv = Conv::new(&path, (current, next), 1, 1, true, Start::FanIn)?;
                current = next;
                conv
            })
        } else {
            None
        };
        levels.push(Level { blocks, resample });
    }
    Ok(levels)
}
