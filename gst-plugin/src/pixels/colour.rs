// SPDX-License-Identifier: MIT OR Apache-2.0
//! The linear map between RGB and what a format stores: nothing for RGB formats, Y'CbCr of the caps'
//! colorimetry for the others.

use gst::glib::translate::IntoGlib;
use gst_video::{VideoColorRange, VideoInfo};
use opencv::core::{CV_8U, Mat, MatTraitConst, Vector};

/// How a format stores colour: stored = `from_rgb` · (R, G, B) + `offset`, with R, G, B in levels of 8 bits and what is
/// stored as the integers in memory, at the depth of the format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// One row per stored component; the linear part alone carries a *change* of RGB over.
    pub from_rgb: [[f64; 3]; 3],
    /// Inverse of `from_rgb`.
    to_rgb: [[f64; 3]; 3],
    /// The stored values of black.
    pub offset: [f64; 3],
    /// Nominal range of each stored component.
    pub nominal: [(f64, f64); 3],
    /// The highest value that can be stored.
    highest: f64,
    /// From a code to the next: more than 1 where the code lies in the upper bits of its sample (P010).
    pub quantum: f64,
    /// From an 8-bit code of Y'CbCr to the next (ITU-R BT.2100 table 9: n more bits make 2ⁿ of one).
    pub per_code_of_8_bits: f64,
    /// R, G and B are stored, not Y'CbCr.
    stores_rgb: bool,
    /// RGB is stored as it is, so that no arithmetic is needed.
    identity: bool,
}

/// The channel order of a picture for OpenCV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelOrder {
    /// What the restoration networks take.
    Rgb,
    /// What the face detector takes.
    Bgr,
}

impl Colour {
    /// The colour storage of the caps. A colorimetry that names no Y'CbCr matrix is taken as BT.601 up to
    /// 576 lines and BT.709 above, GStreamer's own default. Grey is Y' alone.
    #[must_use]
    pub fn new(info: &VideoInfo) -> Self {
        let format = info.format_info();
        let (depth, quantum) = (format.depth()[0], f64::from(1_u32 << format.shift()[0]));
        let colour = if info.is_rgb() {
            Self::rgb(depth)
        } else {
            let (kr, kb) = info.colorimetry().matrix().kr_kb().unwrap_or(if info.height() <= 576 {
                (0.299, 0.114)
            } else {
                (0.2126, 0.0722)
            });
            Self::ycbcr(kr, kb, info.colorimetry().range() == VideoColorRange::Range0_255, depth)
        };
        colour.scaled(quantum)
    }

    /// R, G and B are stored; otherwise the first component is the brightness.
    #[must_use]
    pub fn stores_rgb(&self) -> bool {
        self.stores_rgb
    }

    /// RGB over the whole range of `depth` bits.
    fn rgb(depth: u32) -> Self {
        let highest = highest_code(depth);
        let level = highest / 255.0;
        let diagonal = |value: f64| [[value, 0.0, 0.0], [0.0, value, 0.0], [0.0, 0.0, value]];
        Self {
            from_rgb: diagonal(level),
            to_rgb: diagonal(1.0 / level),
            offset: [0.0; 3],
            nominal: [(0.0, highest); 3],
            highest,
            quantum: 1.0,
            per_code_of_8_bits: codes_of_8_bits(depth),
            stores_rgb: true,
            identity: depth == 8,
        }
    }

    /// Y'CbCr with luma weights `kr` and `kb` (ITU-R BT.601 §2.5, BT.709 §3, BT.2020 table 4), quantised
    /// to 16–235 and 16–240 times 2^(`depth` − 8), or to all `depth` bits (BT.2100 table 9).
    fn ycbcr(kr: f64, kb: f64, full_range: bool, depth: u32) -> Self {
        let kg = 1.0 - kr - kb;
        let (unit, highest) = (codes_of_8_bits(depth), highest_code(depth));
        let (luma_scale, chroma_scale, black) = if full_range {
            (highest / 255.0, highest / 255.0, 0.0)
        } else {
            (219.0 * unit / 255.0, 224.0 * unit / 255.0, 16.0 * unit)
        };
        // Cb = (B − Y') / (2 (1 − kb)), Cr = (R − Y') / (2 (1 − kr)).
        let (cb, cr) = (chroma_scale * 0.5 / (1.0 - kb), chroma_scale * 0.5 / (1.0 - kr));
        let (blue, red) = (2.0 * (1.0 - kb) / chroma_scale, 2.0 * (1.0 - kr) / chroma_scale);
        let luma = 1.0 / luma_scale;
        Self {
            from_rgb: [
                [kr * luma_scale, kg * luma_scale, kb * luma_scale],
                [-kr * cb, -kg * cb, (1.0 - kb) * cb],
                [(1.0 - kr) * cr, -kg * cr, -kb * cr],
            ],
            to_rgb: [[luma, 0.0, red], [luma, -blue * kb / kg, -red * kr / kg], [luma, blue, 0.0]],
            offset: [black, 128.0 * unit, 128.0 * unit],
            nominal: if full_range {
                [(0.0, highest); 3]
            } else {
                [(16.0 * unit, 235.0 * unit), (16.0 * unit, 240.0 * unit), (16.0 * unit, 240.0 * unit)]
            },
            highest,
            quantum: 1.0,
            per_code_of_8_bits: unit,
            stores_rgb: false,
            identity: false,
        }
    }

    /// The same in samples that hold each code times `quantum`.
    fn scaled(self, quantum: f64) -> Self {
        Self {
            from_rgb: self.from_rgb.map(|row| row.map(|value| value * quantum)),
            to_rgb: self.to_rgb.map(|row| row.map(|value| value / quantum)),
            offset: self.offset.map(|value| value * quantum),
            nominal: self.nominal.map(|(low, high)| (low * quantum, high * quantum)),
            highest: self.highest * quantum,
            quantum: self.quantum * quantum,
            per_code_of_8_bits: self.per_code_of_8_bits * quantum,
            ..self
        }
    }

    /// The stored value of component `index` for an RGB colour.
    #[must_use]
    pub fn stored(&self, index: usize, rgb: [u8; 3]) -> u16 {
        let linear: f64 = (0..3).map(|c| self.from_rgb[index][c] * f64::from(rgb[c])).sum();
        let codes = ((linear + self.offset[index]) / self.quantum).round();
        // Chroma at full range reaches half a code beyond the last one.
        (codes * self.quantum).clamp(0.0, self.highest) as u16
    }

    /// Joins the stored components, each of one channel and one size, to a picture CV_8UC3. One alone is grey.
    ///
    /// # Errors
    /// OpenCV's, when the sizes differ.
    pub fn join(&self, mut stored: Vec<Mat>, order: ChannelOrder) -> opencv::Result<Mat> {
        if self.identity && order == ChannelOrder::Bgr {
            stored.reverse();
        }
        let components = stored.len();
        let mut joined = Mat::default();
        opencv::core::merge(&Vector::<Mat>::from(stored), &mut joined)?;
        if self.identity {
            return Ok(joined);
        }
        // OpenCV rounds, and keeps the depth of the samples, which holds more than 255 levels.
        let mut picture = Mat::default();
        opencv::core::transform(&joined, &mut picture, &self.matrix_to_rgb(components, order)?)?;
        if picture.depth() == CV_8U {
            return Ok(picture);
        }
        let mut levels = Mat::default();
        picture.convert_to_def(&mut levels, CV_8U)?;
        Ok(levels)
    }

    /// The matrix (linear part of `components` columns, and constant) from stored values to RGB or BGR.
    fn matrix_to_rgb(&self, components: usize, order: ChannelOrder) -> opencv::Result<Mat> {
        let mut rows = self.to_rgb.map(|row| {
            let used = row.iter().zip(self.offset).take(components);
            let constant: f64 = used.clone().map(|(factor, offset)| -factor * offset).sum();
            used.map(|(factor, _)| *factor as f32).chain([constant as f32]).collect::<Vec<f32>>()
        });
        if order == ChannelOrder::Bgr {
            rows.reverse();
        }
        Mat::from_slice_2d(&rows)
    }
}

/// Whether the codes mean the light of a display for HDR (PQ of SMPTE ST 2084, HLG of ARIB STD-B67): networks that have seen
/// SDR take such faces for flat and dark ones.
#[must_use]
pub fn is_hdr(info: &VideoInfo) -> bool {
    /// GstVideoTransferFunction; the names of these two need a binding for GStreamer 1.18.
    const SMPTE2084: i32 = 14;
    const ARIB_STD_B67: i32 = 15;
    matches!(info.colorimetry().transfer().into_glib(), SMPTE2084 | ARIB_STD_B67)
}

/// The highest code of `depth` bits.
fn highest_code(depth: u32) -> f64 {
    f64::from((1_u32 << depth) - 1)
}

/// How many codes of `depth` bits make one of 8.
fn codes_of_8_bits(depth: u32) -> f64 {
    f64::from(1_u32 << (depth - 8))
}
