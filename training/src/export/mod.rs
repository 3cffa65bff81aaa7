// SPDX-License-Identifier: MIT OR Apache-2.0
//! Data sets in the formats that the training programs of others read: StyleGAN2-ADA's archive, BigGAN-PyTorch's tree.

mod biggan;
mod error;
mod source;
mod stylegan2;

pub use biggan::export_for_biggan;
pub use error::ExportError;
pub use source::Source;
pub use stylegan2::export_for_stylegan2;
