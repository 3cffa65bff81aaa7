// SPDX-License-Identifier: MIT OR Apache-2.0
//! An empty scene: a picture without a face needs no second look until something in it changes.

use opencv::core::{Mat, NORM_INF, Size, no_array, norm2};
use opencv::imgproc::{INTER_AREA, resize};
use opencv::prelude::*;

use crate::error::DetectError;

/// Cells across the picture's longer side. The smallest face that the detector finds fills a good part of one.
const CELLS: i32 = 32;
/// Change of a cell's mean, in grey levels, from which on something has come or moved. The noise of a camera changes it by
/// a tenth of that.
const CHANGE: f64 = 4.0;

/// The picture in which no face was found last.
#[derive(Default)]
pub(super) struct EmptyScene {
    cells: Option<Mat>,
}

impl EmptyScene {
    /// No face was found in this grey picture (`CV_8UC1`), and none is tracked.
    pub(super) fn remember(&mut self, grey: &Mat) -> Result<(), DetectError> {
        self.cells = Some(cells(grey)?);
        Ok(())
    }

    /// Faces were found.
    pub(super) fn forget(&mut self) {
        self.cells = None;
    }

    /// Whether this picture, of the same size, shows what was without a face, and nothing new.
    pub(super) fn is_still(&self, grey: &Mat) -> Result<bool, DetectError> {
        let Some(before) = &self.cells else { return Ok(false) };
        let largest = norm2(&cells(grey)?, before, NORM_INF, &no_array());
        Ok(largest.map_err(DetectError::at("comparing pictures without a face"))? < CHANGE)
    }
}

fn cells(grey: &Mat) -> Result<Mat, DetectError> {
    let side = (grey.cols().max(grey.rows()) + CELLS - 1) / CELLS;
    let size = Size::new((grey.cols() / side).max(1), (grey.rows() / side).max(1));
    let mut cells = Mat::default();
    resize(grey, &mut cells, size, 0.0, 0.0, INTER_AREA)
        .map_err(DetectError::at("shrinking a picture without a face"))?;
    Ok(cells)
}
