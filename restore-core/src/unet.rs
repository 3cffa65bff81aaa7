// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network `f(x_t, x_d, γ)`: one U-Net for the paper's and the fast configuration (DDPM, Ho et al. 2020), and without x_d for
//! generators.

use tch::{Kind, Tensor, nn};

use crate::config::OUTPUT_CHANNELS;
use crate::detail_branch::DetailBranch;
use crate::layers::{Attention, ClassEmbedding, Conv, NoiseEmbedding, Norm, ResBlock, Start, channels_last};
use crate::level::{Level, build_decoder, build_encoder, run};
use crate::neighbours::{mean_around, without_period};
use crate::{Condition, Design, RestoreError, UNetConfig};

type Result<T> = std::result::Result<T, RestoreError>;

/// Side in patches of the surroundings in which [`without_pattern`] looks for what repeats.
const PATTERN: i64 = 9;

/// The denoising U-Net. Weights live in the [`nn::VarStore`] whose path it was built on.
pub struct UNet {
    config: UNetConfig,
    coarse: Option<Box<UNet>>,
    embedding: NoiseEmbedding,
    classes: Option<ClassEmbedding>,
    stem: Conv,
    encoder: Vec<Level>,
    middle: (ResBlock, Attention, ResBlock),
    /// Deepest level first, as it runs.
    decoder: Vec<Level>,
    norm: Norm,
    output: Conv,
    sharp: Option<Sharp>,
    /// What repeats from patch to patch is taken out of the outputs: of a network with a detail head and of the coarse one that
    /// serves it.
    even: bool,
}

/// What one pass of a network gives, fp32, not clipped, `[N, 3, H, W]`.
pub struct Heads {
    /// The network's prediction: of a face, the mean of what it may have been.
    pub prediction: Tensor,
    /// The sharp face of a network with a detail head ([`UNetConfig::detail_head`]).
    pub sharp: Option<Tensor>,
}

/// What gives the sharp face: filters beside the prediction's, of the same features, and a branch that adds to what they draw.
struct Sharp {
    head: Conv,
    branch: Option<DetailBranch>,
}

impl UNet {
    /// Builds the network with fresh weights on `path`.
    ///
    /// # Errors
    /// [`RestoreError::Config`] when the configuration is inconsistent.
    pub fn new(path: &nn::Path, config: &UNetConfig) -> Result<Self> {
        config.validate()?;
        Self::build(path, config, config.detail_head)
    }

    /// [`new`](Self::new); `even` as in the field.
    fn build(path: &nn::Path, config: &UNetConfig, even: bool) -> Result<Self> {
        let pixels = config.patch * config.patch;
        let deepest = config.channels(config.channel_mults.len() - 1);
        let middle = path / "middle";
        let block = |name: &str| {
            ResBlock::new(
                &(&middle / name),
                (deepest, deepest),
                config.embedding_channels(),
                config.design,
                config.dropout,
            )
        };
        let output = |name: &str| {
            let channels = (config.channels(0), OUTPUT_CHANNELS * pixels);
            Conv::new(&(path / name), channels, 3, 1, true, Start::Zero)
        };
        let coarse = config.coarse.as_ref().map(|coarse| Self::build(&(path / "coarse"), coarse, even));
        let classes = match config.condition {
            Condition::Classes(count) => {
                Some(ClassEmbedding::new(&(path / "classes"), count, config.embedding_channels())?)
            }
            Condition::Degraded | Condition::None => None,
        };
        let (encoder, skips) = build_encoder(&(path / "encoder"), config)?;
        Ok(Self {
            classes,
            coarse: coarse.transpose()?.map(Box::new),
            embedding: NoiseEmbedding::new(
                &(path / "embedding"),
                config.base_channels,
                config.embedding_channels(),
            )?,
            stem: Conv::new(
                &(path / "stem"),
                (config.condition.input_channels() * pixels, config.channels(0)),
                3,
                1,
                true,
                Start::FanIn,
            )?,
            encoder,
            middle: (
                block("block1")?,
                Attention::new(&(&middle / "attention"), deepest, config.head_channels, config.design)?,
                block("block2")?,
            ),
            decoder: build_decoder(&(path / "decoder"), config, skips)?,
            norm: Norm::new(&(path / "norm"), config.channels(0), config.design)?,
            output: output("output")?,
            sharp: if config.detail_head {
                let branch = (config.detail_width > 0).then(|| DetailBranch::new(&(path / "branch"), config));
                Some(Sharp { head: output("sharp")?, branch: branch.transpose()? })
            } else {
                None
            },
            even,
            config: config.clone(),
        })
    }

    /// Predicts from `x_t` and `x_d`, each `[N, 3, H, W]` float, and `gamma` `[N]`; H and W multiples of
    /// [`UNetConfig::size_multiple`]. The layers compute in `compute`, the result is fp32, not clipped.
    /// `train` switches dropout on.
    ///
    /// In a generator the numbers of classes, `[N]` int64, are in the place of `x_d`, C of 0 to C − 1 standing for none; one
    /// without classes does not look at them ([`Condition`]).
    ///
    /// # Errors
    /// [`RestoreError::Shape`] when H or W does not suit, [`RestoreError::Torch`].
    pub fn forward(
        &self,
        x_t: &Tensor,
        x_d: &Tensor,
        gamma: &Tensor,
        compute: Kind,
        train: bool,
    ) -> Result<Tensor> {
        let condition = self.condition(x_t, x_d, gamma, compute, train)?;
        // The sharp face, which a plain step has no use for, is not drawn.
        self.prediction(&self.features(x_t, &condition, gamma, compute, train)?, &condition)
    }

    /// What the network sees in the place of x_d: x_d itself, or as the coarse network corrects it. Arguments as
    /// [`forward`](Self::forward)'s.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn condition(
        &self,
        x_t: &Tensor,
        x_d: &Tensor,
        gamma: &Tensor,
        compute: Kind,
        train: bool,
    ) -> Result<Tensor> {
        self.check_size(x_t)?;
        match &self.coarse {
            Some(coarse) => coarse.correct_at_half_size(x_t, x_d, gamma, compute, train),
            None => Ok(x_d.shallow_clone()),
        }
    }

    /// The network without its coarse one, on what [`condition`](Self::condition) gave. Arguments as
    /// [`forward`](Self::forward)'s.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn heads(
        &self,
        x_t: &Tensor,
        condition: &Tensor,
        gamma: &Tensor,
        compute: Kind,
        train: bool,
    ) -> Result<Heads> {
        let h = self.features(x_t, condition, gamma, compute, train)?;
        let prediction = self.prediction(&h, condition)?;
        let sharp = self.sharp.as_ref().map(|sharp| self.sharp_face(sharp, &h, x_t, condition, &prediction));
        Ok(Heads { prediction, sharp: sharp.transpose()? })
    }

    fn sharp_face(
        &self,
        sharp: &Sharp,
        features: &Tensor,
        x_t: &Tensor,
        condition: &Tensor,
        prediction: &Tensor,
    ) -> Result<Tensor> {
        let face = self.whole(&sharp.head, features, condition)?;
        let Some(branch) = &sharp.branch else {
            return Ok(face);
        };
        // The prediction is a mean, in which the filters of the patches draw nothing of their own.
        // What the sharp face is trained by is none of its business.
        let prediction = prediction.f_detach()?;
        let detail = without_period(&face.f_sub(&prediction)?, self.config.patch)?;
        let face = prediction.f_add(&detail)?;
        Ok(branch.forward(features, [x_t, condition, &face])?.f_add(&face)?)
    }

    /// What the outputs are made of, `[N, C, H/p, W/p]`.
    fn features(
        &self,
        x_t: &Tensor,
        condition: &Tensor,
        gamma: &Tensor,
        compute: Kind,
        train: bool,
    ) -> Result<Tensor> {
        self.check_size(x_t)?;
        let input = match self.config.condition {
            Condition::Degraded => Tensor::f_cat(&[x_t, condition], 1)?,
            Condition::None | Condition::Classes(_) => x_t.shallow_clone(),
        };
        let input = input.f_to_kind(compute)?;
        let input = channels_last(&input.f_pixel_unshuffle(self.config.patch)?)?;
        let class = self.classes.as_ref().map(|classes| classes.forward(condition, &input)).transpose()?;
        let embedding = self.embedding.forward(gamma, class.as_ref(), &input)?;

        let concatenate = self.config.design == Design::Ddpm;
        let mut h = self.stem.forward(&input)?;
        let mut skips = Vec::new();
        for level in &self.encoder {
            if concatenate {
                skips.push(h.shallow_clone());
            }
            for block in &level.blocks {
                h = run(block, &h, &embedding, train)?;
                skips.push(h.shallow_clone());
            }
            if let Some(down) = &level.resample {
                h = down.forward(&h)?;
            }
        }
        h = self.middle.0.forward(&h, &embedding, train)?;
        h = self.middle.1.forward(&h)?;
        h = self.middle.2.forward(&h, &embedding, train)?;
        for level in &self.decoder {
            for block in &level.blocks {
                if let Some(skip) = skips.pop() {
                    h = if concatenate { Tensor::f_cat(&[&h, &skip], 1)? } else { h.f_add(&skip)? };
                }
                h = run(block, &h, &embedding, train)?;
            }
            if let Some(up) = &level.resample {
                h = self.upsample(up, &h)?;
            }
        }
        Ok(self.norm.forward(&h)?.f_silu()?)
    }

    fn prediction(&self, features: &Tensor, condition: &Tensor) -> Result<Tensor> {
        self.whole(&self.output, features, condition)
    }

    /// What the filters of `head` make of the features, with what a residual network adds it to.
    fn whole(&self, head: &Conv, features: &Tensor, condition: &Tensor) -> Result<Tensor> {
        let output = self.picture(&head.forward(features)?.f_to_kind(Kind::Float)?)?;
        Ok(if self.config.residual { output.f_add(condition)? } else { output })
    }

    /// The places of each patch, `[N, 3 p², H/p, W/p]` fp32, put where they belong.
    fn picture(&self, output: &Tensor) -> Result<Tensor> {
        let output = if self.even { &without_pattern(output)? } else { output };
        Ok(output.f_pixel_shuffle(self.config.patch)?)
    }

    fn check_size(&self, x: &Tensor) -> Result<()> {
        let (_, _, height, width) = x.size4()?;
        let multiple = self.config.size_multiple();
        if height % multiple != 0 || width % multiple != 0 {
            return Err(RestoreError::Shape(format!(
                "a face of {width}×{height} pixels; this network needs multiples of {multiple}"
            )));
        }
        Ok(())
    }

    /// x_d plus this network's correction of it at half the size, enlarged bilinearly.
    ///
    /// The mean of 2×2 pixels halves the noise's deviation, so with the signal's power for unit variance, x_t of half the size
    /// is 2/√(1+3γ) times that mean, at γ' = 4γ/(1+3γ).
    fn correct_at_half_size(
        &self,
        x_t: &Tensor,
        x_d: &Tensor,
        gamma: &Tensor,
        compute: Kind,
        train: bool,
    ) -> Result<Tensor> {
        let half = |x: &Tensor| x.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None);
        let variance = gamma.f_mul_scalar(3.0)?.f_add_scalar(1.0)?;
        let scale = variance.f_rsqrt()?.f_mul_scalar(2.0)?.f_view([-1, 1, 1, 1])?;
        let half_gamma = gamma.f_mul_scalar(4.0)?.f_div(&variance)?;
        let (half_t, half_d) = (half(x_t)?.f_mul(&scale)?, half(x_d)?);
        let correction = self.forward(&half_t, &half_d, &half_gamma, compute, train)?.f_sub(&half_d)?;
        let (_, _, height, width) = x_d.size4()?;
        Ok(correction.f_upsample_bilinear2d([height, width], false, None, None)?.f_add(x_d)?)
    }

    /// Doubles the grid: nearest neighbour, then DDPM's 3×3 convolution, or the lean 1×1 one first (where it costs
    /// a quarter, and commutes with nearest neighbour).
    fn upsample(&self, conv: &Conv, h: &Tensor) -> Result<Tensor> {
        let nearest = |h: &Tensor| -> Result<Tensor> {
            let (_, _, height, width) = h.size4()?;
            Ok(h.f_upsample_nearest2d([2 * height, 2 * width], None, None)?)
        };
        match self.config.design {
            Design::Ddpm => conv.forward(&nearest(h)?),
            Design::Lean => nearest(&conv.forward(h)?),
        }
    }

    /// Floating-point operations of one forward pass for one picture of `size`×`size` pixels: convolutions and
    /// attention, a multiply-add counted as two; with the coarse network's.
    pub fn flops(&self, size: i64) -> i64 {
        let grid = size / self.config.patch;
        let last = self.encoder.len() - 1;
        let blocks = |level: &Level, grid: i64| -> i64 {
            level
                .blocks
                .iter()
                .map(|(block, attention)| block.flops(grid) + attention.as_ref().map_or(0, |a| a.flops(grid)))
                .sum()
        };
        let resample = |level: &Level, grid: i64| level.resample.as_ref().map_or(0, |conv| conv.flops(grid));
        let down: i64 = (0..=last)
            .map(|index| {
                let level = &self.encoder[index];
                blocks(level, grid >> index) + resample(level, grid >> (index + 1))
            })
            .sum();
        let up: i64 = (0..=last)
            .map(|index| {
                let level = &self.decoder[last - index];
                let resampled = if self.config.design == Design::Ddpm { 2 * grid } else { grid };
                blocks(level, grid >> index) + resample(level, resampled >> index)
            })
            .sum();
        let middle = grid >> last;
        self.coarse.as_ref().map_or(0, |coarse| coarse.flops(size / 2))
            + self.stem.flops(grid)
            + self.output.flops(grid)
            + self.sharp.as_ref().map_or(0, |sharp| {
                let branch = sharp.branch.as_ref();
                sharp.head.flops(grid) + branch.map_or(0, |branch| branch.flops(size))
            })
            + down
            + up
            + self.middle.0.flops(middle)
            + self.middle.1.flops(middle)
            + self.middle.2.flops(middle)
    }
}

/// `output`, `[N, 3 p², H, W]` as a pixel shuffle takes it, without what repeats from patch to patch: from each place of a patch is
/// taken its mean over the patches around, as far as that differs from the mean of all places.
///
/// A filter of its own writes each place, and what is trained by a perceptual distance likes to draw lines of the patches'
/// period for texture. A picture's content has another phase in each patch and averages out: it loses 1/81 of its power.
fn without_pattern(output: &Tensor) -> Result<Tensor> {
    let (count, channels, height, width) = output.size4()?;
    let places = output.f_view([count, OUTPUT_CHANNELS, channels / OUTPUT_CHANNELS, height, width])?;
    let pattern = places.f_sub(&places.f_mean_dim([2_i64].as_slice(), true, Kind::Float)?)?;
    let pattern = pattern.f_view([count, channels, height, width])?;
    let pattern = mean_around(&pattern, PATTERN)?;
    Ok(output.f_sub(&pattern)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// A pattern that is the same in each patch is gone but for what all places have in common; what is in one patch alone
    /// loses 1/81.
    #[test]
    fn what_repeats_from_patch_to_patch_is_taken_away() {
        let options = (Kind::Float, Device::Cpu);
        let pattern = Tensor::arange(12, options).view([1, 12, 1, 1]).expand([1, 12, 20, 20], false);
        let left = without_pattern(&pattern.contiguous()).unwrap();
        let common = Tensor::from_slice(&[1.5_f32, 5.5, 9.5]).repeat_interleave_self_int(4, 0, 12);
        assert!((left - common.view([1, 12, 1, 1])).abs().max().double_value(&[]) < 1e-5);

        let alone = Tensor::zeros([1, 12, 20, 20], options);
        let _ = alone.select(1, 0).select(1, 10).select(1, 10).fill_(1.0);
        let left = without_pattern(&alone).unwrap();
        // Of the first colour's four places this one has 3/4 beyond their mean.
        let expected = 1.0 - 0.75 / 81.0;
        assert!((left.double_value(&[0, 0, 10, 10]) - expected).abs() < 1e-6);
    }
}
