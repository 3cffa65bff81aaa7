// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every format against GStreamer's own converter, on a photograph, with odd sizes and padded rows.

use face_detect::{Cells, Correction, Region};
use face_restore::FramePixels;
use gst_video::prelude::*;
use gst_video::{VideoConverter, VideoFormat, VideoFrame, VideoInfo};
use opencv::core::{CV_32FC1, Mat, MatTraitConst, MatTraitConstManual, Rect, Scalar, Size, Vec3b, Vec3f};
use opencv::imgproc;

use super::*;
use crate::error::FrameError;

/// Width and height of the photographs; odd, so that the last chroma samples cover fewer pixels.
const SIZES: [(i32, i32); 2] = [(97, 73), (64, 48)];
/// Value of bytes that belong to no sample.
const PAD: u8 = 0xa5;

type Readable = VideoFrame<gst_video::video_frame::Readable>;

/// A frame in our own memory, rows padded.
#[derive(Clone)]
struct TestFrame {
    layout: Layout,
    planes: Vec<Vec<u8>>,
    strides: [usize; 4],
}

impl TestFrame {
    /// The picture (CV_8UC3, RGB) as GStreamer converts it to the format.
    fn convert(picture: &Mat, info: &VideoInfo, padding: usize) -> Self {
        let frame = converted(picture, info);
        let layout = Layout::new(info);
        let mut planes = Vec::new();
        let mut strides = [0; 4];
        for plane in 0..info.n_planes() {
            let source = frame.plane_data(plane).unwrap();
            let source_stride = frame.plane_stride()[plane as usize] as usize;
            let within = || layout.components.iter().filter(|c| c.plane == plane as usize);
            // A plane of transparency alone is of no interest.
            let row = within().map(Component::row).max().unwrap_or_default();
            let rows = within().map(|component| component.rows).max().unwrap_or_default();
            let stride = row + padding * within().map(|component| component.bytes).max().unwrap_or(1);
            let mut bytes = vec![PAD; stride * rows];
            for y in 0..rows {
                bytes[y * stride..][..row].copy_from_slice(&source[y * source_stride..][..row]);
            }
            planes.push(bytes);
            strides[plane as usize] = stride;
        }
        Self { layout, planes, strides }
    }

    fn view(&self) -> FrameView<'_> {
        let slices = std::array::from_fn(|index| self.planes.get(index).map_or(&[][..], Vec::as_slice));
        FrameView::from_planes(&self.layout, slices, self.strides).unwrap()
    }

    fn view_mut(&mut self) -> FrameViewMut<'_> {
        let mut slices: [&mut [u8]; 4] = Default::default();
        for (slot, plane) in slices.iter_mut().zip(&mut self.planes) {
            *slot = plane;
        }
        FrameViewMut::from_planes(&self.layout, slices, self.strides).unwrap()
    }

    /// The planes where samples that cover `region` are replaced by `PAD`: what must not change outside of it.
    fn outside(&self, region: Region) -> Vec<Vec<u8>> {
        let mut planes = self.planes.clone();
        for component in &self.layout.components {
            let range = component.samples(region);
            for row in range.rows.0..range.rows.1 {
                for column in range.columns.0..range.columns.1 {
                    let byte = place(component, self.strides, row, column);
                    planes[component.plane][byte..byte + component.bytes].fill(PAD);
                }
            }
        }
        planes
    }

    /// All samples of component `index`, row by row.
    fn samples(&self, index: usize) -> Vec<u16> {
        let component = &self.layout.components[index];
        let plane = &self.planes[component.plane];
        let read = |row, column| {
            let byte = place(component, self.strides, row, column);
            plane[byte..byte + component.bytes]
                .iter()
                .rev()
                .fold(0, |value, &byte| (value << 8) | u16::from(byte))
        };
        (0..component.rows)
            .flat_map(|row| (0..component.columns).map(move |column| read(row, column)))
            .collect()
    }
}

/// The first byte of a sample.
fn place(component: &Component, strides: [usize; 4], row: usize, column: usize) -> usize {
    row * strides[component.plane] + component.offset + column * component.step
}

/// The picture as a frame of the format, by GStreamer's converter. It begins with 16 bits a channel: from 8 the converter takes shortcuts
/// for some formats that are less exact.
fn converted(picture: &Mat, info: &VideoInfo) -> Readable {
    let deep = VideoInfo::builder(VideoFormat::Argb64, info.width(), info.height()).build().unwrap();
    let allocate = |info: &VideoInfo| {
        VideoFrame::from_buffer_writable(gst::Buffer::with_size(info.size()).unwrap(), info).unwrap()
    };
    let (mut source, mut target) = (allocate(&deep), allocate(info));
    let stride = source.plane_stride()[0] as usize;
    for y in 0..picture.rows() {
        let row = &mut source.plane_data_mut(0).unwrap()[y as usize * stride..];
        for (codes, pixel) in row.chunks_exact_mut(8).zip(picture.at_row::<Vec3b>(y).unwrap()) {
            let [red, green, blue] = pixel.0;
            for (code, value) in codes.chunks_exact_mut(2).zip([255, red, green, blue]) {
                code.fill(value);
            }
        }
    }
    let mut config = gst_video::VideoConverterConfig::new();
    // Without dithering the converter rounds, as we do.
    config.set_dither_method(gst_video::VideoDitherMethod::None);
    VideoConverter::new(&deep, info, Some(config)).unwrap().frame(&source, &mut target);
    VideoFrame::from_buffer_readable(target.into_buffer(), info).unwrap()
}

/// The astronaut's face, RGB.
fn photo(width: i32, height: i32) -> Mat {
    let image = crate::fixtures::astronaut();
    let face = Mat::roi(&image, Rect::new(140, 20, 194, 146)).unwrap();
    let mut small = Mat::default();
    imgproc::resize(&face, &mut small, Size::new(width, height), 0.0, 0.0, imgproc::INTER_AREA).unwrap();
    small
}

fn infos(width: i32, height: i32) -> Vec<VideoInfo> {
    gst::init().unwrap();
    let mut infos = Vec::new();
    for format in FORMATS {
        let builder = || VideoInfo::builder(format, width as u32, height as u32);
        let plain = builder().build().unwrap();
        if plain.is_rgb() {
            infos.push(plain);
            continue;
        }
        // The brightness of a grey format is that of BT.601, so that it can be compared with OpenCV's.
        let all = ["bt601", "1:4:0:0", "bt709", "bt2020"];
        let comparable = if plain.format_info().is_gray() { &all[..2] } else { &all[..] };
        for colorimetry in comparable {
            infos.push(builder().colorimetry(&colorimetry.parse().unwrap()).build().unwrap());
        }
    }
    infos
}

/// What a format can show of a picture.
fn shown(picture: &Mat, info: &VideoInfo) -> Mat {
    if !info.format_info().is_gray() {
        return picture.try_clone().unwrap();
    }
    let (mut grey, mut shown) = (Mat::default(), Mat::default());
    imgproc::cvt_color_def(picture, &mut grey, imgproc::COLOR_RGB2GRAY).unwrap();
    imgproc::cvt_color_def(&grey, &mut shown, imgproc::COLOR_GRAY2RGB).unwrap();
    shown
}

/// How far a format may be from a picture, in levels, where `subsampled` is what 4:2:0 costs. Two thirds of it are left for
/// Y'CbCr alone, whose codes the converter cuts off where we round, and 4:1:1, a sample of chroma in a line of four pixels, costs twice as much.
fn limit(info: &VideoInfo, subsampled: f64) -> f64 {
    let format = info.format_info();
    match format.w_sub().get(1).copied().unwrap_or_default() {
        _ if info.is_rgb() => {
            if format.depth()[0] == 8 {
                0.0
            } else {
                0.5
            }
        }
        0 => subsampled / 1.5,
        1 => subsampled,
        _ => subsampled * 2.0,
    }
}

fn mean_difference(a: &Mat, b: &Mat) -> f64 {
    let mut difference = Mat::default();
    opencv::core::absdiff(a, b, &mut difference).unwrap();
    let mean = opencv::core::mean_def(&difference).unwrap();
    (mean[0] + mean[1] + mean[2]) / 3.0
}

fn whole(width: i32, height: i32) -> Region {
    Region { x: 0, y: 0, width, height }
}

/// A correction of `size` that varies over the region as `delta(x, y)`.
fn correction(region: Region, delta: impl Fn(i32, i32) -> [f32; 3]) -> Correction {
    let rows: Vec<Vec<Vec3f>> =
        (0..region.height).map(|y| (0..region.width).map(|x| Vec3f::from(delta(x, y))).collect()).collect();
    let mask =
        Mat::new_rows_cols_with_default(region.height, region.width, CV_32FC1, Scalar::all(1.0)).unwrap();
    Correction { region, delta: Mat::from_slice_2d(&rows).unwrap(), mask }
}

/// `picture` with the correction added by the plain formula, RGB.
fn corrected(picture: &Mat, correction: &Correction) -> Mat {
    let mut rows = picture.to_vec_2d::<Vec3b>().unwrap();
    let Region { x, y, width, height } = correction.region;
    for (j, row) in rows.iter_mut().skip(y as usize).take(height as usize).enumerate() {
        for (i, pixel) in row.iter_mut().skip(x as usize).take(width as usize).enumerate() {
            let delta = correction.delta.at_2d::<Vec3f>(j as i32, i as i32).unwrap();
            for channel in 0..3 {
                pixel[channel] = (f32::from(pixel[channel]) + delta[channel]).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    Mat::from_slice_2d(&rows).unwrap()
}

#[test]
fn primaries_have_the_codes_of_the_standards() {
    gst::init().unwrap();
    // 8-bit codes of 100 % red, green, blue, white (BT.601 / BT.709 colour bars).
    let expected = [
        ("bt601", [[81, 90, 240], [145, 54, 34], [41, 240, 110], [235, 128, 128]]),
        ("bt709", [[63, 102, 240], [173, 42, 26], [32, 240, 118], [235, 128, 128]]),
        // JPEG: BT.601 at full range; Cr and Cb of a primary reach 255.5, which clips.
        ("1:4:0:0", [[76, 85, 255], [150, 44, 21], [29, 255, 107], [255, 128, 128]]),
    ];
    for (colorimetry, codes) in expected {
        let info = VideoInfo::builder(VideoFormat::I420, 16, 16)
            .colorimetry(&colorimetry.parse().unwrap())
            .build()
            .unwrap();
        let colour = Layout::new(&info).colour;
        let primaries = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
        for (rgb, code) in primaries.into_iter().zip(codes) {
            let stored: [u16; 3] = std::array::from_fn(|index| colour.stored(index, rgb));
            assert_eq!(stored, code, "{colorimetry} of {rgb:?}");
        }
    }
}

#[test]
fn every_format_reads_as_the_picture_that_gstreamer_wrote() {
    for (width, height) in SIZES {
        let picture = photo(width, height);
        for info in infos(width, height) {
            let frame = TestFrame::convert(&picture, &info, 5);
            let read = region_rgb(&frame.view(), whole(width, height)).unwrap();
            let difference = mean_difference(&read, &shown(&picture, &info));
            // Half the chroma resolution costs a photograph one to two levels; `one_pixel_frames_…` has no such loss.
            let limit = limit(&info, 2.0);
            assert!(difference <= limit, "{} {}: {difference}", info.name(), info.colorimetry());

            for region in [
                Region { x: 11, y: 7, width: 33, height: 21 },
                Region { x: width - 9, y: height - 8, width: 9, height: 8 },
                Region { x: 0, y: 3, width: 1, height: 1 },
            ] {
                let part = region_rgb(&frame.view(), region).unwrap();
                let rect = Rect::new(region.x, region.y, region.width, region.height);
                let same = Mat::roi(&read, rect).unwrap().try_clone().unwrap();
                // Interpolated chroma of more than 8 bits may round to another level.
                let levels =
                    opencv::core::norm2(&part, &same, opencv::core::NORM_INF, &opencv::core::no_array())
                        .unwrap();
                assert!(levels <= 1.0, "{} {region:?}: {levels}", info.name());
            }
        }
    }
}

#[test]
fn the_detectors_picture_is_the_shrunk_frame() {
    let (width, height) = SIZES[0];
    let picture = photo(width, height);
    let (mut small, mut expected) = (Mat::default(), Mat::default());
    imgproc::resize(&picture, &mut small, Size::new(48, 36), 0.0, 0.0, imgproc::INTER_AREA).unwrap();
    imgproc::cvt_color_def(&small, &mut expected, imgproc::COLOR_RGB2BGR).unwrap();
    for info in infos(width, height) {
        let frame = TestFrame::convert(&picture, &info, 3);
        // Grey is the same in either order.
        let expected = if info.format_info().is_gray() { shown(&small, &info) } else { expected.clone() };
        let difference = mean_difference(&shrunk_bgr(&frame.view(), 48, 36).unwrap(), &expected);
        let limit = limit(&info, 2.0);
        assert!(difference <= limit, "{} {}: {difference}", info.name(), info.colorimetry());
    }
}

#[test]
fn the_cells_of_every_format_are_the_brightness_of_the_picture() {
    let (width, height) = SIZES[0];
    let picture = photo(width, height);
    for info in infos(width, height) {
        let frame = TestFrame::convert(&picture, &info, 5);
        // As the format stores brightness, in codes of 8 bits; as BT.601 has it where a pixel's colours lie side by side, and green
        // where they lie in planes.
        let brightness = |pixel: &Vec3b| {
            let [red, green, blue] = pixel.0.map(f64::from);
            let value = match (info.is_rgb(), info.n_planes()) {
                (true, 1) => 0.299 * red + 0.587 * green + 0.114 * blue,
                (true, _) => green,
                (false, _) => {
                    let colour = &frame.layout.colour;
                    f64::from(colour.stored(0, pixel.0)) / colour.per_code_of_8_bits
                }
            };
            value.round() as u8
        };
        let rows: Vec<Vec<u8>> = (0..height)
            .map(|row| picture.at_row::<Vec3b>(row).unwrap().iter().map(brightness).collect())
            .collect();
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        let expected = Cells::of(&rows, &[1.0], (width as u32, height as u32));
        let cells = frame.view().cells().unwrap();
        assert_eq!(cells.size(), expected.size());
        let difference = cells.means().iter().zip(expected.means()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(difference <= Some(2), "{} {}: {difference:?}", info.name(), info.colorimetry());
    }
}

#[test]
fn a_correction_changes_every_format_as_it_changes_the_picture() {
    let (width, height) = SIZES[0];
    let picture = photo(width, height);
    // Odd edges, and the bottom right corner, where chroma samples cover one pixel.
    for region in
        [Region { x: 21, y: 13, width: 40, height: 31 }, Region { x: 60, y: 40, width: 37, height: 33 }]
    {
        // Smooth, as chroma at half resolution cannot follow else; up to ±40 levels.
        let wave = |x: i32, y: i32, phase: f32| 40.0 * ((x as f32 + 2.0 * y as f32) / 25.0 + phase).sin();
        let correction = correction(region, |x, y| [wave(x, y, 0.0), wave(x, y, 1.0), wave(x, y, 2.0)]);
        let target = corrected(&picture, &correction);
        for info in infos(width, height) {
            let mut frame = TestFrame::convert(&picture, &info, 7);
            let before = frame.outside(region);
            apply(&mut frame.view_mut(), std::slice::from_ref(&correction)).unwrap();
            assert!(frame.outside(region) == before, "{}: bytes outside the region changed", info.name());

            let read = region_rgb(&frame.view(), whole(width, height)).unwrap();
            let difference = mean_difference(&read, &shown(&target, &info));
            let limit = limit(&info, 2.5);
            assert!(difference <= limit, "{} {}: {difference}", info.name(), info.colorimetry());
        }
    }
}

#[test]
fn corrections_that_round_to_nothing_leave_every_bit() {
    let (width, height) = SIZES[0];
    let picture = photo(width, height);
    for info in infos(width, height) {
        // Just below half a code of the format's depth.
        let half = 0.49 * 255.0 / ((1_u32 << info.format_info().depth()[0]) - 1) as f32;
        let sign = |x: i32| if x % 2 == 0 { half } else { -half };
        let correction = correction(whole(width, height), |x, _| [sign(x); 3]);
        let mut frame = TestFrame::convert(&picture, &info, 0);
        let before = frame.planes.clone();
        apply(&mut frame.view_mut(), std::slice::from_ref(&correction)).unwrap();
        assert!(frame.planes == before, "{} {}", info.name(), info.colorimetry());
    }
}

#[test]
fn sums_clip_to_the_nominal_range_and_never_wrap() {
    let picture = photo(64, 48);
    for info in infos(64, 48) {
        for (level, code) in [(400.0, 1), (-400.0, 0)] {
            let mut frame = TestFrame::convert(&picture, &info, 0);
            let all = correction(whole(64, 48), |_, _| [level; 3]);
            apply(&mut frame.view_mut(), &[all]).unwrap();
            let (low, high) = frame.layout.colour.nominal[0];
            let expected = if code == 1 { high } else { low } as u16;
            assert!(frame.samples(0).iter().all(|&sample| sample == expected), "{} {level}", info.name());
        }
    }
}

#[test]
fn a_correction_finer_than_a_level_of_8_bits_reaches_deeper_formats_and_leaves_their_lowest_bits() {
    gst::init().unwrap();
    // 0.3 levels of 8 bits are 0.3 · 219 · 2ⁿ⁻⁸ / 255 codes of n bits at limited range, 0.3 · (2ⁿ − 1) / 255 at full range.
    let expected = [
        (VideoFormat::I420, "bt709", 0),
        (VideoFormat::I42010le, "bt709", 1),
        (VideoFormat::P01010le, "bt709", 64),
        (VideoFormat::I42210le, "1:3:5:1", 1),
        (VideoFormat::I42212le, "bt709", 4),
        (VideoFormat::Y44412le, "1:3:5:1", 5),
        (VideoFormat::Gray16Le, "1:4:0:0", 77),
        (VideoFormat::Gray16Le, "bt601", 66),
    ];
    for (format, colorimetry, step) in expected {
        let info =
            VideoInfo::builder(format, 64, 48).colorimetry(&colorimetry.parse().unwrap()).build().unwrap();
        let mut frame = TestFrame::convert(&photo(64, 48), &info, 1);
        // A ramp in the middle of the range, with all values that the lowest bits can have.
        let (bytes, stride) = (frame.layout.components[0].bytes, frame.strides[0]);
        let middle = (frame.layout.colour.nominal[0].1 / 2.0) as u16;
        for (row, column) in (0..48).flat_map(|row| (0..64).map(move |column| (row, column))) {
            let value = (middle + (row * 64 + column) as u16 % (middle / 2)).to_le_bytes();
            frame.planes[0][row * stride + column * bytes..][..bytes].copy_from_slice(&value[..bytes]);
        }
        let expected: Vec<u16> = frame.samples(0).iter().map(|value| value + step).collect();
        apply(&mut frame.view_mut(), &[correction(whole(64, 48), |_, _| [0.3; 3])]).unwrap();
        assert!(frame.samples(0) == expected, "{format:?} {colorimetry}");
    }
}

#[test]
fn one_pixel_frames_work_in_every_format() {
    let picture = Mat::from_slice_2d(&[[Vec3b::from([200, 100, 50])]]).unwrap();
    for info in infos(1, 1) {
        let mut frame = TestFrame::convert(&picture, &info, 2);
        apply(&mut frame.view_mut(), &[correction(whole(1, 1), |_, _| [-60.0, 20.0, 40.0])]).unwrap();
        let read = region_rgb(&frame.view(), whole(1, 1)).unwrap();
        let pixel = *read.at_2d::<Vec3b>(0, 0).unwrap();
        // 0.299 · 140 + 0.587 · 120 + 0.114 · 90 (BT.601).
        let colour = if info.format_info().is_gray() { [123; 3] } else { [140, 120, 90] };
        for (value, expected) in pixel.0.into_iter().zip(colour) {
            let limit = if info.is_rgb() { 0 } else { 3 };
            assert!(value.abs_diff(expected) <= limit, "{}: {pixel:?}", info.name());
        }
        assert_eq!(shrunk_bgr(&frame.view(), 1, 1).unwrap().size().unwrap(), Size::new(1, 1));
    }
}

#[test]
fn filled_rectangles_have_their_colour_and_stay_within_the_frame() {
    let (width, height) = SIZES[0];
    let picture = photo(width, height);
    for info in infos(width, height) {
        let mut frame = TestFrame::convert(&picture, &info, 1);
        let inside = Region { x: 80, y: 60, width: 17, height: 13 };
        let before = frame.outside(inside);
        fill(&mut frame.view_mut(), Region { x: 80, y: 60, width: 1000, height: i32::MAX }, [0, 255, 0]);
        fill(&mut frame.view_mut(), Region { x: -50, y: -50, width: 50, height: 50 }, [255, 0, 0]);
        assert!(frame.outside(inside) == before, "{}", info.name());
        let pixel = region_rgb(&frame.view(), Region { x: 90, y: 66, width: 1, height: 1 }).unwrap();
        let pixel = pixel.at_2d::<Vec3b>(0, 0).unwrap();
        // Green, or what is left of it in grey: 0.587 · 255.
        let colour = if info.format_info().is_gray() { [150; 3] } else { [0, 255, 0] };
        let near = pixel.0.into_iter().zip(colour).all(|(value, expected)| value.abs_diff(expected) <= 3);
        assert!(near, "{}: {pixel:?}", info.name());
    }
}

#[test]
fn memory_or_corrections_that_do_not_fit_are_refused_before_a_byte_changes() {
    let info = infos(64, 48).remove(0);
    let mut frame = TestFrame::convert(&photo(64, 48), &info, 0);
    let short = [&frame.planes[0][1..], &[], &[], &[]];
    assert!(matches!(
        FrameView::from_planes(&frame.layout, short, frame.strides),
        Err(FrameError::Layout(_))
    ));
    let narrow = [&frame.planes[0][..], &[], &[], &[]];
    assert!(matches!(
        FrameView::from_planes(&frame.layout, narrow, [190, 0, 0, 0]),
        Err(FrameError::Layout(_))
    ));
    // Samples of two bytes at odd places.
    let layout = Layout::new(&VideoInfo::builder(VideoFormat::Gray16Le, 4, 2).build().unwrap());
    let memory = [0_u8; 32];
    let even = memory.as_ptr().addr() % 2;
    for (from, stride, fits) in [(even, 8, true), (even + 1, 8, false), (even, 9, false)] {
        let result = FrameView::from_planes(&layout, [&memory[from..], &[], &[], &[]], [stride, 0, 0, 0]);
        assert_eq!(result.is_ok(), fits, "from byte {from}, stride {stride}");
    }

    let before = frame.planes.clone();
    let good = correction(whole(8, 8), |_, _| [50.0; 3]);
    let outside = correction(Region { x: 60, y: 0, width: 8, height: 8 }, |_, _| [50.0; 3]);
    assert!(matches!(apply(&mut frame.view_mut(), &[good, outside]), Err(FrameError::Layout(_))));
    assert!(frame.planes == before);
}

/// A frame of two fields: the lines of `top` and `bottom`, each a frame of half the height, by turns in every plane.
fn interleaved(top: &TestFrame, bottom: &TestFrame, info: &VideoInfo) -> TestFrame {
    let planes = top.planes.iter().zip(&bottom.planes).zip(top.strides).map(|((top, bottom), stride)| {
        let pairs = top.chunks_exact(stride).zip(bottom.chunks_exact(stride));
        pairs.flat_map(|(top, bottom)| [top, bottom].concat()).collect()
    });
    TestFrame { layout: Layout::new(info), planes: planes.collect(), strides: top.strides }
}

/// The lines of one field in every plane.
fn lines(frame: &TestFrame, field: Field) -> Vec<Vec<u8>> {
    let first = if field == Field::Top { 0 } else { 1 };
    let planes = frame.planes.iter().zip(frame.strides);
    planes
        .map(|(plane, stride)| plane.chunks_exact(stride).skip(first).step_by(2).collect::<Vec<_>>().concat())
        .collect()
}

#[test]
fn a_field_is_read_and_changed_without_the_other_in_every_format() {
    // Twice the height of a field; the fields of 4:2:0 have 18 lines of chroma each.
    let (width, height) = (64, 72);
    let face = photo(width, height / 2);
    let mut negative = Mat::default();
    opencv::core::bitwise_not_def(&face, &mut negative).unwrap();
    for (info, half) in infos(width, height).iter().zip(infos(width, height / 2)) {
        let [face_field, negative_field] =
            [&face, &negative].map(|picture| TestFrame::convert(picture, &half, 3));
        for (field, frame) in [
            (Field::Top, interleaved(&face_field, &negative_field, info)),
            (Field::Bottom, interleaved(&negative_field, &face_field, info)),
        ] {
            let name = format!("{} {} {field:?}", info.name(), info.colorimetry());
            let layout = frame.layout.field(field).unwrap();
            let view = frame.view();
            let read = region_rgb(&view.field(&layout, field).unwrap(), whole(width, height)).unwrap();
            let mut expected = Mat::default();
            let size = Size::new(width, height);
            let face = shown(&face, info);
            imgproc::resize(&face, &mut expected, size, 0.0, 0.0, imgproc::INTER_LINEAR).unwrap();
            let difference = mean_difference(&read, &expected);
            let limit = if info.is_rgb() { 0.5 } else { limit(info, 3.0) };
            assert!(difference <= limit, "{name}: {difference}; the other field would be a hundred");

            let mut changed = interleaved(&face_field, &negative_field, info);
            changed.planes.clone_from(&frame.planes);
            let brighter = correction(whole(width, height), |_, _| [9.0; 3]);
            let mut whole_view = changed.view_mut();
            apply(&mut whole_view.field(&layout, field).unwrap(), std::slice::from_ref(&brighter)).unwrap();
            let opposite = if field == Field::Top { Field::Bottom } else { Field::Top };
            assert!(lines(&changed, opposite) == lines(&frame, opposite), "{name}: the other field changed");
            // As the field alone would be changed.
            let mut alone = face_field.clone();
            let brighter = correction(whole(width, height / 2), |_, _| [9.0; 3]);
            apply(&mut alone.view_mut(), std::slice::from_ref(&brighter)).unwrap();
            assert!(lines(&changed, field) == alone.planes, "{name}");
        }
    }
}

#[test]
fn fields_of_odd_and_of_tiny_frames_stay_within_their_lines() {
    for (width, height) in [(97, 73), (31, 70), (5, 7), (3, 5), (4, 4), (1, 3)] {
        let picture = photo(width, height);
        for info in infos(width, height) {
            let mut frame = TestFrame::convert(&picture, &info, 2);
            for field in [Field::Top, Field::Bottom] {
                let Some(layout) = frame.layout.field(field) else { continue };
                let view = frame.view();
                let part = view.field(&layout, field).unwrap();
                let last = Region { x: 0, y: height - 1, width, height: 1 };
                for region in [whole(width, height), last] {
                    let read = region_rgb(&part, region).unwrap();
                    assert_eq!((read.cols(), read.rows()), (region.width, region.height));
                }
                shrunk_bgr(&part, 8, 8).unwrap();
                let brighter =
                    [whole(width, height), last].map(|region| correction(region, |_, _| [30.0; 3]));
                let mut view = frame.view_mut();
                apply(&mut view.field(&layout, field).unwrap(), &brighter).unwrap();
            }
        }
    }
    let low = VideoInfo::builder(VideoFormat::I420, 16, 2).build().unwrap();
    assert_eq!(Layout::new(&low).field(Field::Bottom), None, "one line of chroma makes no two fields");
}
