// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks of image arguments.

use opencv::core::{CV_8UC1, CV_8UC3, Mat, Size, ToInputArray};
use opencv::imgproc::{COLOR_BGR2GRAY, cvt_color_def};
use opencv::prelude::*;

use crate::error::DetectError;

/// The size of a non-empty two-dimensional `CV_8UC3` image; anything else is an error that names `what`.
pub(crate) fn check_bgr(what: &'static str, image: &impl MatTraitConst) -> Result<Size, DetectError> {
    if image.dims() == 2 && image.typ() == CV_8UC3 && image.rows() > 0 && image.cols() > 0 {
        return Ok(Size::new(image.cols(), image.rows()));
    }
    Err(wrong(what, "an image of 3 channels with 8 bits each (CV_8UC3)", image))
}

/// A grey copy (`CV_8UC1`) of an image that is grey already or BGR (`CV_8UC3`); anything else is an error
/// that names `what`.
pub(crate) fn to_grey(
    what: &'static str,
    image: &(impl MatTraitConst + ToInputArray),
) -> Result<Mat, DetectError> {
    let at = || DetectError::at("converting an image to grey");
    if image.dims() != 2 || image.rows() == 0 || image.cols() == 0 {
        return Err(wrong(what, GREY_OR_BGR, image));
    }
    match image.typ() {
        CV_8UC1 => image.try_clone().map_err(at()),
        CV_8UC3 => {
            let mut grey = Mat::default();
            cvt_color_def(image, &mut grey, COLOR_BGR2GRAY).map_err(at())?;
            Ok(grey)
        }
        _ => Err(wrong(what, GREY_OR_BGR, image)),
    }
}

const GREY_OR_BGR: &str = "an image of 1 or 3 channels with 8 bits each (CV_8UC1 or CV_8UC3)";

fn wrong(what: &'static str, expected: &str, image: &impl MatTraitConst) -> DetectError {
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
    DetectError::WrongImage { what, expected: expected.to_owned(), found }
}
