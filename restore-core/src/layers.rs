// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layers of the U-Net. Activations are [N, C, H, W] in channels-last memory, in the compute precision; a
//! weight of another precision (fp32 master weights in training) is cast at each use, so gradients reach the master.

use tch::{Tensor, nn};

use crate::{Design, RestoreError};

type Result<T> = std::result::Result<T, RestoreError>;

/// Puts an [N, C, H, W] tensor into channels-last memory. libtorch's memory-format argument is not in tch; a
/// contiguous permutation is the same thing.
pub(crate) fn channels_last(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// SiLU; in place where no gradient is recorded, which halves the memory traffic.
pub(crate) fn silu(mut x: Tensor) -> Result<Tensor> {
    Ok(if x.requires_grad() { x.f_silu()? } else { x.f_silu_()? })
}

/// `a + b` into the memory of `a`. Safe under autograd where `a` is the result of a convolution or of another sum,
/// whose backward does not need it.
fn add_into(mut a: Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.f_add_(b)?)
}

/// Initial values of a convolution's weight.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    /// Uniform in ±1/√fan_in (PyTorch's default).
    FanIn,
    /// Zero, for the last layer of a residual branch: the block starts as the identity.
    Zero,
}

/// A 2-D convolution. A 1×1 one is also the linear layer of attention and embeddings.
pub(crate) struct Conv {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
}

impl Conv {
    pub(crate) fn new(
        path: &nn::Path,
        (input, output): (i64, i64),
        kernel: i64,
        stride: i64,
        bias: bool,
        start: Start,
    ) -> Result<Self> {
        let bound = 1.0 / ((input * kernel * kernel) as f64).sqrt();
        let init = match start {
            Start::FanIn => nn::Init::Uniform { lo: -bound, up: bound },
            Start::Zero => nn::Init::Const(0.0),
        };
        Ok(Self {
            weight: path.f_var("weight", &[output, input, kernel, kernel], init)?,
            bias: if bias { Some(path.f_zeros("bias", &[output])?) } else { None },
            stride,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let kind = x.kind();
        let weight = self.weight.f_to_kind(kind)?;
        let bias = self.bias.as_ref().map(|bias| bias.f_to_kind(kind)).transpose()?;
        // "same" padding for odd kernels; a strided 2×2 kernel tiles the picture and needs none.
        let padding = (self.kernel() - 1) / 2;
        Ok(x.f_conv2d(&weight, bias.as_ref(), [self.stride; 2], [padding; 2], [1, 1], 1)?)
    }

    fn kernel(&self) -> i64 {
        self.weight.size()[2]
    }

    /// Multiplications and additions for an output of `grid`×`grid`, each counted as one operation.
    pub(crate) fn flops(&self, grid: i64) -> i64 {
        2 * self.weight.numel() as i64 * grid * grid
    }
}

/// Normalisation over channels (and space, for groups).
pub(crate) struct Norm {
    weight: Tensor,
    bias: Tensor,
    design: Design,
}

impl Norm {
    const GROUPS: i64 = 32;

    pub(crate) fn new(path: &nn::Path, channels: i64, design: Design) -> Result<Self> {
        Ok(Self {
            weight: path.f_ones("weight", &[channels])?,
            bias: path.f_zeros("bias", &[channels])?,
            design,
        })
    }

    /// libtorch accumulates the moments in fp32 whatever the activations' precision.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (self.weight.f_to_kind(x.kind())?, self.bias.f_to_kind(x.kind())?);
        Ok(match self.design {
            Design::Ddpm => x.f_group_norm(Self::GROUPS, Some(&weight), Some(&bias), 1e-6, false)?,
            Design::Lean => x
                .f_permute([0, 2, 3, 1])?
                .f_layer_norm(weight.size(), Some(&weight), Some(&bias), 1e-6, false)?
                .f_permute([0, 3, 1, 2])?,
        })
    }
}

/// The embedding of the noise level γ, `[N]` → `[N, E]`: sinusoids of √γ as in SR3, then two linear layers.
pub(crate) struct NoiseEmbedding {
    width: i64,
    first: Conv,
    second: Conv,
}

impl NoiseEmbedding {
    pub(crate) fn new(path: &nn::Path, width: i64, channels: i64) -> Result<Self> {
        Ok(Self {
            width,
            first: Conv::new(&(path / "first"), (width, channels), 1, 1, true, Start::FanIn)?,
            second: Conv::new(&(path / "second"), (channels, channels), 1, 1, true, Start::FanIn)?,
        })
    }

    /// Returns SiLU of the embedding, and of a class's beside it (Dhariwal and Nichol 2021), [N, E, 1, 1], as each block
    /// takes it.
    pub(crate) fn forward(&self, gamma: &Tensor, class: Option<&Tensor>, like: &Tensor) -> Result<Tensor> {
        let half = self.width / 2;
        let options = (tch::Kind::Float, like.device());
        // DDPM embeds t in 0..1000; √γ in 0..1 is stretched to the same range.
        let frequencies = Tensor::f_arange(half, options)?
            .f_mul_scalar(-(10_000_f64.ln()) / half as f64)?
            .f_exp()?
            .f_mul_scalar(1000.0)?;
        let angles = gamma.f_to_kind(tch::Kind::Float)?.f_sqrt()?.f_unsqueeze(1)?.f_mul(&frequencies)?;
        let features = Tensor::f_cat(&[angles.f_sin()?, angles.f_cos()?], 1)?;
        let count = gamma.size()[0];
        let features = features.f_view([count, 2 * half, 1, 1])?.f_to_kind(like.kind())?;
        let hidden = silu(self.first.forward(&features)?)?;
        let embedding = self.second.forward(&hidden)?;
        silu(match class {
            Some(class) => add_into(embedding, class)?,
            None => embedding,
        })
    }
}

/// The embedding of a class, `[N]` numbers → `[N, E, 1, 1]`. The number after the last class stands for none, of which the embedding
/// is zero: the network is then told nothing.
pub(crate) struct ClassEmbedding {
    weight: Tensor,
}

impl ClassEmbedding {
    pub(crate) fn new(path: &nn::Path, classes: usize, channels: i64) -> Result<Self> {
        let init = nn::Init::Randn { mean: 0.0, stdev: 1.0 };
        Ok(Self { weight: path.f_var("weight", &[classes as i64, channels], init)? })
    }

    pub(crate) fn forward(&self, classes: &Tensor, like: &Tensor) -> Result<Tensor> {
        let weight = &self.weight;
        let (count, channels) = weight.size2()?;
        let none = weight.f_new_zeros([1, channels], (weight.kind(), weight.device()))?;
        let table = Tensor::f_cat(&[weight, &none], 0)?;
        // Cast after the look-up, so that the gradients of a class's pictures are summed in the weight's precision.
        let embedding = Tensor::f_embedding(&table, classes, count, false, false)?;
        Ok(embedding.f_view([-1, channels, 1, 1])?.f_to_kind(like.kind())?)
    }
}

/// A residual block of two 3×3 convolutions, told the noise level by a shift between them.
pub(crate) struct ResBlock {
    norm1: Norm,
    conv1: Conv,
    shift: Conv,
    /// DDPM normalises again before the second convolution.
    norm2: Option<Norm>,
    conv2: Conv,
    /// Where the number of channels changes.
    skip: Option<Conv>,
    dropout: f64,
}

impl ResBlock {
    pub(crate) fn new(
        path: &nn::Path,
        (input, output): (i64, i64),
        embedding: i64,
        design: Design,
        dropout: f64,
    ) -> Result<Self> {
        let ddpm = design == Design::Ddpm;
        Ok(Self {
            norm1: Norm::new(&(path / "norm1"), input, design)?,
            // The shift's bias does the work of conv1's in the lean block.
            conv1: Conv::new(&(path / "conv1"), (input, output), 3, 1, ddpm, Start::FanIn)?,
            shift: Conv::new(&(path / "shift"), (embedding, output), 1, 1, true, Start::FanIn)?,
            norm2: if ddpm { Some(Norm::new(&(path / "norm2"), output, design)?) } else { None },
            conv2: Conv::new(&(path / "conv2"), (output, output), 3, 1, true, Start::Zero)?,
            skip: if input == output {
                None
            } else {
                Some(Conv::new(&(path / "skip"), (input, output), 1, 1, true, Start::FanIn)?)
            },
            dropout,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, embedding: &Tensor, train: bool) -> Result<Tensor> {
        let shift = self.shift.forward(embedding)?;
        let mut h = self.norm1.forward(x)?;
        if let Some(norm2) = &self.norm2 {
            h = silu(h)?;
            h = add_into(self.conv1.forward(&h)?, &shift)?;
            h = silu(norm2.forward(&h)?)?;
        } else {
            h = silu(add_into(self.conv1.forward(&h)?, &shift)?)?;
        }
        if self.dropout > 0.0 {
            h = h.f_dropout(self.dropout, train)?;
        }
        let h = self.conv2.forward(&h)?;
        match &self.skip {
            Some(skip) => add_into(h, &skip.forward(x)?),
            None => add_into(h, x),
        }
    }

    pub(crate) fn flops(&self, grid: i64) -> i64 {
        self.conv1.flops(grid)
            + self.conv2.flops(grid)
            + self.shift.flops(1)
            + self.skip.as_ref().map_or(0, |skip| skip.flops(grid))
    }
}

/// Self-attention over the pixels of a grid, with a residual connection.
pub(crate) struct Attention {
    norm: Norm,
    qkv: Conv,
    project: Conv,
    heads: i64,
    channels: i64,
}

impl Attention {
    pub(crate) fn new(path: &nn::Path, channels: i64, head_channels: i64, design: Design) -> Result<Self> {
        Ok(Self {
            norm: Norm::new(&(path / "norm"), channels, design)?,
            qkv: Conv::new(&(path / "qkv"), (channels, 3 * channels), 1, 1, true, Start::FanIn)?,
            project: Conv::new(&(path / "project"), (channels, channels), 1, 1, true, Start::Zero)?,
            heads: if head_channels == 0 { 1 } else { channels / head_channels },
            channels,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (count, channels, height, width) = x.size4()?;
        let qkv = self.qkv.forward(&self.norm.forward(x)?)?;
        // [N, 3C, H, W] → 3 × [N, heads, HW, C/heads]
        let qkv = qkv
            .f_permute([0, 2, 3, 1])?
            .f_reshape([count, height * width, 3, self.heads, channels / self.heads])?
            .f_permute([2, 0, 3, 1, 4])?;
        let (q, k, v) = (qkv.f_select(0, 0)?, qkv.f_select(0, 1)?, qkv.f_select(0, 2)?);
        let attended =
            Tensor::f_scaled_dot_product_attention(&q, &k, &v, None::<&Tensor>, 0.0, false, None, false)?;
        let attended = attended
            .f_permute([0, 2, 1, 3])?
            .f_reshape([count, height, width, channels])?
            .f_permute([0, 3, 1, 2])?;
        add_into(self.project.forward(&attended)?, x)
    }

    pub(crate) fn flops(&self, grid: i64) -> i64 {
        let tokens = grid * grid;
        self.qkv.flops(grid) + self.project.flops(grid) + 4 * tokens * tokens * self.channels
    }
}
