// SPDX-License-Identifier: MIT OR Apache-2.0
//! The similarity transform (rotation, uniform scale, shift) and its least-squares fit.

use crate::error::DetectError;
use crate::face::Point;
use crate::template::template;

/// `x' = a·x − b·y + tx`, `y' = b·x + a·y + ty`: a rotation with uniform scale and a shift. A
/// mirror image cannot be expressed, so no fit can turn a face inside out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Scale times the cosine of the angle.
    pub a: f64,
    /// Scale times the sine of the angle.
    pub b: f64,
    /// Shift rightwards.
    pub tx: f64,
    /// Shift downwards.
    pub ty: f64,
}

impl Similarity {
    /// The similarity that carries `from` onto `to` with the least sum of squared distances.
    ///
    /// Closed form: with both sets centred, `a = Σ(x·u + y·v) / Σ(x² + y²)` and
    /// `b = Σ(x·v − y·u) / Σ(x² + y²)`, the solution of the normal equations (Umeyama 1991 gives
    /// the same minimum wherever that one needs no reflection).
    ///
    /// # Errors
    /// [`DetectError::Degenerate`] when the sets differ in length, hold fewer than two points or a
    /// value that is not finite, when all points of `from` coincide, or when the best fit
    /// shrinks everything to one point.
    pub fn fit(from: &[Point], to: &[Point]) -> Result<Self, DetectError> {
        let degenerate = |reason: String| Err(DetectError::Degenerate { reason });
        if from.len() != to.len() || from.len() < 2 {
            return degenerate(format!(
                "{} points cannot be fitted to {}: two equally long sets of at least 2 are needed",
                from.len(),
                to.len()
            ));
        }
        if let Some(point) = from.iter().chain(to).find(|point| !(point.x.is_finite() && point.y.is_finite()))
        {
            return degenerate(format!("point ({}, {}) is not finite", point.x, point.y));
        }
        let (from_mean, to_mean) = (centroid(from), centroid(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (source, target) in from.iter().zip(to) {
            let (x, y) = (f64::from(source.x) - from_mean.0, f64::from(source.y) - from_mean.1);
            let (u, v) = (f64::from(target.x) - to_mean.0, f64::from(target.y) - to_mean.1);
            dot += x * u + y * v;
            cross += x * v - y * u;
            spread += x * x + y * y;
        }
        // Landmarks carry about 1e-7 of relative precision; a spread below this is rounding.
        if spread < 1e-6 {
            return degenerate("all source points coincide".to_owned());
        }
        let (a, b) = (dot / spread, cross / spread);
        let fitted = Self {
            a,
            b,
            tx: to_mean.0 - a * from_mean.0 + b * from_mean.1,
            ty: to_mean.1 - b * from_mean.0 - a * from_mean.1,
        };
        if fitted.scale() < 1e-9 {
            return degenerate(
                "the best fit shrinks all points to one (targets coincide or are a mirror image)".to_owned(),
            );
        }
        Ok(fitted)
    }

    /// Where `point` goes.
    #[must_use]
    pub fn apply(&self, point: Point) -> Point {
        let (x, y) = self.apply_f64(f64::from(point.x), f64::from(point.y));
        Point { x: x as f32, y: y as f32 }
    }

    pub(crate) fn apply_f64(&self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x - self.b * y + self.tx, self.b * x + self.a * y + self.ty)
    }

    /// The transform back. Only a transform of scale 0 has none; [`fit`](Self::fit) never gives
    /// such a one, and for a hand-made one the result is not finite.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let squared = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / squared, -self.b / squared);
        Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) }
    }

    /// How many target pixels a source pixel becomes; above 1 the transform enlarges.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// Rotation in radians, −π to π; positive turns x towards y (clockwise on a screen).
    #[must_use]
    pub fn angle(&self) -> f64 {
        self.b.atan2(self.a)
    }

    /// This transform followed by a shift of its result.
    #[must_use]
    pub fn translated(&self, dx: f64, dy: f64) -> Self {
        Self { tx: self.tx + dx, ty: self.ty + dy, ..*self }
    }

    /// The same transform for points counted from (`x`, `y`) instead of the origin.
    pub(crate) fn with_origin(&self, x: i32, y: i32) -> Self {
        let (tx, ty) = self.apply_f64(f64::from(x), f64::from(y));
        Self { tx, ty, ..*self }
    }

    /// Refuses transforms that cannot be undone: scale 0 or a value that is not finite.
    pub(crate) fn check(&self) -> Result<(), DetectError> {
        let inverse = self.inverse();
        let values = [self.a, self.b, self.tx, self.ty, inverse.a, inverse.b, inverse.tx, inverse.ty];
        if values.iter().all(|value| value.is_finite()) && self.scale() > 1e-9 {
            return Ok(());
        }
        Err(DetectError::Degenerate { reason: format!("{self:?} has no inverse") })
    }
}

/// The similarity that carries a face's landmarks onto the FFHQ [`template()`] of that crop size.
///
/// # Errors
/// [`DetectError::Degenerate`] as for [`Similarity::fit`].
pub fn face_to_crop(landmarks: &[Point; 5], crop_size: u32) -> Result<Similarity, DetectError> {
    Similarity::fit(landmarks, &template(crop_size))
}

fn centroid(points: &[Point]) -> (f64, f64) {
    let count = points.len() as f64;
    let sum =
        points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + f64::from(point.x), sum.1 + f64::from(point.y)));
    (sum.0 / count, sum.1 / count)
}
