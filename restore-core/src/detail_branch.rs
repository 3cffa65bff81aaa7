// SPDX-License-Identifier: MIT OR Apache-2.0
//! The branch of a network that finishes the sharp face: at half the picture's size, where the network itself works in patches.

use tch::{Kind, Tensor, nn};

use crate::RestoreError;
use crate::config::{OUTPUT_CHANNELS, UNetConfig};
use crate::layers::{Conv, Start, channels_last, silu};
use crate::neighbours::without_period;

type Result<T> = std::result::Result<T, RestoreError>;

/// Side of the patches of the branch's own grid.
pub(crate) const BRANCH_PATCH: i64 = 2;

/// Pictures that it sees: x_t, the condition and the face to add to.
const PICTURES: i64 = 3;

/// Residual blocks.
const BLOCKS: usize = 2;

/// Adds to the face of a detail head what it lacks, from the network's last features and the pictures themselves. What a network of
/// patches of 4×4 gives is 16 pixels by as many filters, which draw lines of the patch's period for texture; this is convolutions over
/// patches of 2×2, whose own period is taken out of what they give, and that of the network's patches out of what the branch sees.
/// It gives light alone: texture of skin and hair is that, and what has to be guessed in colours is speckled.
/// Residual blocks without norm (Lim et al. 2017: EDSR).
pub(crate) struct DetailBranch {
    /// The features, to the channels of the branch.
    lift: Conv,
    stem: Conv,
    blocks: Vec<(Conv, Conv)>,
    output: Conv,
    /// How many of the branch's places are one of the features, a side.
    enlargement: i64,
}

impl DetailBranch {
    /// A branch for the network of `config`, of [`UNetConfig::detail_width`] channels, with fresh weights that add nothing.
    pub(crate) fn new(path: &nn::Path, config: &UNetConfig) -> Result<Self> {
        let width = config.detail_width;
        let pixels = BRANCH_PATCH * BRANCH_PATCH;
        let conv = |name: &str, (input, output): (i64, i64), kernel, start| {
            Conv::new(&(path / name), (input, output), kernel, 1, true, start)
        };
        let block = |index: usize| -> Result<(Conv, Conv)> {
            Ok((
                conv(&format!("block{index}-first"), (width, width), 3, Start::FanIn)?,
                conv(&format!("block{index}-second"), (width, width), 3, Start::FanIn)?,
            ))
        };
        Ok(Self {
            lift: conv("lift", (config.channels(0), width), 1, Start::FanIn)?,
            stem: conv("stem", (PICTURES * OUTPUT_CHANNELS * pixels, width), 3, Start::FanIn)?,
            blocks: (1..=BLOCKS).map(block).collect::<Result<_>>()?,
            output: conv("output", (width, pixels), 3, Start::Zero)?,
            enlargement: config.patch / BRANCH_PATCH,
        })
    }

    /// The correction of a sharp face, `[N, 1, H, W]` fp32, the same for each colour: of `features`, `[N, C, H/p, W/p]` in the precision of the computation,
    /// and of x_t, the condition and that face, `[N, 3, H, W]`.
    pub(crate) fn forward(
        &self,
        features: &Tensor,
        pictures: [&Tensor; PICTURES as usize],
    ) -> Result<Tensor> {
        let input = Tensor::f_cat(&pictures, 1)?.f_to_kind(features.kind())?;
        let mut h = self.stem.forward(&channels_last(&input.f_pixel_unshuffle(BRANCH_PATCH)?)?)?;
        let (_, _, height, width) = h.size4()?;
        let mut lifted = self.lift.forward(features)?;
        if self.enlargement > 1 {
            // Bilinear: the edges of repeated places would tell the convolutions where each patch of the network begins.
            lifted = lifted.f_upsample_bilinear2d([height, width], false, None, None)?;
        }
        h = h.f_add(&lifted)?;
        for (first, second) in &self.blocks {
            let inner = silu(first.forward(&h.f_silu()?)?)?;
            h = h.f_add(&second.forward(&inner)?)?;
        }
        let output = self.output.forward(&silu(h)?)?.f_to_kind(Kind::Float)?;
        without_period(&output.f_pixel_shuffle(BRANCH_PATCH)?, BRANCH_PATCH)
    }

    /// Operations for a picture of `size`×`size` pixels, as [`Conv::flops`] counts them.
    pub(crate) fn flops(&self, size: i64) -> i64 {
        let grid = size / BRANCH_PATCH;
        let blocks = self.blocks.iter().map(|(first, second)| first.flops(grid) + second.flops(grid));
        let blocks: i64 = blocks.sum();
        self.lift.flops(grid / self.enlargement) + self.stem.flops(grid) + blocks + self.output.flops(grid)
    }
}
