// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a picture of the data set to a training pair: what is seen of it, mirrored, in another light, degraded, drawn over, cut.
//! For a generator: what is seen of it, mirrored, in another light.

use image::RgbImage;
use image::imageops::{crop_imm, flip_horizontal_in_place};
use rand::Rng;

use super::apart::Apart;
use super::config::{DataConfig, DataKind};
use super::degradation::{Degradation, DegradationError};
use super::overlay::Overlay;
use super::realign::{Alignment, realign};
use super::tone::Tone;
use crate::picture::{self, PictureError};

/// A general picture is shrunk so that its shorter side is at most this many times the pair's: windows of all of it to
/// a quarter of it.
const LARGEST_ZOOM: f64 = 2.0;

/// Why a picture gives no pair.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// It cannot be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// It cannot be degraded.
    #[error(transparent)]
    Degradation(#[from] DegradationError),
    /// Windows of a picture and its target cannot be the same place.
    #[error("its target has {target:?} pixels, the picture itself {picture:?}; they must be the same")]
    TargetSize {
        /// Width and height of the picture.
        picture: (u32, u32),
        /// Width and height of the target.
        target: (u32, u32),
    },
}

/// How pairs are made.
#[derive(Debug, Clone)]
pub struct PairRecipe {
    /// Side in pixels at which pictures are degraded.
    pub crop_size: u32,
    /// Probability of mirroring.
    pub flip: f64,
    /// What of a picture is seen.
    pub data: DataConfig,
    /// How inputs are made.
    pub degradation: Degradation,
}

/// A target and the degraded input for it, of the same size and place.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What the network is to give: x, or x* where the data set has targets.
    pub target: RgbImage,
    /// What it gets: d(x).
    pub degraded: RgbImage,
}

impl PairRecipe {
    /// Width and height of the pairs in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.data.crop.unwrap_or(self.crop_size)
    }

    /// The pair of `picture`, with `target` in the place of the picture itself where there is one (Eq. 10). The whole
    /// picture is degraded at the crop size, where Eq. 11 has its scale; the last draws from `rng` are those of the
    /// window that is then cut from both.
    ///
    /// # Errors
    /// [`PairError`].
    pub fn make<R: Rng + ?Sized>(
        &self,
        picture: &RgbImage,
        target: Option<&RgbImage>,
        rng: &mut R,
    ) -> Result<Pair, PairError> {
        let see = self.draw_sight(picture, rng);
        let clean = see(picture)?;
        let mut degraded = self.degradation.draw(rng).apply(&clean)?;
        Apart::draw(self.data.apart, rng).apply(&clean, &mut degraded);
        let mut target = match target {
            None => clean,
            Some(target) => {
                let (picture, target_size) = (picture.dimensions(), target.dimensions());
                if self.data.kind == DataKind::Pictures && picture != target_size {
                    return Err(PairError::TargetSize { picture, target: target_size });
                }
                see(target)?
            }
        };
        let overlay = Overlay::draw(self.data.overlay, rng);
        overlay.apply(&mut target);
        overlay.apply(&mut degraded);
        let Some(crop) = self.data.crop else {
            return Ok(Pair { target, degraded });
        };
        let (left, top) =
            (rng.random_range(0..=self.crop_size - crop), rng.random_range(0..=self.crop_size - crop));
        let cut = |picture: &RgbImage| crop_imm(picture, left, top, crop, crop).to_image();
        Ok(Pair { target: cut(&target), degraded: cut(&degraded) })
    }

    /// What a generator learns of `picture`: what a pair shows of it, undegraded.
    ///
    /// # Errors
    /// [`PictureError`] when it cannot be resized.
    pub fn see<R: Rng + ?Sized>(&self, picture: &RgbImage, rng: &mut R) -> Result<RgbImage, PictureError> {
        self.draw_sight(picture, rng)(picture)
    }

    /// Draws what is seen of `picture` and of its target: the part, whether it is mirrored, and in which light.
    fn draw_sight<R: Rng + ?Sized>(
        &self,
        picture: &RgbImage,
        rng: &mut R,
    ) -> impl Fn(&RgbImage) -> Result<RgbImage, PictureError> + use<R> {
        let crop_size = self.crop_size;
        let view = View::draw(&self.data, picture.dimensions(), crop_size, rng);
        let mirrored = rng.random_bool(self.flip);
        let tone = Tone::draw(self.data.tone, rng);
        move |picture| {
            let mut seen = view.of(picture, crop_size)?;
            if mirrored {
                flip_horizontal_in_place(&mut seen);
            }
            tone.apply(&mut seen);
            Ok(seen)
        }
    }
}

/// What of a picture a pair shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum View {
    /// All of a face, its alignment changed.
    Face(Alignment),
    /// A square window of a picture, in its pixels.
    Window { left: u32, top: u32, side: u32 },
}

impl View {
    fn draw<R: Rng + ?Sized>(
        data: &DataConfig,
        (width, height): (u32, u32),
        crop_size: u32,
        rng: &mut R,
    ) -> Self {
        match data.kind {
            DataKind::Faces => Self::Face(Alignment::draw(data.jitter, rng)),
            DataKind::Pictures => {
                let shorter = width.min(height);
                // A small picture is enlarged to the crop, a larger one never.
                let largest = (f64::from(shorter) / f64::from(crop_size)).clamp(1.0, LARGEST_ZOOM);
                let zoom = 1.0 + (largest - 1.0) * rng.random::<f64>();
                let side = ((f64::from(shorter) / zoom).round() as u32).clamp(1, shorter);
                let (left, top) = (rng.random_range(0..=width - side), rng.random_range(0..=height - side));
                Self::Window { left, top, side }
            }
        }
    }

    /// What is seen of `picture`, `size`×`size` pixels.
    fn of(self, picture: &RgbImage, size: u32) -> Result<RgbImage, PictureError> {
        match self {
            Self::Face(alignment) => Ok(realign(picture::resize_to_square(picture, size)?, &alignment)),
            Self::Window { left, top, side } => {
                let window = crop_imm(picture, left, top, side, side).to_image();
                picture::resize_antialiased(&window, size, size)
            }
        }
    }
}
