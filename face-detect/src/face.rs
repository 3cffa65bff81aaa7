//! A detected face: box, landmarks, score.

/// A point in pixels; integer coordinates are pixel centres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Rightwards.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// An upright rectangle in pixels. It may reach beyond the frame when the face does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Extent rightwards.
    pub width: f32,
    /// Extent downwards.
    pub height: f32,
}

impl BoundingBox {
    /// Area in square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The longer of width and height: what "size of a face" means in this crate.
    #[must_use]
    pub fn longer_side(&self) -> f32 {
        self.width.max(self.height)
    }
}

/// A face found in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Where the face is.
    pub bbox: BoundingBox,
    /// The five points of the FFHQ [`template()`](crate::template()), in its order: the eye on the
    /// image's left (the person's right eye), the eye on the right, the nose tip, the mouth's
    /// corner on the left, the corner on the right.
    pub landmarks: [Point; 5],
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}
