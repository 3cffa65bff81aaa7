// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures of sets by nearest neighbours: precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al.
//! 2020). Are generated pictures realistic, and do they cover all that is real?

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::error::MetricError;

/// k of [`precision_recall`], that of its paper.
pub const NEIGHBOURS: i64 = 3;

/// Features of the one set and of the other whose distances are held in memory at once.
const ROWS: i64 = 1024;
const COLUMNS: i64 = 4096;

/// Squared distances come from a product of matrices, |x|² + |y|² - 2 x·y, which is many times as fast as differences and rounds
/// by some 10⁻¹⁵ of |x|² + |y|². A picture counts as within a ball when it is outside by less than this share of them, so that
/// one on its surface (as in a set compared with itself) is within it however it is rounded.
const SLACK: f64 = 1e-12;

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
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let figures = neighbour_figures(generated, real, NEIGHBOURS)?;
    Ok(PrecisionRecall { precision: mean(&figures.precision), recall: mean(&figures.recall) })
}

/// What each picture adds to the measures; the measures are the means.
///
/// The ball of a picture reaches to its k-th nearest neighbour in its own set, itself not counted.
#[derive(Debug, Clone, PartialEq)]
pub struct NeighbourFigures {
    /// Of each generated picture: 1 within the ball of any real one, else 0.
    pub precision: Vec<f64>,
    /// Of each real picture: 1 within the ball of any generated one, else 0.
    pub recall: Vec<f64>,
    /// Of each generated picture: the number of real ones whose balls hold it, over k. The mean is 1 for a set of the same kind,
    /// and may be more.
    pub density: Vec<f64>,
    /// Of each real picture: 1 when its ball holds any generated one, else 0.
    pub coverage: Vec<f64>,
}

/// The figures of `generated` against `real`, features `[N, D]` each, by the `k` nearest neighbours. Distances are computed block
/// by block in float64, so that beside the features some tens of megabytes are needed.
///
/// # Errors
/// [`MetricError::TooFew`] when a set has no more than `k` pictures, [`MetricError::Torch`] when the features have different
/// lengths.
pub fn neighbour_figures(generated: &Tensor, real: &Tensor, k: i64) -> Result<NeighbourFigures, MetricError> {
    let (generated_balls, real_balls) = (squared_radii(generated, k)?, squared_radii(real, k)?);
    let (generated_count, real_count) = (generated.size()[0], real.size()[0]);
    let balls = Tensor::f_zeros([generated_count], (Kind::Double, Device::Cpu))?;
    let [recall, coverage] = [0; 2].map(|_| Tensor::f_zeros([real_count], (Kind::Bool, Device::Cpu)));
    let (recall, coverage) = (recall?, coverage?);
    for row in (0..generated_count).step_by(ROWS as usize) {
        let rows = ROWS.min(generated_count - row);
        let left = Block::of(generated, row, rows)?;
        let left_balls = generated_balls.f_narrow(0, row, rows)?.f_unsqueeze(1)?;
        for column in (0..real_count).step_by(COLUMNS as usize) {
            let columns = COLUMNS.min(real_count - column);
            let distances = left.squared_distances(&Block::of(real, column, columns)?, SLACK)?;
            let in_real = distances.f_le_tensor(&real_balls.f_narrow(0, column, columns)?)?;
            let in_generated = distances.f_le_tensor(&left_balls)?;
            // Views: what is done to them is done to the whole.
            let held = in_real.f_sum_dim_intlist(1, false, Kind::Double)?;
            let _ = balls.f_narrow(0, row, rows)?.f_add_(&held)?;
            let any = |of: &Tensor| of.f_any_dim(0, false);
            let _ = coverage.f_narrow(0, column, columns)?.f_logical_or_(&any(&in_real)?)?;
            let _ = recall.f_narrow(0, column, columns)?.f_logical_or_(&any(&in_generated)?)?;
        }
    }
    let numbers = |values: &Tensor| Vec::<f64>::try_from(&values.f_to_kind(Kind::Double)?);
    Ok(NeighbourFigures {
        precision: numbers(&balls.f_gt(0.0)?)?,
        recall: numbers(&recall)?,
        density: numbers(&balls.f_div_scalar(k as f64)?)?,
        coverage: numbers(&coverage)?,
    })
}

/// Squared distance of each member of `set` to its `k`-th nearest neighbour in it, `[N]` float64.
fn squared_radii(set: &Tensor, k: i64) -> Result<Tensor, MetricError> {
    let count = set.size().first().copied().unwrap_or(0);
    if count <= k {
        return Err(MetricError::TooFew { measure: "a measure by nearest neighbours", count, least: k + 1 });
    }
    let mut radii = Vec::new();
    for row in (0..count).step_by(ROWS as usize) {
        let left = Block::of(set, row, ROWS.min(count - row))?;
        let mut nearest: Option<Tensor> = None;
        for column in (0..count).step_by(COLUMNS as usize) {
            let right = Block::of(set, column, COLUMNS.min(count - column))?;
            let mut distances = left.squared_distances(&right, 0.0)?;
            if let Some(nearest) = &nearest {
                distances = Tensor::f_cat(&[nearest, &distances], 1)?;
            }
            // One more than k: the nearest is the picture itself.
            let kept = (k + 1).min(distances.size()[1]);
            nearest = Some(distances.f_topk(kept, 1, false, true)?.0);
        }
        // There is a column, since there are more than k members.
        radii.extend(nearest.map(|nearest| nearest.f_select(1, k)).transpose()?);
    }
    Ok(Tensor::f_cat(&radii, 0)?)
}

/// Some features of a set, `[n, D]` float64, and their squared lengths `[n]`.
struct Block {
    features: Tensor,
    squares: Tensor,
}

impl Block {
    fn of(set: &Tensor, start: i64, count: i64) -> Result<Self, MetricError> {
        let features = set.f_narrow(0, start, count)?.f_to_kind(Kind::Double)?;
        let squares = features.f_square()?.f_sum_dim_intlist(1, false, Kind::Double)?;
        Ok(Self { features, squares })
    }

    /// Squared distances of these to `other`, `[n, m]`, made smaller by `slack` of the sum of the squared lengths.
    fn squared_distances(&self, other: &Self, slack: f64) -> Result<Tensor, MetricError> {
        let sums = self.squares.f_unsqueeze(1)?.f_add(&other.squares)?.f_mul_scalar(1.0 - slack)?;
        let products = self.features.f_matmul(&other.features.f_tr()?)?.f_mul_scalar(2.0)?;
        Ok(sums.f_sub(&products)?)
    }
}
