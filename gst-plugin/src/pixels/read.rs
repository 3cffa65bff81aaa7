// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures for the networks, read from a frame: the pixels of a region, and the whole frame shrunk.

use face_detect::{Cells, Region};
use face_restore::{FramePixels, resized};
use opencv::boxed_ref::BoxedRef;
use opencv::core::{
    BORDER_REPLICATE, CV_8U, CV_16U, CV_MAKETYPE, Mat, MatTraitConst, Rect, Scalar, Size, ToInputArray,
};
use opencv::imgproc;

use super::{ChannelOrder, Component, FrameView};

/// The shares of R, G and B in the brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

impl FramePixels for FrameView<'_> {
    fn size(&self) -> (u32, u32) {
        self.layout().size()
    }

    fn region_rgb(&self, region: Region) -> opencv::Result<Mat> {
        region_rgb(self, region)
    }

    fn shrunk_bgr(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        shrunk_bgr(self, width, height)
    }

    fn cells(&self) -> opencv::Result<Cells> {
        Ok(cells(self))
    }

    fn shrunk_grey(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        shrunk_grey(self, width, height)
    }
}

/// The pixels of `region` as CV_8UC3, RGB. Chroma is interpolated linearly between its samples.
///
/// # Errors
/// OpenCV's; `region` must lie within the frame.
pub fn region_rgb(frame: &FrameView, region: Region) -> opencv::Result<Mat> {
    let components = frame.layout().components.iter();
    let stored = components.map(|component| full_resolution(frame, component, region));
    frame.layout().colour.join(stored.collect::<opencv::Result<_>>()?, ChannelOrder::Rgb)
}

/// The whole frame shrunk to `width`×`height` pixels as CV_8UC3, BGR. The planes are shrunk as they are stored and
/// only the small picture is converted.
///
/// # Errors
/// OpenCV's.
pub fn shrunk_bgr(frame: &FrameView, width: u32, height: u32) -> opencv::Result<Mat> {
    let size = Size::new(width as i32, height as i32);
    // Brightness and chroma of packed 4:2:2 lie in one plane, with steps of their own.
    let mut shrunk: Vec<(usize, usize, Mat)> = Vec::new();
    let mut stored = Vec::new();
    for component in &frame.layout().components {
        let key = (component.plane, component.step);
        let known = shrunk.iter().position(|(plane, step, _)| (*plane, *step) == key);
        let index = match known {
            Some(index) => index,
            None => {
                shrunk.push((key.0, key.1, resized(&plane_mat(frame, component)?, size)?));
                shrunk.len() - 1
            }
        };
        stored.push(channel(&shrunk[index].2, component)?);
    }
    frame.layout().colour.join(stored, ChannelOrder::Bgr)
}

/// The brightness of the whole frame shrunk to `width`×`height` pixels as CV_8UC1: of Y'CbCr formats the plane Y' alone
/// is read.
///
/// # Errors
/// OpenCV's.
pub fn shrunk_grey(frame: &FrameView, width: u32, height: u32) -> opencv::Result<Mat> {
    let colour = &frame.layout().colour;
    let mut grey = Mat::default();
    if colour.stores_rgb() {
        imgproc::cvt_color_def(&shrunk_bgr(frame, width, height)?, &mut grey, imgproc::COLOR_BGR2GRAY)?;
        return Ok(grey);
    }
    let brightness = &frame.layout().components[0];
    let small = resized(&plane_mat(frame, brightness)?, Size::new(width as i32, height as i32))?;
    let small = channel(&small, brightness)?;
    if brightness.bytes == 1 {
        return Ok(small);
    }
    small.convert_to(&mut grey, CV_8U, 1.0 / colour.per_code_of_8_bits, 0.0)?;
    Ok(grey)
}

/// The samples of `component` out of a picture with all that is in its plane.
fn channel(plane: &(impl MatTraitConst + ToInputArray), component: &Component) -> opencv::Result<Mat> {
    let mut channel = Mat::default();
    opencv::core::extract_channel(plane, &mut channel, (component.offset / component.bytes) as i32)?;
    Ok(channel)
}

/// The brightness of the frame's cells, in codes of 8 bits: of Y'CbCr formats the plane Y' alone is read, of RGB ones the plane with green,
/// which of packed ones is all there is.
fn cells(frame: &FrameView) -> Cells {
    let layout = frame.layout();
    let shares: &[f32] = if layout.colour.stores_rgb() { &LUMA } else { &[1.0] };
    let brightest = &layout.components[shares.len() / 2];
    let read = || layout.components.iter().zip(shares).filter(|(part, _)| part.plane == brightest.plane);
    let scale = 1.0 / (read().map(|(_, share)| share).sum::<f32>() * layout.colour.per_code_of_8_bits as f32);
    // One weight for each byte of a sample.
    let mut weights = vec![0.0; brightest.step];
    for (component, share) in read() {
        for (byte, value) in [1.0, 256.0].into_iter().take(component.bytes).enumerate() {
            weights[component.offset + byte] = share * value * scale;
        }
    }
    let (bytes, stride) = frame.plane(brightest.plane);
    let length = brightest.row();
    // The last row may end with its last sample, less of the bytes that pad one: it is no loss.
    let whole = |row: usize| bytes.get(row * stride..row * stride + length);
    let rows: Vec<&[u8]> = (0..brightest.rows).map_while(whole).collect();
    Cells::of(&rows, &weights, layout.size())
}

/// One component at every pixel of `region`.
fn full_resolution(frame: &FrameView, component: &Component, region: Region) -> opencv::Result<Mat> {
    let plane = plane_mat(frame, component)?;
    let range = component.samples(region);
    // A sample more on each side, so that chroma near the region's edge is interpolated as within it.
    let margin = usize::from(component.is_subsampled());
    let left = range.columns.0.saturating_sub(margin);
    let right = (range.columns.1 + margin).min(component.columns);
    let top = range.rows.0.saturating_sub(margin);
    let bottom = (range.rows.1 + margin).min(component.rows);
    let samples =
        Mat::roi(&plane, Rect::new(left as i32, top as i32, (right - left) as i32, (bottom - top) as i32))?;
    let channel = channel(&samples, component)?;
    if !component.is_subsampled() {
        return Ok(channel);
    }
    let size = Size::new(channel.cols() << component.shift_x, channel.rows() << component.shift_y);
    let mut enlarged = Mat::default();
    imgproc::resize(&channel, &mut enlarged, size, 0.0, 0.0, imgproc::INTER_LINEAR)?;
    let within = Rect::new(
        region.x - (left << component.shift_x) as i32,
        region.y - (top << component.shift_y) as i32,
        region.width,
        region.height,
    );
    // The last lines of a frame may have no sample in the bottom field, which ends a line earlier.
    let missing = within.y + within.height - enlarged.rows();
    if missing > 0 {
        let mut whole = Mat::default();
        let nothing = Scalar::default();
        opencv::core::copy_make_border(&enlarged, &mut whole, 0, missing, 0, 0, BORDER_REPLICATE, nothing)?;
        enlarged = whole;
    }
    Mat::roi(&enlarged, within)?.try_clone()
}

/// The plane that holds `component`, all its channels, without a copy.
fn plane_mat<'a>(frame: &FrameView<'a>, component: &Component) -> opencv::Result<BoxedRef<'a, Mat>> {
    let (bytes, stride) = frame.plane(component.plane);
    let (depth, samples) =
        if component.bytes == 1 { (CV_8U, component.step) } else { (CV_16U, component.step / 2) };
    // SAFETY: FrameView has checked that each of the `rows` rows of `columns` steps lies within `bytes`, aligned to its
    // samples; the returned reference carries the lifetime of `bytes` and only allows reading.
    let mat = unsafe {
        Mat::new_rows_cols_with_data_unsafe(
            component.rows as i32,
            component.columns as i32,
            CV_MAKETYPE(depth, samples as i32),
            bytes.as_ptr().cast_mut().cast(),
            stride,
        )?
    };
    Ok(mat.into())
}
