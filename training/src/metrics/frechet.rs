// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Fréchet distance between two sets of pictures (FID when the features are those of TensorFlow's Inception; Heusel et
//! al. 2017).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use super::error::MetricError;
use super::mean::standard_deviation;

/// What is measured, for messages.
const MEASURE: &str = "the Fréchet distance";

/// Features that are looked at in float64 at once.
const ROWS: i64 = 4096;

/// Mean and scatter of features that come piece by piece, in float64 (Chan, Golub & LeVeque 1983): what came before is not
/// needed again, and nothing is lost to a large mean, as it is from sums of squares.
#[derive(Debug, Default)]
pub struct Moments {
    count: i64,
    /// Mean `[D]`, and Σ (x - mean) (x - mean)ᵀ `[D, D]`.
    state: Option<(Tensor, Tensor)>,
}

impl Moments {
    /// Takes in `features` `[N, D]`.
    ///
    /// # Errors
    /// [`MetricError::Torch`] when `features` has another shape or another D than those before.
    pub fn add(&mut self, features: &Tensor) -> Result<(), MetricError> {
        let features = features.f_to_kind(Kind::Double)?;
        let count = features.size().first().copied().unwrap_or(0);
        if count == 0 {
            return Ok(());
        }
        let mean = features.f_mean_dim(0, false, Kind::Double)?;
        let centred = features.f_sub(&mean)?;
        let scatter = centred.f_tr()?.f_matmul(&centred)?;
        let state = match &self.state {
            None => (mean, scatter),
            Some((before, all)) => {
                let both = (self.count + count) as f64;
                let shift = mean.f_sub(before)?;
                let weight = self.count as f64 * count as f64 / both;
                let between = shift.f_outer(&shift)?.f_mul_scalar(weight)?;
                let mean = before.f_add(&shift.f_mul_scalar(count as f64 / both)?)?;
                (mean, all.f_add(&scatter)?.f_add(&between)?)
            }
        };
        self.state = Some(state);
        self.count += count;
        Ok(())
    }

    /// Mean and covariance of all that was taken in.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] with less than two.
    pub fn gaussian(&self) -> Result<Gaussian, MetricError> {
        match &self.state {
            Some((mean, scatter)) if self.count > 1 => Ok(Gaussian {
                mean: mean.shallow_clone(),
                covariance: scatter.f_div_scalar((self.count - 1) as f64)?,
            }),
            _ => Err(MetricError::TooFew { measure: MEASURE, count: self.count, least: 2 }),
        }
    }
}

/// Mean and covariance of a set of features.
#[derive(Debug)]
pub struct Gaussian {
    /// `[D]`, float64.
    pub mean: Tensor,
    /// `[D, D]`, float64, of the sample (divided by N - 1).
    pub covariance: Tensor,
}

impl Gaussian {
    /// Of `features` `[N, D]`. With N ≤ D the covariance has no full rank, and distances come out too large.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] with less than two, [`MetricError::Torch`] when `features` has another shape.
    pub fn of(features: &Tensor) -> Result<Self, MetricError> {
        let mut moments = Moments::default();
        for rows in features.f_split(ROWS, 0)? {
            moments.add(&rows)?;
        }
        moments.gaussian()
    }

    /// Of as many rows of `features` as there are, drawn with replacement.
    fn resampled(features: &Tensor, rng: &mut ChaCha8Rng) -> Result<Self, MetricError> {
        let count = features.size().first().copied().unwrap_or(0);
        let mut rows: Vec<i64> = (0..count).map(|_| rng.random_range(0..count)).collect();
        // In the order in which they lie in memory.
        rows.sort_unstable();
        let mut moments = Moments::default();
        for rows in rows.chunks(ROWS as usize) {
            moments.add(&features.f_index_select(0, &Tensor::f_from_slice(rows)?)?)?;
        }
        moments.gaussian()
    }
}

/// |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½), Dowson & Landau 1982.
///
/// Σ₁ Σ₂ is similar to the symmetric Σ₁^½ Σ₂ Σ₁^½, so the trace of its root is the sum of the roots of that one's
/// eigenvalues, and no root of an unsymmetric matrix is taken.
///
/// # Errors
/// [`MetricError::Torch`] when the features have different lengths.
pub fn frechet_distance(left: &Gaussian, right: &Gaussian) -> Result<f64, MetricError> {
    let between = f64::try_from(left.mean.f_sub(&right.mean)?.f_square()?.f_sum(Kind::Double)?)?;
    let (values, vectors) = left.covariance.f_linalg_eigh("L")?;
    // Rounding makes eigenvalues that are 0 slightly negative.
    let root = vectors.f_mul(&values.f_clamp_min(0.0)?.f_sqrt()?)?;
    let product = root.f_tr()?.f_matmul(&right.covariance)?.f_matmul(&root)?;
    let roots = product.f_linalg_eigvalsh("L")?.f_clamp_min(0.0)?.f_sqrt()?;
    let traces = left.covariance.f_trace()?.f_add(&right.covariance.f_trace()?)?;
    let spread = f64::try_from(traces.f_sub(&roots.f_sum(Kind::Double)?.f_mul_scalar(2.0)?)?)?;
    Ok((between + spread).max(0.0))
}

/// The standard error of the Fréchet distance between `left` and `right`, features `[N, D]` each: the standard deviation of the
/// distances of `resamples` pairs of sets, each as large as the original and drawn from it with replacement (from fixed seeds,
/// so the same features always give the same figure).
///
/// No percentiles of those distances: a set drawn with replacement has fewer different pictures, and the distance of fewer
/// pictures is larger, so all of them would lie above the distance itself.
///
/// # Errors
/// [`MetricError::TooFew`] with less than two resamples or features, [`MetricError::Torch`] as [`frechet_distance`].
pub fn frechet_standard_error(left: &Tensor, right: &Tensor, resamples: usize) -> Result<f64, MetricError> {
    let distances = (0..resamples as u64).map(|seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        frechet_distance(&Gaussian::resampled(left, &mut rng)?, &Gaussian::resampled(right, &mut rng)?)
    });
    let distances = distances.collect::<Result<Vec<f64>, MetricError>>()?;
    standard_deviation(&distances).ok_or(MetricError::TooFewResamples(resamples))
}
