// SPDX-License-Identifier: MIT OR Apache-2.0
//! A perceptual hash, by which two pictures of the same thing are found: copies that were resized, recoded or brightened.

use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::picture::{PictureError, resize_antialiased};

/// Pixels in a row and rows of the thumbnail that is hashed; neighbours in a row are compared. Portraits are alike, so it
/// has four times the bits of the usual 9×8. Resized or recoded copies were at most 8 bits from each other; the closest of 1346
/// portraits, 8 to 14 bits apart, were the same picture from two sources.
const THUMBNAIL: (u32, u32) = (17, 16);

/// Words of 64 bits in a hash.
const WORDS: usize = 4;

/// The difference hash of a picture, 256 bits: whether each pixel of a grey thumbnail is brighter than its right neighbour
/// (Krawetz's dHash). As text it is 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PerceptualHash([u64; WORDS]);

impl PerceptualHash {
    /// The hash of `picture`.
    ///
    /// # Errors
    /// [`PictureError::Resize`] for a picture without pixels.
    pub fn of(picture: &RgbImage) -> Result<Self, PictureError> {
        let thumbnail = resize_antialiased(picture, THUMBNAIL.0, THUMBNAIL.1)?;
        let grey: Vec<u32> = thumbnail
            .pixels()
            .map(|pixel| 299 * u32::from(pixel[0]) + 587 * u32::from(pixel[1]) + 114 * u32::from(pixel[2]))
            .collect();
        let mut words = [0; WORDS];
        let pairs = grey.chunks_exact(THUMBNAIL.0 as usize).flat_map(|row| row.windows(2));
        for (bit, pair) in pairs.enumerate() {
            words[bit / 64] |= u64::from(pair[0] > pair[1]) << (bit % 64);
        }
        Ok(Self(words))
    }

    /// In how many of the 256 bits two hashes differ: about 128 for unrelated pictures, 0 for the same.
    #[must_use]
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(word, other)| (word ^ other).count_ones()).sum()
    }
}

impl fmt::Display for PerceptualHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(formatter, "{word:016x}"))
    }
}

impl From<PerceptualHash> for String {
    fn from(hash: PerceptualHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for PerceptualHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for PerceptualHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text:?} is no hash of 64 hexadecimal digits");
        if text.len() != 16 * WORDS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut words = [0; WORDS];
        for (word, digits) in words.iter_mut().zip(text.as_bytes().chunks_exact(16)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *word = u64::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(words))
    }
}
