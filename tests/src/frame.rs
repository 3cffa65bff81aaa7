// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw video frames of any format and stride, and which of their bytes hold colour.

use face_detect::Region;
use gst_video::{
    VideoConverter, VideoConverterConfig, VideoDitherMethod, VideoFormat, VideoFrame, VideoFrameFlags,
    VideoInfo, VideoMeta,
};

use crate::Picture;

/// The formats that the element takes.
pub const FORMATS: [VideoFormat; 41] = [
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgbx,
    VideoFormat::Bgrx,
    VideoFormat::Xrgb,
    VideoFormat::Xbgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::I420,
    VideoFormat::Yv12,
    VideoFormat::Nv12,
    VideoFormat::Nv21,
    VideoFormat::A420,
    VideoFormat::Y42b,
    VideoFormat::Yuy2,
    VideoFormat::Uyvy,
    VideoFormat::Yvyu,
    VideoFormat::Nv16,
    VideoFormat::Y41b,
    VideoFormat::Y444,
    VideoFormat::Nv24,
    VideoFormat::Ayuv,
    VideoFormat::Gbr,
    VideoFormat::Gbra,
    VideoFormat::Gray8,
    VideoFormat::I42010le,
    VideoFormat::P01010le,
    VideoFormat::I42210le,
    VideoFormat::Y44410le,
    VideoFormat::Gbr10le,
    VideoFormat::A42010le,
    VideoFormat::A42210le,
    VideoFormat::A44410le,
    VideoFormat::Gbra10le,
    VideoFormat::I42012le,
    VideoFormat::I42212le,
    VideoFormat::Y44412le,
    VideoFormat::Gbr12le,
    VideoFormat::Gray16Le,
];

/// A frame in memory of our own. Bytes that hold no colour (alpha, padding) carry a pattern that no element would
/// write by chance.
#[derive(Debug, Clone)]
pub struct Frame {
    info: VideoInfo,
    offsets: Vec<usize>,
    strides: Vec<usize>,
    /// All bytes of the buffer.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// `picture` as GStreamer converts it to `format`, in the memory layout that the caps imply.
    #[must_use]
    pub fn new(picture: &Picture, format: VideoFormat) -> Self {
        let info = info(picture, format);
        let strides = info.stride().iter().map(|&stride| stride as usize).collect();
        Self::filled(picture, info.offset().to_vec(), strides, info.size(), info)
    }

    /// The same with `padding` bytes more in each row and between the planes, which a `GstVideoMeta` describes.
    #[must_use]
    pub fn padded(picture: &Picture, format: VideoFormat, padding: usize) -> Self {
        let info = info(picture, format);
        let (mut offsets, mut strides, mut size) =
            (Vec::new(), Vec::new(), padding * bytes_of_samples(&info));
        // Samples of two bytes lie at even places.
        let padding = padding * bytes_of_samples(&info);
        for plane in 0..info.n_planes() {
            let within = || (0..info.n_components() as u8).filter(|&index| info.comp_plane(index) == plane);
            let row =
                within().map(|index| info.comp_width(index) as usize * info.comp_pstride(index) as usize);
            let stride = row.max().unwrap() + padding;
            let rows = within().map(|index| info.comp_height(index) as usize).max().unwrap();
            offsets.push(size);
            strides.push(stride);
            size += stride * rows + padding;
        }
        Self::filled(picture, offsets, strides, size, info)
    }

    fn filled(
        picture: &Picture,
        offsets: Vec<usize>,
        strides: Vec<usize>,
        size: usize,
        info: VideoInfo,
    ) -> Self {
        let bytes = (0..size).map(|index| (index % 251) as u8 ^ 0xa5).collect();
        let implied = info.stride().iter().map(|&stride| stride as usize).collect();
        let source = Self {
            offsets: info.offset().to_vec(),
            strides: implied,
            bytes: converted(picture, &info),
            info: info.clone(),
        };
        let mut frame = Self { info, offsets, strides, bytes };
        for component in 0..frame.components() {
            let from = source.samples(component, source.whole());
            for (from, to) in from.zip(frame.samples(component, frame.whole())) {
                frame.bytes[to] = source.bytes[from];
            }
        }
        frame
    }

    /// The caps of the frame, at 25 frames a second.
    #[must_use]
    pub fn caps(&self) -> gst::Caps {
        let mut caps = self.info.to_caps().unwrap();
        caps.make_mut().set("framerate", gst::Fraction::new(25, 1));
        caps
    }

    /// A buffer with a copy of the bytes.
    #[must_use]
    pub fn buffer(&self) -> gst::Buffer {
        let mut buffer = gst::Buffer::from_mut_slice(self.bytes.clone());
        let strides: Vec<i32> = self.strides.iter().map(|&stride| stride as i32).collect();
        if strides != self.info.stride() || self.offsets != self.info.offset() {
            let (format, width, height) = (self.info.format(), self.info.width(), self.info.height());
            let meta = buffer.get_mut().unwrap();
            VideoMeta::add_full(
                meta,
                VideoFrameFlags::empty(),
                format,
                width,
                height,
                &self.offsets,
                &strides,
            )
            .unwrap();
        }
        buffer
    }

    /// The same frame with other bytes, for example those that came out of the element.
    #[must_use]
    pub fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        assert_eq!(bytes.len(), self.bytes.len());
        Self { bytes, ..self.clone() }
    }

    /// The frame as GStreamer converts it back to RGB.
    #[must_use]
    pub fn to_picture(&self) -> Picture {
        let frame = VideoFrame::from_buffer_readable(self.buffer(), &self.info).unwrap();
        let (width, height) = (self.info.width(), self.info.height());
        let rgb = VideoInfo::builder(VideoFormat::Rgb, width, height).build().unwrap();
        let bytes = convert(&frame, &self.info, &rgb);
        let (width, height) = (width as usize, height as usize);
        let stride = rgb.stride()[0] as usize;
        let rows = (0..height).flat_map(|row| &bytes[row * stride..][..width * 3]);
        Picture { width, height, rgb: rows.copied().collect() }
    }

    /// How many bytes differ from `other` inside and outside the colour samples of the pixels of `area`.
    #[must_use]
    pub fn changes(&self, other: &Self, area: Region) -> (usize, usize) {
        let mut colour = vec![false; self.bytes.len()];
        for index in (0..self.components()).flat_map(|component| self.samples(component, area)) {
            colour[index] = true;
        }
        let changed = |inside: bool| {
            let bytes = self.bytes.iter().zip(&other.bytes).zip(&colour);
            bytes.filter(|((a, b), is_colour)| a != b && **is_colour == inside).count()
        };
        (changed(true), changed(false))
    }

    /// The part of `area` within the frame.
    fn clipped(&self, area: Region) -> Region {
        let width = area.width.min(self.info.width() as i32 - area.x);
        let height = area.height.min(self.info.height() as i32 - area.y);
        Region { width, height, ..area }
    }

    fn whole(&self) -> Region {
        Region { x: 0, y: 0, width: self.info.width() as i32, height: self.info.height() as i32 }
    }

    /// How many components hold colour: those before alpha.
    fn components(&self) -> u8 {
        if self.info.format_info().is_gray() { 1 } else { 3 }
    }

    /// Indices of the bytes that hold a colour component of the pixels of `area`.
    fn samples(&self, component: u8, area: Region) -> impl Iterator<Item = usize> + use<> {
        let area = self.clipped(area);
        let (format, index) = (self.info.format_info(), usize::from(component));
        let cover = |start: i32, length: i32, shift: u32| {
            (start as usize >> shift)..((start + length - 1) as usize >> shift) + 1
        };
        let columns = cover(area.x, area.width, format.w_sub()[index]);
        let rows = cover(area.y, area.height, format.h_sub()[index]);
        let plane = format.plane()[index] as usize;
        let bytes = bytes_of_samples(&self.info);
        // Of P010's chroma the table says 1 where two bytes are meant.
        let offset = if format.poffset()[index] == 1 { bytes } else { format.poffset()[index] as usize };
        let start = self.offsets[plane] + offset;
        let (stride, step) = (self.strides[plane], format.pixel_stride()[index] as usize);
        rows.flat_map(move |row| columns.clone().map(move |column| start + row * stride + column * step))
            .flat_map(move |first| first..first + bytes)
    }
}

fn bytes_of_samples(info: &VideoInfo) -> usize {
    if info.format_info().depth()[0] > 8 { 2 } else { 1 }
}

fn info(picture: &Picture, format: VideoFormat) -> VideoInfo {
    crate::init();
    VideoInfo::builder(format, picture.width as u32, picture.height as u32).build().unwrap()
}

fn converted(picture: &Picture, info: &VideoInfo) -> Vec<u8> {
    let rgb = VideoInfo::builder(VideoFormat::Rgb, info.width(), info.height()).build().unwrap();
    let stride = rgb.stride()[0] as usize;
    let mut bytes = vec![0; rgb.size()];
    for (row, pixels) in picture.rgb.chunks_exact(picture.width * 3).enumerate() {
        bytes[row * stride..][..pixels.len()].copy_from_slice(pixels);
    }
    let frame = VideoFrame::from_buffer_readable(gst::Buffer::from_slice(bytes), &rgb).unwrap();
    convert(&frame, &rgb, info)
}

fn convert(
    frame: &VideoFrame<gst_video::video_frame::Readable>,
    from: &VideoInfo,
    to: &VideoInfo,
) -> Vec<u8> {
    let mut config = VideoConverterConfig::new();
    config.set_dither_method(VideoDitherMethod::None);
    let target = gst::Buffer::with_size(to.size()).unwrap();
    let mut target = VideoFrame::from_buffer_writable(target, to).unwrap();
    VideoConverter::new(from, to, Some(config)).unwrap().frame(frame, &mut target);
    target.into_buffer().map_readable().unwrap().to_vec()
}
