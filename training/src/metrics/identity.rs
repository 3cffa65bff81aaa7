// SPDX-License-Identifier: MIT OR Apache-2.0
//! How alike are embeddings of faces? Cosine and Euclidean distance, pair by pair.

use tch::{Kind, Tensor};

use super::error::MetricError;

/// Cosine of the angle between row i of `left` and row i of `right`, both `[N, D]`: 1 for the same direction.
///
/// # Errors
/// [`MetricError::Torch`] when the shapes differ.
pub fn cosines(left: &Tensor, right: &Tensor) -> Result<Vec<f64>, MetricError> {
    let (left, right) = (left.f_to_kind(Kind::Double)?, right.f_to_kind(Kind::Double)?);
    Ok(Vec::try_from(&Tensor::f_cosine_similarity(&left, &right, 1, 1e-12)?)?)
}

/// Euclidean distance between row i of `left` and row i of `right`, both `[N, D]`: 0 for the same embedding.
///
/// # Errors
/// [`MetricError::Torch`] when the shapes differ.
pub fn distances(left: &Tensor, right: &Tensor) -> Result<Vec<f64>, MetricError> {
    let difference = left.f_to_kind(Kind::Double)?.f_sub(&right.f_to_kind(Kind::Double)?)?;
    Ok(Vec::try_from(&difference.f_square()?.f_sum_dim_intlist(1, false, Kind::Double)?.f_sqrt()?)?)
}
