// SPDX-License-Identifier: MIT OR Apache-2.0
//! Precision and recall of a set of generated pictures (Kynkäänniemi et al. 2019): are they realistic, and do they
//! cover all that is real?

use serde::Serialize;
use tch::{Kind, Tensor};

use super::error::MetricError;

/// k: a set's manifold is the union of the balls that reach from each picture to its k-th nearest neighbour.
pub const NEIGHBOURS: i64 = 3;

/// Pictures whose distances to all others are held in memory at once.
const ROWS: i64 = 1024;

/// Shares of two sets that lie in each other's manifold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PrecisionRecall {
    /// Share of the generated pictures within the manifold of the real ones, 0 to 1.
    pub precision: f64,
    /// Share of the real pictures within the manifold of the generated ones, 0 to 1.
    pub recall: f64,
}

/// Precision and recall of `generated` against `real`, features `[N, D]` each, with k = 3.
///
/// # Errors
/// [`MetricError::TooFew`] when a set has less than four pictures, [`MetricError::Torch`] when the features have
/// different lengths.
pub fn precision_recall(generated: &Tensor, real: &Tensor) -> Result<PrecisionRecall, MetricError> {
    let (generated, real) = (generated.f_to_kind(Kind::Double)?, real.f_to_kind(Kind::Double)?);
    Ok(PrecisionRecall {
        precision: share_within(&generated, &real)?,
        recall: share_within(&real, &generated)?,
    })
}

/// The share of `features` that lies in the manifold of `set`.
fn share_within(features: &Tensor, set: &Tensor) -> Result<f64, MetricError> {
    let radii = radii(set)?;
    let mut within = 0;
    for rows in features.f_split(ROWS, 0)? {
        let inside = distances(&rows, set)?.f_le_tensor(&radii)?.f_any_dim(1, false)?;
        within += i64::try_from(inside.f_sum(Kind::Int64)?)?;
    }
    Ok(within as f64 / features.size()[0] as f64)
}

/// Distance of each member of `set` to its k-th nearest neighbour in it.
fn radii(set: &Tensor) -> Result<Tensor, MetricError> {
    let count = set.size()[0];
    if count <= NEIGHBOURS {
        return Err(MetricError::TooFew { measure: "precision and recall", count, least: NEIGHBOURS + 1 });
    }
    let mut radii = Vec::new();
    for rows in set.f_split(ROWS, 0)? {
        // The nearest is the picture itself.
        radii.push(distances(&rows, set)?.f_kthvalue(NEIGHBOURS + 1, 1, false)?.0);
    }
    Ok(Tensor::f_cat(&radii, 0)?)
}

fn distances(left: &Tensor, right: &Tensor) -> Result<Tensor, MetricError> {
    // 2: by differences. The faster way, by a product of matrices, rounds small distances to nothing.
    Ok(Tensor::f_cdist(left, right, 2.0, 2)?)
}
