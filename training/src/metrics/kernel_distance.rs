// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel distance between two sets of pictures (KID when the features are those of TensorFlow's Inception; Bińkowski et
//! al. 2018): the squared maximum mean discrepancy under a polynomial kernel.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::error::MetricError;
use super::mean::standard_deviation;

/// What is measured, for messages.
const MEASURE: &str = "the kernel distance";

/// Pictures of each set in a block, where there are enough for [`LEAST_BLOCKS`] of them.
const BLOCK: i64 = 1000;

/// Blocks that there are at least, for a standard error that means something.
const LEAST_BLOCKS: i64 = 10;

/// The kernel distance of two sets, from disjoint blocks of both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KernelDistance {
    /// The mean over the blocks. It is unbiased, so it is negative about as often as positive when both sets are of one kind.
    pub mean: f64,
    /// Its standard error: the blocks share no picture, so it is their standard deviation over √blocks.
    pub standard_error: f64,
    /// Number of blocks.
    pub blocks: usize,
    /// Pictures of each set in a block.
    pub block_size: usize,
}

impl KernelDistance {
    /// Between `left` and `right`, features `[N, D]` each. Both are shuffled (by fixed seeds) and cut into blocks of 1000, or of
    /// a tenth of the smaller set where that is less; what remains of the larger set is not looked at.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] when a set has less than 20 pictures, [`MetricError::Torch`] when the features have different
    /// lengths.
    pub fn of(left: &Tensor, right: &Tensor) -> Result<Self, MetricError> {
        let rows = |features: &Tensor| features.size().first().copied().unwrap_or(0);
        let count = rows(left).min(rows(right));
        let size = BLOCK.min(count / LEAST_BLOCKS);
        if size < 2 {
            return Err(MetricError::TooFew { measure: MEASURE, count, least: 2 * LEAST_BLOCKS });
        }
        // Different seeds: two sets of the same order would otherwise be compared picture by picture.
        let orders = [shuffled(rows(left), 0), shuffled(rows(right), 1)];
        let [lefts, rights] = orders.each_ref().map(|order| order.chunks_exact(size as usize));
        let distances = lefts.zip(rights).map(|(left_rows, right_rows)| {
            let left = left.f_index_select(0, &Tensor::f_from_slice(left_rows)?)?;
            squared_mmd(&left, &right.f_index_select(0, &Tensor::f_from_slice(right_rows)?)?)
        });
        let distances = distances.collect::<Result<Vec<f64>, MetricError>>()?;
        let blocks = distances.len();
        let too_few = MetricError::TooFew { measure: MEASURE, count, least: 2 * LEAST_BLOCKS };
        let deviation = standard_deviation(&distances).ok_or(too_few)?;
        Ok(Self {
            mean: distances.iter().sum::<f64>() / blocks as f64,
            standard_error: deviation / (blocks as f64).sqrt(),
            blocks,
            block_size: size as usize,
        })
    }
}

/// The numbers below `count` in an order that `seed` gives.
fn shuffled(count: i64, seed: u64) -> Vec<i64> {
    let mut order: Vec<i64> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// The unbiased estimate of the squared maximum mean discrepancy of `left` `[M, D]` and `right` `[N, D]` (Gretton et al. 2012,
/// Eq. 3) under k(x, y) = (x·y / D + 1)³, in float64:
///
/// Σ_{i≠j} k(xᵢ, xⱼ) / M(M-1) + Σ_{i≠j} k(yᵢ, yⱼ) / N(N-1) - 2 Σ_{i,j} k(xᵢ, yⱼ) / MN
///
/// # Errors
/// [`MetricError::TooFew`] when a set has less than two pictures, [`MetricError::Torch`] when the features have different
/// lengths.
pub fn squared_mmd(left: &Tensor, right: &Tensor) -> Result<f64, MetricError> {
    let (left, right) = (left.f_to_kind(Kind::Double)?, right.f_to_kind(Kind::Double)?);
    let across = f64::try_from(kernel(&left, &right)?.f_mean(Kind::Double)?)?;
    Ok(mean_off_diagonal(&left)? + mean_off_diagonal(&right)? - 2.0 * across)
}

/// The mean of k(xᵢ, xⱼ) over i ≠ j.
fn mean_off_diagonal(features: &Tensor) -> Result<f64, MetricError> {
    let count = features.size().first().copied().unwrap_or(0);
    if count < 2 {
        return Err(MetricError::TooFew { measure: MEASURE, count, least: 2 });
    }
    let all = kernel(features, features)?;
    let others = all.f_sum(Kind::Double)?.f_sub(&all.f_trace()?)?;
    Ok(f64::try_from(others)? / (count as f64 * (count - 1) as f64))
}

/// k of every row of `left` with every row of `right`, `[M, N]`.
fn kernel(left: &Tensor, right: &Tensor) -> Result<Tensor, MetricError> {
    let length = left.size().last().copied().unwrap_or(1) as f64;
    let products = left.f_matmul(&right.f_tr()?)?;
    Ok(products.f_div_scalar(length)?.f_add_scalar(1.0)?.f_pow_tensor_scalar(3.0)?)
}
