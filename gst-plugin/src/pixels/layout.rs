// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the colour samples of a raw video format lie in memory, from GStreamer's own table of formats.

use face_detect::Region;
use gst_video::{VideoFormat, VideoInfo};

use super::Colour;

/// The formats that the element takes: those of GStreamer's table whose samples are whole bytes or pairs of bytes of this
/// machine's order, in rows. The rest (tiles, samples across bytes, palettes) is converted without loss by `videoconvert`.
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

/// Where one colour component (R, G, B or Y', Cb, Cr) lies. Alpha and padding are no components, so that
/// nothing here can touch them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Index of the plane that holds it.
    pub plane: usize,
    /// Byte of its first sample within a row.
    pub offset: usize,
    /// Bytes from a sample to the next in a row.
    pub step: usize,
    /// Bytes of a sample: 1, or 2 for more than 8 bits.
    pub bytes: usize,
    /// log2 of how many pixels a sample covers horizontally.
    pub shift_x: u32,
    /// log2 of how many pixels a sample covers vertically.
    pub shift_y: u32,
    /// Samples in a row.
    pub columns: usize,
    /// Rows of samples.
    pub rows: usize,
}

/// A rectangle of samples, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleRange {
    /// First and one-past-last column.
    pub columns: (usize, usize),
    /// First and one-past-last row.
    pub rows: (usize, usize),
}

/// One of the two fields of an interlaced frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Lines 0, 2, 4, … of every plane.
    Top,
    /// Lines 1, 3, 5, … of every plane.
    Bottom,
}

impl Component {
    /// Bytes of a row, what lies between its samples included.
    #[must_use]
    pub fn row(&self) -> usize {
        self.columns * self.step
    }

    /// A sample covers more than a pixel.
    #[must_use]
    pub fn is_subsampled(&self) -> bool {
        self.shift_x > 0 || self.shift_y > 0
    }

    /// The samples that cover any pixel of `region`, which must lie within the frame.
    #[must_use]
    pub fn samples(&self, region: Region) -> SampleRange {
        let cover = |start: i32, length: i32, shift: u32| {
            (start as usize >> shift, ((start + length - 1) as usize >> shift) + 1)
        };
        let (first, end) = cover(region.y, region.height, self.shift_y);
        SampleRange {
            columns: cover(region.x, region.width, self.shift_x),
            // The last line of the frame may lie below the last sample of a bottom field.
            rows: (first.min(self.rows - 1), end.min(self.rows)),
        }
    }
}

/// Size and sample layout of the frames of one caps.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Frame width in pixels.
    pub width: usize,
    /// Frame height in pixels.
    pub height: usize,
    /// R, G, B; Y', Cb, Cr; or Y' alone.
    pub components: Vec<Component>,
    /// What the components mean.
    pub colour: Colour,
}

impl Layout {
    /// The layout of frames of `info`, whose format is one of [`FORMATS`].
    #[must_use]
    pub fn new(info: &VideoInfo) -> Self {
        let format = info.format_info();
        let bytes = |index: usize| if format.depth()[index] > 8 { 2 } else { 1 };
        // The table counts the places of P010's chroma in samples, others in bytes: 1 cannot be one of two bytes.
        let offset = |index: usize| match format.poffset()[index] as usize {
            samples @ 1 => samples * bytes(index),
            offset => offset,
        };
        let component = |index: usize| Component {
            plane: format.plane()[index] as usize,
            offset: offset(index),
            step: format.pixel_stride()[index] as usize,
            bytes: bytes(index),
            shift_x: format.w_sub()[index],
            shift_y: format.h_sub()[index],
            columns: info.comp_width(index as u8) as usize,
            rows: info.comp_height(index as u8) as usize,
        };
        Self {
            width: info.width() as usize,
            height: info.height() as usize,
            components: (0..if format.is_gray() { 1 } else { 3 }).map(component).collect(),
            colour: Colour::new(info),
        }
    }

    /// The layout of one field, seen as a picture of the frame's size: its samples cover twice the lines, those of chroma
    /// too, which belong to the fields by turns as those of brightness do. `None` where the frame is so low that a field
    /// has no line.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<Self> {
        let component = |component: &Component| {
            let rows = match field {
                Field::Top => component.rows.div_ceil(2),
                Field::Bottom => component.rows / 2,
            };
            (rows > 0).then_some(Component { shift_y: component.shift_y + 1, rows, ..*component })
        };
        let components = self.components.iter().map(component).collect::<Option<_>>()?;
        Some(Self { components, ..*self })
    }

    /// Width and height of the frame in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// The part of `region` within the frame, if any.
    #[must_use]
    pub fn clip(&self, region: Region) -> Option<Region> {
        let x = region.x.clamp(0, self.width as i32);
        let y = region.y.clamp(0, self.height as i32);
        let width = region.x.saturating_add(region.width).min(self.width as i32) - x;
        let height = region.y.saturating_add(region.height).min(self.height as i32) - y;
        (width > 0 && height > 0).then_some(Region { x, y, width, height })
    }
}
