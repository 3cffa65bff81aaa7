// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pretrained networks of an evaluation and what they say of a batch of pictures.

use std::path::Path;

use image::RgbImage;
use serde::Serialize;
use tch::{Device, Tensor};

use super::error::EvaluateError;
use super::scores::Scores;
use crate::jobs::in_parallel;
use crate::metrics::{MetricNetwork, NetworkError, cosines, distances, pictures_tensor};

/// The networks that an evaluation has; what it has not is not measured.
#[derive(Default)]
pub struct MetricNetworks {
    /// Embeddings of faces.
    pub identity: Option<MetricNetwork>,
    /// A distance as people see it, like LPIPS.
    pub perceptual: Option<MetricNetwork>,
    /// Quality as people vote.
    pub nima: Option<MetricNetwork>,
    /// Features for the Fréchet distance, precision and recall.
    pub inception: Option<MetricNetwork>,
}

/// What a network was, for a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkReport {
    /// The file's name without its ending, under which the measure is reported.
    pub name: String,
    /// What a picture, or a pair, cost.
    pub milliseconds_per_picture: Option<f64>,
}

/// The networks of an evaluation; `None` is "not measured".
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NetworkReports {
    /// Of [`MetricNetworks::identity`].
    pub identity: Option<NetworkReport>,
    /// Of [`MetricNetworks::perceptual`].
    pub perceptual: Option<NetworkReport>,
    /// Of [`MetricNetworks::nima`].
    pub nima: Option<NetworkReport>,
    /// Of [`MetricNetworks::inception`].
    pub inception: Option<NetworkReport>,
}

/// The true faces of a batch and what the networks see in them, which every system's pictures are compared with.
pub struct Truths<'a> {
    faces: Vec<&'a RgbImage>,
    tensor: Tensor,
    identity: Option<Tensor>,
}

impl<'a> Truths<'a> {
    /// The faces.
    #[must_use]
    pub fn faces(&self) -> &[&'a RgbImage] {
        &self.faces
    }
}

impl MetricNetworks {
    /// Loads the files that are given.
    ///
    /// # Errors
    /// [`NetworkError::Read`] and [`NetworkError::Load`].
    pub fn open(
        identity: Option<&Path>,
        perceptual: Option<&Path>,
        nima: Option<&Path>,
        inception: Option<&Path>,
        device: Device,
    ) -> Result<Self, NetworkError> {
        let open = |path: Option<&Path>| path.map(|path| MetricNetwork::open(path, device)).transpose();
        Ok(Self {
            identity: open(identity)?,
            perceptual: open(perceptual)?,
            nima: open(nima)?,
            inception: open(inception)?,
        })
    }

    /// Looks at the true faces of a batch, all of one size.
    ///
    /// # Errors
    /// [`EvaluateError::Network`] when the identity network fails.
    pub fn truths<'a>(&mut self, faces: Vec<&'a RgbImage>) -> Result<Truths<'a>, EvaluateError> {
        let tensor = tensor_of(&faces)?;
        let identity = self.identity.as_mut().map(|network| network.features(&tensor)).transpose()?;
        Ok(Truths { faces, tensor, identity })
    }

    /// Everything that is measured of single pictures; `pictures[i]` shows the same face as truth i.
    ///
    /// # Errors
    /// [`EvaluateError::Metric`] when the sizes differ, [`EvaluateError::Network`] when a network fails.
    pub fn scores(
        &mut self,
        pictures: &[&RgbImage],
        truths: &Truths<'_>,
    ) -> Result<Vec<Scores>, EvaluateError> {
        let faces = &truths.faces;
        let pairs = pictures.iter().zip(faces);
        let mut scores = in_parallel(pairs, |(picture, face)| Scores::of(picture, face))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let tensor = tensor_of(pictures)?;
        if let (Some(network), Some(truth)) = (&mut self.identity, &truths.identity) {
            let embeddings = network.features(&tensor)?;
            let likeness = cosines(&embeddings, truth)?.into_iter().zip(distances(&embeddings, truth)?);
            for (scores, (cosine, distance)) in scores.iter_mut().zip(likeness) {
                scores.identity_cosine = Some(cosine);
                scores.identity_distance = Some(distance);
            }
        }
        if let Some(network) = &mut self.perceptual {
            let distances = network.distances(&tensor, &truths.tensor)?;
            scores.iter_mut().zip(distances).for_each(|(scores, value)| scores.perceptual = Some(value));
        }
        if let Some(network) = &mut self.nima {
            let opinions = network.opinions(&tensor)?;
            scores.iter_mut().zip(opinions).for_each(|(scores, value)| scores.nima = Some(value));
        }
        Ok(scores)
    }

    /// Features of pictures for measures of whole sets, `[N, D]`; `None` without that network.
    ///
    /// # Errors
    /// [`EvaluateError::Network`] when it fails.
    pub fn features(&mut self, pictures: &[&RgbImage]) -> Result<Option<Tensor>, EvaluateError> {
        let Some(network) = &mut self.inception else { return Ok(None) };
        Ok(Some(network.features(&tensor_of(pictures)?)?))
    }

    /// What was measured with, and what it cost.
    #[must_use]
    pub fn reports(&self) -> NetworkReports {
        let report = |network: &Option<MetricNetwork>| {
            network.as_ref().map(|network| NetworkReport {
                name: network.name(),
                milliseconds_per_picture: network.milliseconds_per_picture(),
            })
        };
        NetworkReports {
            identity: report(&self.identity),
            perceptual: report(&self.perceptual),
            nima: report(&self.nima),
            inception: report(&self.inception),
        }
    }
}

fn tensor_of(pictures: &[&RgbImage]) -> Result<Tensor, EvaluateError> {
    let size = pictures.first().map_or(0, |picture| picture.width());
    Ok(pictures_tensor(pictures, size)?)
}
