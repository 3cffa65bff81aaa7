// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Fréchet distance between two sets of pictures (FID when the features are Inception's; Heusel et al. 2017).

use tch::{Kind, Tensor};

use super::error::MetricError;

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
        let features = features.f_to_kind(Kind::Double)?;
        let count = features.size().first().copied().unwrap_or(0);
        if count < 2 {
            return Err(MetricError::TooFew { measure: "the Fréchet distance", count, least: 2 });
        }
        let mean = features.f_mean_dim(0, false, Kind::Double)?;
        let centred = features.f_sub(&mean)?;
        let covariance = centred.f_tr()?.f_matmul(&centred)?.f_div_scalar((count - 1) as f64)?;
        Ok(Self { mean, covariance })
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
