// SPDX-License-Identifier: MIT OR Apache-2.0
//! A mapped video frame as planes of bytes with their strides, checked once so that the rest can index freely.

use gst_video::{VideoFrameExt, VideoFrameRef};

use super::{Field, Layout};
use crate::error::FrameError;

/// Most planes a format can have.
const PLANES: usize = gst_video::VIDEO_MAX_PLANES;

/// A frame that is read.
pub struct FrameView<'a> {
    layout: &'a Layout,
    planes: [&'a [u8]; PLANES],
    strides: [usize; PLANES],
}

/// A frame that is changed in place.
pub struct FrameViewMut<'a> {
    layout: &'a Layout,
    planes: [&'a mut [u8]; PLANES],
    strides: [usize; PLANES],
}

impl<'a> FrameView<'a> {
    /// Views a mapped frame.
    ///
    /// # Errors
    /// [`FrameError::Layout`] when its planes are not what `layout` needs.
    pub fn new(layout: &'a Layout, frame: &'a VideoFrameRef<&gst::BufferRef>) -> Result<Self, FrameError> {
        let strides = strides(frame.plane_stride())?;
        Self::from_planes(layout, frame.planes_data(), strides)
    }

    /// Views planes of memory; `strides` in bytes.
    ///
    /// # Errors
    /// [`FrameError::Layout`] when a plane is too short for `layout`.
    pub fn from_planes(
        layout: &'a Layout,
        planes: [&'a [u8]; PLANES],
        strides: [usize; PLANES],
    ) -> Result<Self, FrameError> {
        check(layout, planes, strides)?;
        Ok(Self { layout, planes, strides })
    }

    /// The lines of one field, in the frame's [`Layout::field`].
    ///
    /// # Errors
    /// [`FrameError::Layout`] when a plane is too short for it.
    pub fn field(&self, layout: &'a Layout, field: Field) -> Result<Self, FrameError> {
        let mut planes = self.planes;
        for (plane, stride) in planes.iter_mut().zip(self.strides) {
            *plane = plane.get(first_byte(field, stride)..).unwrap_or_default();
        }
        Self::from_planes(layout, planes, self.strides.map(|stride| stride.saturating_mul(2)))
    }

    /// Size and sample layout.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.layout
    }

    /// The bytes of a plane, and the bytes from a row to the next.
    #[must_use]
    pub fn plane(&self, index: usize) -> (&'a [u8], usize) {
        (self.planes[index], self.strides[index])
    }
}

impl<'a> FrameViewMut<'a> {
    /// Views a frame mapped for writing.
    ///
    /// # Errors
    /// As [`FrameView::new`].
    pub fn new(
        layout: &'a Layout,
        frame: &'a mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<Self, FrameError> {
        let strides = strides(frame.plane_stride())?;
        Self::from_planes(layout, frame.planes_data_mut(), strides)
    }

    /// Views planes of memory; `strides` in bytes.
    ///
    /// # Errors
    /// As [`FrameView::from_planes`].
    pub fn from_planes(
        layout: &'a Layout,
        planes: [&'a mut [u8]; PLANES],
        strides: [usize; PLANES],
    ) -> Result<Self, FrameError> {
        check(layout, planes.each_ref().map(|plane| &**plane), strides)?;
        Ok(Self { layout, planes, strides })
    }

    /// As [`FrameView::field`].
    ///
    /// # Errors
    /// As there.
    pub fn field<'b>(&'b mut self, layout: &'b Layout, field: Field) -> Result<FrameViewMut<'b>, FrameError> {
        let strides = self.strides;
        let mut planes: [&mut [u8]; PLANES] = Default::default();
        for ((part, plane), stride) in planes.iter_mut().zip(&mut self.planes).zip(strides) {
            *part = plane.get_mut(first_byte(field, stride)..).unwrap_or_default();
        }
        FrameViewMut::from_planes(layout, planes, strides.map(|stride| stride.saturating_mul(2)))
    }

    /// Size and sample layout.
    #[must_use]
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// The bytes of a plane, and the bytes from a row to the next.
    pub fn plane_mut(&mut self, index: usize) -> (&mut [u8], usize) {
        (&mut *self.planes[index], self.strides[index])
    }
}

/// Where a field begins in a plane.
fn first_byte(field: Field, stride: usize) -> usize {
    match field {
        Field::Top => 0,
        Field::Bottom => stride,
    }
}

/// Strides as lengths; GStreamer's type allows bottom-up frames, which none of its elements makes for these formats.
fn strides(strides: &[i32]) -> Result<[usize; PLANES], FrameError> {
    let mut result = [0; PLANES];
    for (slot, &stride) in result.iter_mut().zip(strides) {
        *slot = usize::try_from(stride)
            .map_err(|_| FrameError::Layout(format!("a plane has the negative stride {stride}")))?;
    }
    Ok(result)
}

fn check(layout: &Layout, planes: [&[u8]; PLANES], strides: [usize; PLANES]) -> Result<(), FrameError> {
    for component in &layout.components {
        let (plane, stride) = (planes[component.plane], strides[component.plane]);
        let (row, length) = (component.row(), plane.len());
        // A stride is whatever the one who made the buffer wrote.
        let needed = (component.rows - 1).saturating_mul(stride).saturating_add(row);
        if row > stride || needed > length {
            return Err(FrameError::Layout(format!(
                "plane {} of a {}×{} frame holds {length} bytes with stride {stride}, but {needed} bytes in rows of {row} are needed",
                component.plane, layout.width, layout.height
            )));
        }
        if stride % component.bytes != 0 || plane.as_ptr().addr() % component.bytes != 0 {
            return Err(FrameError::Layout(format!(
                "samples of {} bytes in plane {} (stride {stride}) lie across the words of memory",
                component.bytes, component.plane
            )));
        }
    }
    Ok(())
}
