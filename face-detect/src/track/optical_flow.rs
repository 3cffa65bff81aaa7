// SPDX-License-Identifier: MIT OR Apache-2.0
//! How faces move from one picture to the next: sparse optical flow (pyramidal Lucas–Kanade), and per face
//! the similarity that most of its points agree on.

use opencv::calib3d::{RANSAC, estimate_affine_partial_2d};
use opencv::core::{
    BORDER_CONSTANT, BORDER_ISOLATED, BORDER_REFLECT_101, Mat, Point2f, Rect, Size, TermCriteria,
    TermCriteria_COUNT, TermCriteria_EPS, Vector,
};
use opencv::prelude::*;
use opencv::video::{build_optical_flow_pyramid, calc_optical_flow_pyr_lk};

use crate::error::DetectError;
use crate::face::{BoundingBox, Face};
use crate::similarity::{Similarity, face_to_crop};

/// What is looked at around faces: the window on the coarsest level, and as much again for motion.
const SURROUNDINGS: f32 = 128.0;
/// The part of the picture in which faces are followed begins and ends at multiples of this, so that it stays the same from frame to
/// frame and the levels of its pyramid lie where those of the whole picture do.
const STEP: i32 = 64;
/// Points a side of the grid that is followed on each face.
const GRID: usize = 6;
/// Window in which a point is recognised, pixels of the small picture.
const WINDOW: i32 = 15;
/// Levels of the pyramid above the picture; with the window that is enough for about 50 pixels a frame.
const LEVELS: i32 = 3;
/// Least eigenvalue of a point's gradients: flatter ones are not followed.
const LEAST_EIGENVALUE: f64 = 1e-4;
/// How far a point may miss its start when it is followed forth and back, and how far it may move away from the
/// face's similarity, as a share of the face's size. Talking and blinking move points farther.
const TOLERANCE: f32 = 0.02;
/// The least such distance in pixels, for small faces.
const LEAST_TOLERANCE: f32 = 0.5;
/// Share of the points followed on a face that must agree on its motion.
const LEAST_AGREEMENT: f32 = 0.5;
/// How many points must agree at least.
const LEAST_POINTS: usize = 8;
/// Largest change of a face's size from frame to frame.
const LARGEST_ZOOM: f64 = 1.4;
/// How far from the picture a landmark of a face that it shows can be, as a share of its longer side. A close-up's chin or brow
/// lies outside of it, at most about a face's height away.
const FURTHEST: f32 = 2.0;
/// Largest turn of a face from frame to frame, radians.
const LARGEST_TURN: f64 = 0.6;

/// A grey picture (`CV_8UC1`) and its pyramid, which is built once, when it is needed first.
pub(super) struct FlowPicture {
    grey: Mat,
    /// The part that the pyramid is of.
    part: Rect,
    /// Image and derivatives of each level in turn; empty before it is needed.
    pyramid: Vector<Mat>,
}

impl FlowPicture {
    pub(super) fn new(grey: Mat) -> Self {
        Self { grey, part: Rect::default(), pyramid: Vector::new() }
    }

    pub(super) fn grey(&self) -> &Mat {
        &self.grey
    }

    /// Whether the other picture has the same size.
    pub(super) fn fits(&self, other: &Self) -> bool {
        (self.grey.rows(), self.grey.cols()) == (other.grey.rows(), other.grey.cols())
    }

    /// Whether the face is one, and in the picture at least in part. Its landmarks may lie beyond the picture, but by no more than
    /// [`FURTHEST`] of it: those that somebody upstream invents could else ask for a filter as wide as a thousand pictures.
    pub(super) fn shows(&self, face: &Face) -> bool {
        let (width, height) = (self.grey.cols() as f32, self.grey.rows() as f32);
        let whole = BoundingBox { x: -0.5, y: -0.5, width, height };
        let reach = FURTHEST * width.max(height);
        let near = |value: f32, length: f32| (-reach..=length + reach).contains(&value);
        let BoundingBox { x, y, width: across, height: down } = face.bbox;
        let finite = [x, y, across, down, face.bbox.area()].iter().all(|value| value.is_finite());
        let mut landmarks = face.landmarks.iter();
        finite
            && face.bbox.coverage(&whole) > 0.0
            && landmarks.all(|point| near(point.x, width) && near(point.y, height))
            && face_to_crop(&face.landmarks, 1).is_ok()
    }

    /// The part of the picture that holds `faces` and what they may move to within a frame.
    fn part_of(&self, faces: &[Face]) -> Rect {
        let (columns, rows) = (self.grey.cols(), self.grey.rows());
        let edges = |low: fn(&BoundingBox) -> f32, high: fn(&BoundingBox) -> f32, length: i32| {
            let low = faces.iter().map(|face| low(&face.bbox)).fold(f32::INFINITY, f32::min);
            let high = faces.iter().map(|face| high(&face.bbox)).fold(f32::NEG_INFINITY, f32::max);
            let start = ((low - SURROUNDINGS) as i32).clamp(0, length - 1) / STEP * STEP;
            let end = ((high + SURROUNDINGS) as i32).clamp(start, length - 1) / STEP * STEP + STEP;
            (start, end.min(length) - start)
        };
        let (x, width) = edges(|bbox| bbox.x, |bbox| bbox.x + bbox.width, columns);
        let (y, height) = edges(|bbox| bbox.y, |bbox| bbox.y + bbox.height, rows);
        Rect::new(x, y, width, height)
    }

    fn pyramid(&mut self, part: Rect) -> opencv::Result<&Vector<Mat>> {
        if self.pyramid.is_empty() || self.part != part {
            let window = Size::new(WINDOW, WINDOW);
            let (image_border, derivative_border) =
                (BORDER_REFLECT_101 | BORDER_ISOLATED, BORDER_CONSTANT | BORDER_ISOLATED);
            self.part = part;
            self.pyramid.clear();
            build_optical_flow_pyramid(
                &Mat::roi(&self.grey, part)?,
                &mut self.pyramid,
                window,
                LEVELS,
                true,
                image_border,
                derivative_border,
                // A part is no picture whose borders could be used.
                false,
            )?;
        }
        Ok(&self.pyramid)
    }
}

/// The motion of each face from `before` to `after`, in pixels of these pictures; `None` where too few points
/// could be followed or they do not agree.
pub(super) fn follow(
    before: &mut FlowPicture,
    after: &mut FlowPicture,
    faces: &[Face],
) -> Result<Vec<Option<Similarity>>, DetectError> {
    if faces.is_empty() {
        return Ok(Vec::new());
    }
    let at = || DetectError::at("following faces by optical flow");
    let size = before.grey.size().map_err(at())?;
    let part = before.part_of(faces);
    let corner = Point2f::new(part.x as f32, part.y as f32);
    let starts: Vector<Point2f> =
        faces.iter().flat_map(|face| grid(&face.bbox)).map(|point| point - corner).collect();
    let (before, after) = (before.pyramid(part).map_err(at())?, after.pyramid(part).map_err(at())?);
    let (ends, forth) = lucas_kanade(before, after, &starts).map_err(at())?;
    let (returns, back) = lucas_kanade(after, before, &ends).map_err(at())?;

    let mut motions = Vec::with_capacity(faces.len());
    for (index, face) in faces.iter().enumerate() {
        let tolerance = (TOLERANCE * face.bbox.longer_side()).max(LEAST_TOLERANCE);
        let mut followed = Followed::default();
        for point in index * GRID * GRID..(index + 1) * GRID * GRID {
            let start = starts.get(point).map_err(at())?;
            // Flat skin holds no point to follow; that speaks neither for nor against the others.
            if !within(start + corner, size) || forth.get(point).map_err(at())? == 0 {
                continue;
            }
            followed.tried += 1;
            let missed = returns.get(point).map_err(at())? - start;
            if back.get(point).map_err(at())? == 1 && missed.x.hypot(missed.y) <= tolerance {
                followed.from.push(start + corner);
                followed.to.push(ends.get(point).map_err(at())? + corner);
            }
        }
        motions.push(followed.motion(tolerance).map_err(at())?);
    }
    Ok(motions)
}

/// A grid over the inner part of a face's box, where there is face and no background.
fn grid(bbox: &BoundingBox) -> impl Iterator<Item = Point2f> {
    let bbox = *bbox;
    let share = |index: usize| 0.15 + 0.7 * index as f32 / (GRID - 1) as f32;
    (0..GRID * GRID).map(move |index| {
        let (column, row) = (share(index % GRID), share(index / GRID));
        Point2f::new(bbox.x + bbox.width * column, bbox.y + bbox.height * row)
    })
}

fn within(point: Point2f, size: Size) -> bool {
    point.x >= 0.0 && point.y >= 0.0 && point.x < size.width as f32 && point.y < size.height as f32
}

/// Where the points of `before` are in `after`, and for each whether (1) or not (0) that was found out.
fn lucas_kanade(
    before: &Vector<Mat>,
    after: &Vector<Mat>,
    points: &Vector<Point2f>,
) -> opencv::Result<(Vector<Point2f>, Vector<u8>)> {
    let mut ends = Vector::<Point2f>::new();
    let mut found = Vector::<u8>::new();
    let mut errors = Vector::<f32>::new();
    calc_optical_flow_pyr_lk(
        before,
        after,
        points,
        &mut ends,
        &mut found,
        &mut errors,
        Size::new(WINDOW, WINDOW),
        LEVELS,
        TermCriteria::new(TermCriteria_COUNT + TermCriteria_EPS, 20, 0.01)?,
        0,
        LEAST_EIGENVALUE,
    )?;
    Ok((ends, found))
}

/// The points of one face that were followed forth and back.
#[derive(Default)]
struct Followed {
    from: Vector<Point2f>,
    to: Vector<Point2f>,
    /// Points that were tried, these and those that did not come back.
    tried: usize,
}

impl Followed {
    /// The similarity that most points agree on. OpenCV's RANSAC draws from a generator of fixed seed, so the
    /// same points give the same motion.
    fn motion(&self, tolerance: f32) -> opencv::Result<Option<Similarity>> {
        let least = LEAST_POINTS.max((LEAST_AGREEMENT * self.tried as f32).ceil() as usize);
        if self.from.len() < least {
            return Ok(None);
        }
        let mut agreeing = Vector::<u8>::new();
        let matrix = estimate_affine_partial_2d(
            &self.from,
            &self.to,
            &mut agreeing,
            RANSAC,
            f64::from(tolerance),
            200,
            0.995,
            10,
        )?;
        let agreement = agreeing.iter().filter(|&inlier| inlier == 1).count();
        if matrix.empty() || agreement < least {
            return Ok(None);
        }
        let value = |row, column| matrix.at_2d::<f64>(row, column).copied();
        let motion = Similarity { a: value(0, 0)?, b: value(1, 0)?, tx: value(0, 2)?, ty: value(1, 2)? };
        let scale = motion.scale();
        let plausible = motion.check().is_ok()
            && (1.0 / LARGEST_ZOOM..LARGEST_ZOOM).contains(&scale)
            && motion.angle().abs() < LARGEST_TURN;
        Ok(plausible.then_some(motion))
    }
}
