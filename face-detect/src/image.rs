//! Checks of image arguments.

use opencv::core::{CV_8UC3, Size};
use opencv::prelude::*;

use crate::error::DetectError;

/// The size of a non-empty two-dimensional `CV_8UC3` image; anything else is an error that names `what`.
pub(crate) fn check_bgr(what: &'static str, image: &impl MatTraitConst) -> Result<Size, DetectError> {
    if image.dims() == 2 && image.typ() == CV_8UC3 && image.rows() > 0 && image.cols() > 0 {
        return Ok(Size::new(image.cols(), image.rows()));
    }
    let found = if image.empty() {
        "an empty image".to_owned()
    } else {
        format!(
            "{} channels of OpenCV depth {} in {} dimensions",
            image.channels(),
            image.depth(),
            image.dims()
        )
    };
    Err(DetectError::WrongImage {
        what,
        expected: "an image of 3 channels with 8 bits each (CV_8UC3)".to_owned(),
        found,
    })
}
