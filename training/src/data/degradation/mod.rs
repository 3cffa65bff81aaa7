// SPDX-License-Identifier: MIT OR Apache-2.0
//! The degradation of Eq. 11, x_d = JPEG_q((x ⊛ k_σ)↓r + n_δ), enlarged to the size of x, and options that go beyond it.
//!
//! [`Degradation`] is the recipe (ranges), [`DegradationParams`] one draw from it. Everything that is random in a
//! degraded picture follows from the draw, so a recorded draw reproduces it. In order, the default in bold:
//! motion blur ([`MotionBlur`]), **blur, down-sampling, noise**, sharpening ([`Sharpen`]), analogue video ([`Tape`]), **JPEG**
//! ([`StageParams`]); blur, down-sampling, noise and JPEG again ([`SecondStage`]); H.264 in place of the last JPEG ([`H264`]),
//! **enlarging to the size of x**, ringing ([`Ringing`]), colours ([`ColorJitter`]). [`Resize`] chooses other filters than
//! **bilinear interpolation**. A recipe can hold others, each for a share of the pictures ([`MixPart`]); a draw does not say
//! from which it is, and does not need to.
//!
//! What is guaranteed: one draw gives the same bytes on every machine. All arithmetic is IEEE additions, multiplications,
//! divisions and square roots in a fixed order; exp, sin, cos, pow and Bessel's J₁ come from `libm`, written in Rust; JPEG is
//! coded and decoded in integers. (The noise's rare tail, one value in some thousands, uses the system's logarithm, whose last
//! bit of 64 is far below what 8-bit pixels show.) H.264 is coded by the x264 that is installed: one thread and no choice by
//! the kind of processor, so one version of x264 and of GStreamer gives one result, another version may give another.

mod clip;
mod color;
mod error;
mod filter;
mod h264;
mod jpeg;
mod mix;
mod motion_blur;
mod params;
mod ranges;
mod rate;
mod recipe;
mod resample;
mod ringing;
mod sharpen;
mod stage;
mod strengths;
mod tape;
#[cfg(feature = "video")]
mod x264;

pub use color::{Adjustment, ColorJitter, ColorParams};
pub use error::DegradationError;
pub use filter::{Filter, FilterWeights, Resize, ResizeParams};
pub use h264::{H264, H264Params};
pub use jpeg::through_jpeg;
pub use mix::MixPart;
pub use motion_blur::{MotionBlur, MotionBlurParams};
pub use params::DegradationParams;
pub use rate::Rate;
pub use recipe::Degradation;
pub use ringing::{Ringing, RingingParams};
pub use sharpen::{Sharpen, SharpenParams};
pub use stage::{SecondStage, StageParams};
pub use strengths::{SHARES, Strength};
pub use tape::{
    Chroma, ChromaWidth, Deinterlacer, DeinterlacerWeights, Interlace, InterlaceParams, LineNoise,
    LineNoiseParams, LineRinging, LineRingingParams, Tape, TapeParams,
};
