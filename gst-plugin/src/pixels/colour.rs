// SPDX-License-Identifier: MIT OR Apache-2.0
//! The linear map between RGB and what a format stores: nothing for RGB formats, Y'CbCr of the caps'
//! colorimetry for the others.

use gst_video::{VideoColorRange, VideoInfo};
use opencv::core::{Mat, Vector};

/// How a format stores colour: stored = `from_rgb` · (R, G, B) + `offset`, all in 8-bit units.
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
    /// 576 lines and BT.709 above, GStreamer's own default.
    #[must_use]
    pub fn new(info: &VideoInfo) -> Self {
        if info.is_rgb() {
            return Self::RGB;
        }
        let (kr, kb) = info.colorimetry().matrix().kr_kb().unwrap_or(if info.height() <= 576 {
            (0.299, 0.114)
        } else {
            (0.2126, 0.0722)
        });
        Self::ycbcr(kr, kb, info.colorimetry().range() == VideoColorRange::Range0_255)
    }

    /// R, G and B are stored as they are; otherwise the first component is the brightness.
    #[must_use]
    pub fn stores_rgb(&self) -> bool {
        self.identity
    }

    const RGB: Self = Self {
        from_rgb: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        to_rgb: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        offset: [0.0; 3],
        nominal: [(0.0, 255.0); 3],
        identity: true,
    };

    /// Y'CbCr with luma weights `kr` and `kb` (ITU-R BT.601 §2.5, BT.709 §3, BT.2020 table 4), quantised
    /// to 16–235 and 16–240, or to the full 8 bits.
    fn ycbcr(kr: f64, kb: f64, full_range: bool) -> Self {
        let kg = 1.0 - kr - kb;
        let (luma_scale, chroma_scale, black) =
            if full_range { (1.0, 1.0, 0.0) } else { (219.0 / 255.0, 224.0 / 255.0, 16.0) };
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
            offset: [black, 128.0, 128.0],
            nominal: if full_range {
                [(0.0, 255.0); 3]
            } else {
                [(16.0, 235.0), (16.0, 240.0), (16.0, 240.0)]
            },
            identity: false,
        }
    }

    /// The stored value of component `index` for an RGB colour.
    #[must_use]
    pub fn stored(&self, index: usize, rgb: [u8; 3]) -> u8 {
        let linear: f64 = (0..3).map(|c| self.from_rgb[index][c] * f64::from(rgb[c])).sum();
        (linear + self.offset[index]).round().clamp(0.0, 255.0) as u8
    }

    /// Joins the three stored components, each CV_8UC1 of one size, to a picture CV_8UC3.
    ///
    /// # Errors
    /// OpenCV's, when the sizes differ.
    pub fn join(&self, stored: [Mat; 3], order: ChannelOrder) -> opencv::Result<Mat> {
        let [first, second, third] = stored;
        let swap = self.identity && order == ChannelOrder::Bgr;
        let channels: Vector<Mat> =
            if swap { [third, second, first] } else { [first, second, third] }.into_iter().collect();
        let mut joined = Mat::default();
        opencv::core::merge(&channels, &mut joined)?;
        if self.identity {
            return Ok(joined);
        }
        let mut picture = Mat::default();
        opencv::core::transform(&joined, &mut picture, &self.matrix_to_rgb(order)?)?;
        Ok(picture)
    }

    /// The 3×4 matrix (linear part and constant) from stored values to RGB or BGR.
    fn matrix_to_rgb(&self, order: ChannelOrder) -> opencv::Result<Mat> {
        let mut rows = self.to_rgb.map(|row| {
            let constant: f64 = row.iter().zip(self.offset).map(|(factor, offset)| -factor * offset).sum();
            [row[0] as f32, row[1] as f32, row[2] as f32, constant as f32]
        });
        if order == ChannelOrder::Bgr {
            rows.reverse();
        }
        Mat::from_slice_2d(&rows)
    }
}
