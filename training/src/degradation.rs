//! The degradation of Eq. 11: x_d = JPEG_q((x ⊛ k_σ)↓r + n_δ), enlarged to the size of x.
//!
//! [`Degradation`] is the recipe (ranges), [`DegradationParams`] one draw from it. Everything that is
//! random in a degraded picture follows from the draw, so a recorded draw reproduces it.

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, Rgb32FImage, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::blur::GaussianKernel;
use crate::picture::{PictureError, resize_bilinear_f32, to_f32, to_rgb8};

/// The side in pixels of the pictures that the parameters are meant for.
const REFERENCE_SIZE: f64 = 512.0;

/// Side of the blur kernel at the reference size.
const REFERENCE_KERNEL: f64 = 41.0;

/// A degradation that cannot be drawn or applied.
#[derive(Debug, thiserror::Error)]
pub enum DegradationError {
    /// A recipe with an impossible value.
    #[error("degradation: {field} is {value}, it must be {expected}")]
    Recipe {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The picture could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The shrunken picture could not be coded as JPEG (a side of 0 or above 65535 pixels).
    #[error("degradation: JPEG of {width}×{height} pixels failed: {reason}")]
    Jpeg {
        /// Width of the shrunken picture.
        width: u32,
        /// Height of the shrunken picture.
        height: u32,
        /// The coder's reason.
        reason: String,
    },
}

/// The recipe: ranges `[low, high]` from which every picture's parameters are drawn uniformly, at 512×512
/// pixels. The default is the paper's (METHOD.md, Eq. 11).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Degradation {
    /// Standard deviations of the blur in pixels.
    pub sigma: [f64; 2],
    /// Probability that the blur is the same in all directions.
    pub isotropic_probability: f64,
    /// Factors of the down-sampling, at least 1.
    pub scale: [f64; 2],
    /// Standard deviations of the noise on the scale 0–255.
    pub noise: [f64; 2],
    /// Probability of noise at all, 1 in the paper. A network that has seen only noisy damage takes a blurred picture
    /// without noise, as an enlarged video frame is, for a clean one.
    pub noise_probability: f64,
    /// Probability that the noise is the same in the three colours.
    pub gray_noise_probability: f64,
    /// JPEG qualities, 1 to 100, as libjpeg counts them.
    pub quality: [u8; 2],
    /// Share of pictures left as they are, so that a network learns f(x) = x on clean ones.
    pub clean_share: f64,
}

impl Default for Degradation {
    fn default() -> Self {
        Self {
            sigma: [0.2, 10.0],
            isotropic_probability: 0.5,
            scale: [1.0, 8.0],
            noise: [0.0, 15.0],
            noise_probability: 1.0,
            gray_noise_probability: 0.0,
            quality: [50, 100],
            clean_share: 0.0,
        }
    }
}

impl Degradation {
    /// Checks ranges and probabilities; call it once after reading a recipe from a file.
    ///
    /// # Errors
    /// [`DegradationError::Recipe`] with the first field that is wrong.
    pub fn validate(&self) -> Result<(), DegradationError> {
        let ordered =
            |range: [f64; 2], least: f64| range[0] >= least && range[0] <= range[1] && range[1].is_finite();
        let quality = self.quality.map(f64::from);
        let ranges = [
            ("sigma", self.sigma, ordered(self.sigma, 0.0), "two numbers, 0 <= low <= high"),
            ("scale", self.scale, ordered(self.scale, 1.0), "two numbers, 1 <= low <= high"),
            ("noise", self.noise, ordered(self.noise, 0.0), "two numbers, 0 <= low <= high"),
            (
                "quality",
                quality,
                ordered(quality, 1.0) && quality[1] <= 100.0,
                "two whole numbers, 1 <= low <= high <= 100",
            ),
        ];
        for (field, range, valid, expected) in ranges {
            if !valid {
                let value = format!("{range:?}");
                return Err(DegradationError::Recipe { field, value, expected });
            }
        }
        let probabilities = [
            ("isotropic_probability", self.isotropic_probability),
            ("noise_probability", self.noise_probability),
            ("gray_noise_probability", self.gray_noise_probability),
            ("clean_share", self.clean_share),
        ];
        for (field, value) in probabilities {
            if !(0.0..=1.0).contains(&value) {
                let value = value.to_string();
                return Err(DegradationError::Recipe { field, value, expected: "between 0 and 1" });
            }
        }
        Ok(())
    }

    /// Draws the parameters of one picture. It takes the same number of values from `rng` whatever the
    /// recipe, so that two recipes with one seed differ only where their ranges do.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> DegradationParams {
        let mut uniform = |[low, high]: [f64; 2]| low + (high - low) * rng.random::<f64>();
        let (sigma_x, sigma_y) = (uniform(self.sigma), uniform(self.sigma));
        let rotation = uniform([-std::f64::consts::PI, std::f64::consts::PI]);
        let scale = uniform(self.scale);
        let noise = uniform(self.noise);
        // Every whole number of the range is as likely as the next.
        let [low, high] = self.quality.map(f64::from);
        let quality = uniform([low, high + 1.0]).floor().min(high) as u8;
        let isotropic = uniform([0.0, 1.0]) < self.isotropic_probability;
        let gray_noise = uniform([0.0, 1.0]) < self.gray_noise_probability;
        let clean = uniform([0.0, 1.0]) < self.clean_share;
        let noise_seed = rng.random();
        let noisy = rng.random::<f64>() < self.noise_probability;
        DegradationParams {
            clean,
            sigma_x,
            sigma_y: if isotropic { sigma_x } else { sigma_y },
            rotation: if isotropic { 0.0 } else { rotation },
            scale,
            noise: if noisy { noise } else { 0.0 },
            gray_noise,
            noise_seed,
            quality,
        }
    }

    /// The parameters of the picture called `name` (file name without folder and ending) in a validation
    /// set: they depend on `seed` and `name` alone, not on the other files or their order.
    #[must_use]
    pub fn params_for(&self, seed: u64, name: &str) -> DegradationParams {
        self.draw(&mut ChaCha8Rng::seed_from_u64(seed_for(seed, name)))
    }
}

/// A seed that depends on `seed` and `name` alone, the same in every version and on every machine (FNV-1a,
/// 64 bits, over the little-endian bytes of `seed` and those of `name`).
#[must_use]
pub fn seed_for(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One draw from a [`Degradation`], with lengths in pixels of a 512×512 picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DegradationParams {
    /// The picture is left as it is and the other parameters have no effect.
    pub clean: bool,
    /// Standard deviation of the blur along the first axis.
    pub sigma_x: f64,
    /// Standard deviation of the blur along the second axis; equal to `sigma_x` for isotropic blur.
    pub sigma_y: f64,
    /// Angle of the blur's axes in radians.
    pub rotation: f64,
    /// Factor of the down-sampling.
    pub scale: f64,
    /// Standard deviation of the noise on the scale 0–255.
    pub noise: f64,
    /// The noise is the same in the three colours.
    pub gray_noise: bool,
    /// Seed of the noise.
    pub noise_seed: u64,
    /// JPEG quality.
    pub quality: u8,
}

impl DegradationParams {
    /// The degraded picture x_d, of the size of `clean`.
    ///
    /// The parameters are meant for 512×512 pixels. For a picture whose longer side is S, blur (σ and the
    /// 41-pixel kernel) and down-sampling factor are scaled by S/512 (the factor to no less than 1), noise and
    /// quality are not: the picture that receives the noise and the JPEG then has the same size for every S, so
    /// a face is degraded in the same way whatever the size of its crop.
    ///
    /// # Errors
    /// [`DegradationError`] when the picture has no pixels or is too large for JPEG.
    pub fn apply(&self, clean: &RgbImage) -> Result<RgbImage, DegradationError> {
        if self.clean {
            return Ok(clean.clone());
        }
        let (width, height) = clean.dimensions();
        let ratio = f64::from(width.max(height)) / REFERENCE_SIZE;
        let blurred = self.kernel(ratio).apply(&to_f32(clean));
        let scale = (self.scale * ratio).max(1.0);
        let shrunken = |side: u32| ((f64::from(side) / scale) as u32).max(1);
        let mut small = resize_bilinear_f32(&blurred, shrunken(width), shrunken(height))?;
        self.add_noise(&mut small);
        let coded = through_jpeg(&to_rgb8(&small), self.quality)?;
        Ok(to_rgb8(&resize_bilinear_f32(&to_f32(&coded), width, height)?))
    }

    /// The blur for a picture `ratio` times as large as the reference.
    fn kernel(&self, ratio: f64) -> GaussianKernel {
        let size = (REFERENCE_KERNEL * ratio).round() as usize;
        if self.sigma_x == self.sigma_y {
            GaussianKernel::isotropic(self.sigma_x * ratio, size)
        } else {
            let (sigma_x, sigma_y) = (self.sigma_x * ratio, self.sigma_y * ratio);
            GaussianKernel::anisotropic(sigma_x, sigma_y, self.rotation, size)
        }
    }

    fn add_noise(&self, picture: &mut Rgb32FImage) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.noise_seed);
        let deviation = self.noise as f32;
        let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
        for pixel in picture.pixels_mut() {
            let common = if self.gray_noise { Some(normal()) } else { None };
            for value in &mut pixel.0 {
                *value += deviation * common.unwrap_or_else(&mut normal);
            }
        }
    }
}

/// Encodes and decodes `picture` as baseline JPEG with 4:2:0 colour and the standard's tables, libjpeg's default.
///
/// # Errors
/// [`DegradationError::Jpeg`] for sides that JPEG does not have.
pub fn through_jpeg(picture: &RgbImage, quality: u8) -> Result<RgbImage, DegradationError> {
    let (width, height) = picture.dimensions();
    let failed = |reason: String| DegradationError::Jpeg { width, height, reason };
    let side = |pixels: u32| u16::try_from(pixels).map_err(|error| failed(error.to_string()));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder
        .encode(picture.as_raw(), side(width)?, side(height)?, ColorType::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    JpegDecoder::new(std::io::Cursor::new(bytes))
        .and_then(DynamicImage::from_decoder)
        .map(DynamicImage::into_rgb8)
        .map_err(|error| failed(error.to_string()))
}
