// SPDX-License-Identifier: MIT OR Apache-2.0
//! The enums of the element's properties, and what they mean to restore-core.

use gst::glib;

/// Whether frames wait for the network (property `mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstFaceRestoreMode")]
#[repr(i32)]
pub enum Mode {
    /// For files.
    #[default]
    #[enum_value(name = "Each frame waits until all of its faces are restored: for files", nick = "offline")]
    Offline,
    /// For calls.
    #[enum_value(
        name = "No frame waits; it shows the newest restoration of each face, put where the face is now: for calls",
        nick = "live"
    )]
    Live,
}

/// Precision in which the network computes (property `precision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstFaceRestorePrecision")]
#[repr(i32)]
pub enum Precision {
    /// bf16 where the hardware is fast in it, else fp32.
    #[default]
    #[enum_value(name = "bf16 where the hardware is fast in it, else fp32", nick = "auto")]
    Auto,
    /// 32-bit floats.
    #[enum_value(name = "32-bit floats", nick = "fp32")]
    Fp32,
    /// 16-bit floats with the range of fp32.
    #[enum_value(name = "16-bit floats with the range of fp32", nick = "bf16")]
    Bf16,
    /// IEEE half precision.
    #[enum_value(name = "IEEE half precision; overflows in some networks", nick = "fp16")]
    Fp16,
}

impl From<Precision> for restore_core::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Auto => Self::Auto,
            Precision::Fp32 => Self::Fp32,
            Precision::Bf16 => Self::Bf16,
            Precision::Fp16 => Self::Fp16,
        }
    }
}

/// How a diffusion step is taken (property `sampler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstFaceRestoreSampler")]
#[repr(i32)]
pub enum Sampler {
    /// What the model file recommends.
    #[default]
    #[enum_value(name = "What the model file recommends", nick = "auto")]
    Auto,
    /// Ancestral sampling: fresh noise in each step but the last.
    #[enum_value(name = "Ancestral sampling: fresh noise in each step but the last", nick = "ddpm")]
    Ddpm,
    /// Deterministic steps: noise only at the start.
    #[enum_value(name = "Deterministic steps: noise only at the start", nick = "ddim")]
    Ddim,
}

impl From<Sampler> for Option<restore_core::Sampler> {
    fn from(sampler: Sampler) -> Self {
        match sampler {
            Sampler::Auto => None,
            Sampler::Ddpm => Some(restore_core::Sampler::Ddpm),
            Sampler::Ddim => Some(restore_core::Sampler::Ddim),
        }
    }
}

/// Pixel values that a TorchScript network takes and gives (property `torchscript-range`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstFaceRestoreTorchScriptRange")]
#[repr(i32)]
pub enum TorchScriptRange {
    /// −1 to 1.
    #[default]
    #[enum_value(name = "-1 to 1 (GFPGAN, CodeFormer, RestoreFormer)", nick = "signed")]
    Signed,
    /// 0 to 1.
    #[enum_value(name = "0 to 1", nick = "unit")]
    Unit,
    /// 0 to 255.
    #[enum_value(name = "0 to 255", nick = "byte")]
    Byte,
}

impl From<TorchScriptRange> for restore_core::PixelRange {
    fn from(range: TorchScriptRange) -> Self {
        match range {
            TorchScriptRange::Signed => Self::Signed,
            TorchScriptRange::Unit => Self::Unit,
            TorchScriptRange::Byte => Self::Byte,
        }
    }
}
