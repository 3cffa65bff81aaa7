// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element between the two ends of a harness.

use gst::glib;
use gst::prelude::*;
use gst_check::Harness;

use crate::Frame;

/// From a frame to the next.
pub const FRAME_TIME: gst::ClockTime = gst::ClockTime::from_mseconds(40);

/// The element with the shipped files on the CPU, fed by hand.
pub struct Rig {
    /// Its two ends.
    pub harness: Harness,
    /// The element.
    pub element: gst::Element,
    /// What it posts.
    pub bus: gst::Bus,
    caps: Option<gst::Caps>,
    frames: u64,
}

impl Rig {
    /// With these properties set; `model` and `device` among them replace the shipped model and the CPU.
    #[must_use]
    pub fn new(properties: &[(&str, &dyn ToValue)]) -> Self {
        Self::of(crate::element(properties))
    }

    /// The same for frames that have nothing to do with each other: each is searched and restored as if it were alone.
    #[must_use]
    pub fn frame_by_frame(properties: &[(&str, &dyn ToValue)]) -> Self {
        let alone: [(&str, &dyn ToValue); 3] =
            [("temporal", &0.0), ("detection-interval", &1_u32), ("max-reuse", &0_u32)];
        Self::new(&[&alone, properties].concat())
    }

    /// Of an element with its properties set, which starts to play.
    #[must_use]
    pub fn of(element: gst::Element) -> Self {
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let harness = Harness::with_element(&element, Some("sink"), Some("src"));
        assert_eq!(element.current_state(), gst::State::Playing);
        Self { harness, element, bus, caps: None, frames: 0 }
    }

    /// Sends a frame, after its caps where they are new, and returns the buffer that comes out.
    pub fn push(&mut self, frame: &Frame) -> gst::Buffer {
        let buffer = frame.buffer();
        self.push_buffer(buffer, &frame.caps())
    }

    /// Sends a frame and returns the frame that comes out.
    pub fn restore(&mut self, frame: &Frame) -> Frame {
        let output = self.push(frame);
        frame.with_bytes(bytes(&output))
    }

    /// Sends a buffer, stamped as the next frame, and returns what comes out.
    pub fn push_buffer(&mut self, mut buffer: gst::Buffer, caps: &gst::Caps) -> gst::Buffer {
        if self.caps.as_ref() != Some(caps) {
            self.harness.set_src_caps(caps.clone());
            self.caps = Some(caps.clone());
        }
        let times = buffer.make_mut();
        times.set_pts(FRAME_TIME * self.frames);
        times.set_duration(FRAME_TIME);
        self.frames += 1;
        let (pts, duration) = (buffer.pts(), buffer.duration());
        let output = self.harness.push_and_pull(buffer).unwrap();
        assert_eq!((output.pts(), output.duration()), (pts, duration), "times go through unchanged");
        output
    }

    /// Seeks back to the start, as a player does: flush, and a segment from 0.
    pub fn seek(&mut self) {
        assert!(self.harness.push_event(gst::event::FlushStart::new()));
        assert!(self.harness.push_event(gst::event::FlushStop::new(true)));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(self.harness.push_event(gst::event::Segment::new(&segment)));
        self.frames = 0;
    }

    /// A counter of the property `stats`.
    #[must_use]
    pub fn stat(&self, field: &str) -> u64 {
        self.element.property::<gst::Structure>("stats").get(field).unwrap()
    }

    /// Sets a property while playing.
    pub fn set(&self, property: &str, value: impl Into<glib::Value>) {
        self.element.set_property(property, value);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.element.set_bus(None);
    }
}

/// The bytes of a buffer.
#[must_use]
pub fn bytes(buffer: &gst::Buffer) -> Vec<u8> {
    buffer.map_readable().unwrap().to_vec()
}

/// Where a buffer's memory lies: the same address means that nothing was copied.
#[must_use]
pub fn address(buffer: &gst::BufferRef) -> usize {
    buffer.map_readable().unwrap().as_ptr() as usize
}

/// x and y of the five landmarks in the parameters of a region of interest.
///
/// # Panics
/// When they are not those of a face.
#[must_use]
pub fn landmarks(parameters: &gst::StructureRef) -> Vec<(f64, f64)> {
    let points = parameters.get::<gst::Array>("landmarks").unwrap();
    let point = |value: &glib::SendValue| {
        let point = value.get::<gst::Array>().unwrap();
        (point[0].get::<f64>().unwrap(), point[1].get::<f64>().unwrap())
    };
    points.iter().map(point).collect()
}
