// SPDX-License-Identifier: MIT OR Apache-2.0
//! Standard normal noise that depends on a seed alone: the same on every device and in any batch.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tch::Tensor;

use crate::RestoreError;

/// Standard normal noise [3, `size`, `size`], fp32 on the CPU, for draw number `draw` of `seed`.
///
/// Made by ChaCha8 rather than by libtorch's generators, whose streams are global to the process, differ between
/// CPU and CUDA, and depend on what else was drawn.
///
/// # Errors
/// [`RestoreError::Torch`].
pub fn seeded_noise(seed: u64, draw: u64, size: u32) -> Result<Tensor, RestoreError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(draw);
    let count = 3 * size as usize * size as usize;
    let values: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(count).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([3, i64::from(size), i64::from(size)])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_standard_normal_and_depends_on_seed_and_draw_alone() {
        let noise = seeded_noise(7, 0, 128).unwrap();
        assert!(noise.mean(tch::Kind::Double).double_value(&[]).abs() < 0.02);
        assert!((noise.std(true).double_value(&[]) - 1.0).abs() < 0.02);
        assert!(noise.equal(&seeded_noise(7, 0, 128).unwrap()));
        assert!(!noise.equal(&seeded_noise(7, 1, 128).unwrap()));
        assert!(!noise.equal(&seeded_noise(8, 0, 128).unwrap()));
    }
}
