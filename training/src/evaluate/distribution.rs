// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole sets of pictures against the set of clean faces: Fréchet distance, precision and recall.

use serde::Serialize;
use tch::Tensor;

use crate::metrics::{
    Gaussian, MetricError, NEIGHBOURS, PrecisionRecall, frechet_distance, precision_recall,
};

/// A set of pictures against the set of clean faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distribution {
    /// FID, when the features are those of TensorFlow's Inception.
    pub frechet_distance: f64,
    /// Kynkäänniemi's measures.
    #[serde(flatten)]
    pub precision_recall: PrecisionRecall,
}

/// The clean faces of an evaluation, as a network sees them.
pub(super) struct RealFaces {
    /// `[N, D]`, float64.
    features: Tensor,
    gaussian: Gaussian,
}

impl RealFaces {
    /// From features batch by batch, `[n, D]` each; `None` without any.
    pub(super) fn of(batches: &[Tensor]) -> Result<Option<Self>, MetricError> {
        if batches.is_empty() {
            return Ok(None);
        }
        let features = Tensor::f_cat(batches, 0)?;
        match features.size()[0] > 1 {
            true => Ok(Some(Self { gaussian: Gaussian::of(&features)?, features })),
            false => Ok(None),
        }
    }

    /// What is to be known of the figures.
    pub(super) fn note(&self) -> Option<String> {
        let (count, length) = self.features.size2().ok()?;
        if count <= NEIGHBOURS {
            return Some(format!(
                "Fréchet distance, precision and recall are not measured: they need at least {} faces",
                NEIGHBOURS + 1
            ));
        }
        (count < length).then(|| {
            format!(
                "The Fréchet distance of {count} faces with {length} features each is too large: below {length} faces the covariance \
                 has no full rank. Compare it only between systems on the same faces"
            )
        })
    }

    /// A set of pictures, features batch by batch, against these; `None` when there are too few.
    pub(super) fn compare(&self, batches: &[Tensor]) -> Result<Option<Distribution>, MetricError> {
        if self.features.size()[0] <= NEIGHBOURS {
            return Ok(None);
        }
        let features = Tensor::f_cat(batches, 0)?;
        Ok(Some(Distribution {
            frechet_distance: frechet_distance(&self.gaussian, &Gaussian::of(&features)?)?,
            precision_recall: precision_recall(&features, &self.features)?,
        }))
    }
}
