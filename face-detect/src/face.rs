// SPDX-License-Identifier: MIT OR Apache-2.0
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

    pub(crate) fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// The rectangle of that size around `centre`.
    pub(crate) fn around(centre: Point, width: f32, height: f32) -> Self {
        Self { x: centre.x - width / 2.0, y: centre.y - height / 2.0, width, height }
    }

    /// Intersection over union with `other`, 0 to 1.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let shared = self.shared_area(other);
        share(shared, self.area() + other.area() - shared)
    }

    /// The share of the smaller of both rectangles that the other one covers, 0 to 1.
    pub(crate) fn coverage(&self, other: &Self) -> f32 {
        share(self.shared_area(other), self.area().min(other.area()))
    }

    fn shared_area(&self, other: &Self) -> f32 {
        let extent = |start: f32, length: f32, other_start: f32, other_length: f32| {
            ((start + length).min(other_start + other_length) - start.max(other_start)).max(0.0)
        };
        extent(self.x, self.width, other.x, other.width) * extent(self.y, self.height, other.y, other.height)
    }
}

fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
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

impl Face {
    /// The same face in a copy of its picture whose width and height are so many times as large. Pixel centres
    /// are integers in both, so the pictures' outer edges (−0.5) coincide, as `cv::resize` has it.
    pub(crate) fn resized(&self, horizontal: f32, vertical: f32) -> Self {
        let x = |value: f32| (value + 0.5) * horizontal - 0.5;
        let y = |value: f32| (value + 0.5) * vertical - 0.5;
        Self {
            bbox: BoundingBox {
                x: x(self.bbox.x),
                y: y(self.bbox.y),
                width: self.bbox.width * horizontal,
                height: self.bbox.height * vertical,
            },
            landmarks: self.landmarks.map(|point| Point { x: x(point.x), y: y(point.y) }),
            score: self.score,
        }
    }

    /// The same face so many pixels farther right and down.
    pub(crate) fn shifted(&self, right: f32, down: f32) -> Self {
        let bbox = self.bbox;
        Self {
            bbox: BoundingBox { x: bbox.x + right, y: bbox.y + down, ..bbox },
            landmarks: self.landmarks.map(|point| Point { x: point.x + right, y: point.y + down }),
            score: self.score,
        }
    }
}

/// Leaves the `most` largest of the faces, the largest first.
pub fn keep_largest(faces: &mut Vec<Face>, most: usize) {
    faces.sort_by(|a, b| b.bbox.area().total_cmp(&a.bbox.area()));
    faces.truncate(most);
}

/// A find that shares more than this of the smaller box with a known face is that face, or a part of it.
const KNOWN: f32 = 0.5;

/// Adds those of `found` that are not among `faces`, the surest first.
pub fn add_unknown(faces: &mut Vec<Face>, mut found: Vec<Face>) {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    for face in found {
        if faces.iter().all(|known| known.bbox.coverage(&face.bbox) <= KNOWN) {
            faces.push(face);
        }
    }
}
