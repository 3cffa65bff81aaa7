// SPDX-License-Identifier: MIT OR Apache-2.0
//! The `Restorer` trait: a batch of aligned faces in, the batch of restored faces out.

use tch::{Kind, Tensor};

use crate::RestoreError;

/// Where sampling begins instead of at pure noise: for a video, at the face restored last, warped to the present crop.
#[derive(Debug, Clone, Copy)]
pub struct WarmStart<'a> {
    /// What to begin at, shape and range as the faces to restore.
    pub faces: &'a Tensor,
    /// γ of the beginning, in (0, 1): the share of power that `faces` have in x_t = √γ faces + √(1−γ) ε. Near 0 is a cold
    /// start; near 1 the result keeps what is in `faces`.
    pub gamma: f64,
}

/// How faces are to be restored, beside the seeds of their noise; the defaults are the restorer's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreOptions<'a> {
    /// How much of the detail is added to the faithful mean, 0 to 1; for a model with a detail head that is sampled as
    /// [`Sampling::MeanDetail`](crate::Sampling::MeanDetail), of no effect on others. It costs no time.
    pub detail: Option<f64>,
    /// Where sampling begins; `None` for pure noise. A network that does not sample has nothing to begin at.
    pub start: Option<WarmStart<'a>>,
}

/// A network that restores aligned faces.
///
/// Implementations keep no state between calls that a result depends on: the same faces and seeds on the
/// same device give the same bits, in any batch composition up to the rounding of the batched kernels.
pub trait Restorer: Send + Sync {
    /// Width and height in pixels of the aligned face that the network takes.
    fn crop_size(&self) -> u32;

    /// Whether it also takes faces of `size`×`size` pixels, as [`crop_size`](Self::crop_size) says it takes; of no other size unless it
    /// says so.
    fn takes(&self, size: u32) -> bool {
        size == self.crop_size()
    }

    /// What it is and where it computes, in a few words for a log.
    fn description(&self) -> String;

    /// Restores `faces`, RGB in [-1, 1], `[N, 3, S, S]` float on any device, `S` the [crop size] or another that it
    /// [takes](Self::takes).
    /// `seeds` has one seed per face for the sampler's noise. The result has the shape of `faces`, is
    /// float32 on the CPU and is clipped to [-1, 1]. A black-and-white face stays one, whatever the network makes of its
    /// colours.
    ///
    /// # Errors
    /// [`RestoreError::Shape`] when the shapes disagree, [`RestoreError::Torch`] when libtorch fails.
    ///
    /// [crop size]: Restorer::crop_size
    fn restore_with(
        &self,
        faces: &Tensor,
        seeds: &[u64],
        options: &RestoreOptions,
    ) -> Result<Tensor, RestoreError>;

    /// [`restore_with`](Restorer::restore_with) the default options.
    ///
    /// # Errors
    /// As [`restore_with`](Restorer::restore_with).
    fn restore(&self, faces: &Tensor, seeds: &[u64]) -> Result<Tensor, RestoreError> {
        self.restore_with(faces, seeds, &RestoreOptions::default())
    }

    /// [`restore`](Restorer::restore) for 8-bit pictures: each of `crops` holds `S * S * 3` bytes, RGB,
    /// row-major without padding, and so does each result.
    ///
    /// # Errors
    /// As [`restore`](Restorer::restore).
    fn restore_rgb8(&self, crops: &[&[u8]], seeds: &[u64]) -> Result<Vec<Vec<u8>>, RestoreError> {
        let faces = faces_from_rgb8(crops, self.crop_size())?;
        faces_to_rgb8(&self.restore(&faces, seeds)?)
    }
}

/// Checks that `faces` is `[N, 3, size, size]` with one of the N faces per seed.
pub(crate) fn check_faces(faces: &Tensor, seeds: &[u64], size: u32) -> Result<(), RestoreError> {
    let (count, size) = (seeds.len() as i64, i64::from(size));
    if faces.size() != [count, 3, size, size] {
        return Err(RestoreError::Shape(format!(
            "faces are {:?}; with {count} seeds this model takes [{count}, 3, {size}, {size}]",
            faces.size()
        )));
    }
    Ok(())
}

/// Stacks 8-bit RGB pictures of `size`×`size` pixels into a float tensor `[N, 3, size, size]` in [-1, 1].
///
/// # Errors
/// [`RestoreError::Shape`] when a picture does not hold `size * size * 3` bytes.
pub fn faces_from_rgb8(crops: &[&[u8]], size: u32) -> Result<Tensor, RestoreError> {
    let bytes = size as usize * size as usize * 3;
    let mut stacked = Vec::with_capacity(bytes * crops.len());
    for crop in crops {
        if crop.len() != bytes {
            return Err(RestoreError::Shape(format!(
                "a face of {size}×{size} RGB pixels has {bytes} bytes, got {}",
                crop.len()
            )));
        }
        stacked.extend_from_slice(crop);
    }
    let size = i64::from(size);
    faces_from_bytes(&Tensor::f_from_slice(&stacked)?.f_view([crops.len() as i64, size, size, 3])?)
}

/// Float faces `[N, 3, S, S]` in [-1, 1] of 8-bit RGB pictures `[N, S, S, 3]`, on their device.
///
/// # Errors
/// [`RestoreError::Torch`] when `pictures` has another number of dimensions.
pub fn faces_from_bytes(pictures: &Tensor) -> Result<Tensor, RestoreError> {
    // Divided before the permutation is made contiguous: one pass over the bytes.
    Ok(pictures
        .f_permute([0, 3, 1, 2])?
        .f_to_kind(Kind::Float)?
        .f_mul_scalar(2.0 / 255.0)?
        .f_sub_scalar(1.0)?)
}

/// The inverse of [`faces_from_rgb8`]: rounds to nearest and clips to 0..=255.
///
/// # Errors
/// [`RestoreError::NotFinite`] when a value is NaN, which would become black or anything, and [`RestoreError::Torch`] when `faces`
/// is not `[N, 3, H, W]`.
pub fn faces_to_rgb8(faces: &Tensor) -> Result<Vec<Vec<u8>>, RestoreError> {
    // One NaN makes the sum NaN; nothing else does, since restorers clip what they give.
    if faces.f_sum(Kind::Float)?.f_double_value(&[])?.is_nan() {
        return Err(RestoreError::NotFinite);
    }
    let bytes = faces
        .f_permute([0, 2, 3, 1])?
        .f_to_kind(Kind::Float)?
        .f_add_scalar(1.0)?
        .f_mul_scalar(127.5)?
        .f_round()?
        .f_clamp(0.0, 255.0)?
        .f_to_kind(Kind::Uint8)?
        .f_contiguous()?;
    let count = bytes.size().first().copied().unwrap_or(0);
    (0..count)
        .map(|index| {
            let face = bytes.f_select(0, index)?.f_reshape([-1])?;
            Ok(Vec::<u8>::try_from(&face)?)
        })
        .collect()
}
