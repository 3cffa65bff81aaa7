// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gaussian kernels, isotropic or along rotated axes. `libm` computes exp, sin and cos with the same last bit on every
//! machine, which the system's mathematics library does not promise.

use super::{Kernel, normalised};

impl Kernel {
    /// The isotropic kernel of standard deviation `sigma` pixels. `size` is made odd by adding one.
    #[must_use]
    pub fn isotropic(sigma: f64, size: usize) -> Self {
        let radius = (size | 1) / 2;
        // A Gaussian narrower than this is a single pixel in 32-bit floats.
        let variance = square(sigma.max(1e-2));
        let weights =
            (0..=2 * radius).map(|index| libm::exp(-0.5 * square(index as f64 - radius as f64) / variance));
        Self::Separable(normalised(weights.collect()))
    }

    /// The kernel of standard deviations `sigma_x` and `sigma_y` pixels along axes turned by `rotation`
    /// radians, as GFPGAN makes it: exp(-½ pᵀ Σ⁻¹ p) with Σ = R diag(σx², σy²) Rᵀ, p = (column, row) from the
    /// centre, R the rotation by `rotation`; divided by its sum. `size` is made odd by adding one.
    #[must_use]
    pub fn anisotropic(sigma_x: f64, sigma_y: f64, rotation: f64, size: usize) -> Self {
        let size = size | 1;
        let radius = (size / 2) as f64;
        let (sin, cos) = libm::sincos(rotation);
        let (inverse_x, inverse_y) = (1.0 / square(sigma_x.max(1e-2)), 1.0 / square(sigma_y.max(1e-2)));
        let mut weights = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let (x, y) = (column as f64 - radius, row as f64 - radius);
                let (along, across) = (cos * x + sin * y, cos * y - sin * x);
                weights.push(libm::exp(-0.5 * (along * along * inverse_x + across * across * inverse_y)));
            }
        }
        Self::Full { size, weights: normalised(weights) }
    }
}

fn square(value: f64) -> f64 {
    value * value
}
