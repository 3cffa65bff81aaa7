// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of a crop that a paste may change, made once for each crop size.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use opencv::core::Mat;

use crate::error::DetectError;
use crate::keep_color::ToneMask;
use crate::mask::{face_mask, mask_bounds};
use crate::region::Region;

/// Sizes that are kept. A program restores crops of one or two.
const MOST_KEPT: usize = 8;

static KEPT: LazyLock<Mutex<HashMap<u32, Arc<Support>>>> = LazyLock::new(Mutex::default);

/// What every face of a crop size has in common.
#[derive(Debug)]
pub(crate) struct Support {
    /// The part of the crop that the mask touches.
    pub region: Region,
    /// `CV_32FC1` over it, 0 to 1.
    pub mask: Mat,
    /// The same for keeping the frame's tone.
    pub tone: ToneMask,
}

impl Support {
    /// That of crops of `crop_size`×`crop_size` pixels: its ramp takes a root for each pixel, which is more work than all that is
    /// done to a face after it.
    ///
    /// # Errors
    /// [`DetectError::WrongImage`] when the crop is so small that the mask is nothing, or when OpenCV fails.
    pub(crate) fn of(crop_size: u32) -> Result<Arc<Self>, DetectError> {
        // What is behind the lock is valid at every step.
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(support) = kept.get(&crop_size) {
            return Ok(Arc::clone(support));
        }
        let support = Arc::new(Self::new(crop_size)?);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(crop_size, Arc::clone(&support));
        Ok(support)
    }

    fn new(crop_size: u32) -> Result<Self, DetectError> {
        // The mask lies inside every crop; a crop of a few pixels may round to nothing of it.
        let region =
            mask_bounds(crop_size).clipped(crop_size, crop_size).ok_or_else(|| DetectError::WrongImage {
                what: "aligned face",
                expected: "a crop large enough for a face".to_owned(),
                found: format!("{crop_size}x{crop_size} pixels"),
            })?;
        let mask = face_mask(crop_size, region)?;
        let tone = ToneMask::new(&mask, crop_size)?;
        Ok(Self { region, mask, tone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_made_once_and_more_sizes_than_are_kept_are_made_all_the_same() {
        let first = Support::of(97).unwrap();
        assert!(Arc::ptr_eq(&first, &Support::of(97).unwrap()));
        for crop_size in 101..101 + 2 * MOST_KEPT as u32 {
            let support = Support::of(crop_size).unwrap();
            assert_eq!(support.region, mask_bounds(crop_size).clipped(crop_size, crop_size).unwrap());
        }
        assert!(KEPT.lock().unwrap().len() <= MOST_KEPT);
    }
}
