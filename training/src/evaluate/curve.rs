// SPDX-License-Identifier: MIT OR Apache-2.0
//! The authenticity curve: what becomes of a clean and of a degraded face when f is applied to it over and over, f(x), f(f(x)), …
//!
//! The paper's authenticity asks for f(x) ≈ x and for f(f(d(x))) no worse than f(d(x)) (Eqs. 2 and 3). A network that is not
//! authentic moves on with every pass; one that is comes to rest near x.

use image::RgbImage;
use restore_core::Restorer;
use serde::Serialize;

use super::batch::restore;
use super::error::EvaluateError;
use super::measure::MeasuredFace;
use super::networks::{MetricNetworks, Truths};
use super::pairs::Pair;
use crate::metrics::{Mean, rms_difference};

/// The most applications of f that are measured.
pub const MOST_STEPS: usize = 10;

/// How far a picture is from another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distances<T> {
    /// Root mean square difference in levels, 0 to 255.
    pub rms: T,
    /// Euclidean distance of the embeddings, where there is an identity network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<T>,
    /// Perceptual distance, where there is a network for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual: Option<T>,
}

/// A face after some applications of f.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint<T> {
    /// To x.
    pub to_truth: Distances<T>,
    /// To the face one application of f before.
    pub to_previous: Distances<T>,
}

/// The curve of one face, from the first application of f.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaceCurve {
    /// f(x), f(f(x)), …
    pub clean: Vec<CurvePoint<f64>>,
    /// f(x_d), f(f(x_d)), …
    pub degraded: Vec<CurvePoint<f64>>,
}

/// One application of f over all faces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveStep {
    /// How often f was applied.
    pub applications: usize,
    /// From x.
    pub clean: CurvePoint<Mean>,
    /// From x_d.
    pub degraded: CurvePoint<Mean>,
}

/// The curve of one system over all faces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curve {
    /// The system's name.
    pub system: String,
    /// From the first application of f.
    pub steps: Vec<CurveStep>,
}

impl Curve {
    /// The means over `faces`; `None` when it was not measured of all of them.
    pub(super) fn of(system: String, faces: &[MeasuredFace]) -> Option<Self> {
        let curves: Vec<&FaceCurve> = faces.iter().map(|face| face.curve.as_ref()).collect::<Option<_>>()?;
        let count = curves.iter().map(|curve| curve.clean.len()).min()?;
        let steps = (0..count).map(|index| {
            let clean: Vec<_> = curves.iter().map(|curve| curve.clean[index]).collect();
            let degraded: Vec<_> = curves.iter().map(|curve| curve.degraded[index]).collect();
            let (clean, degraded) = (CurvePoint::mean(&clean)?, CurvePoint::mean(&degraded)?);
            Some(CurveStep { applications: index + 1, clean, degraded })
        });
        Some(Self { system, steps: steps.collect::<Option<_>>()? })
    }
}

impl CurvePoint<Mean> {
    fn mean(points: &[CurvePoint<f64>]) -> Option<Self> {
        let of = |part: fn(&CurvePoint<f64>) -> Distances<f64>| {
            let distances: Vec<Distances<f64>> = points.iter().map(part).collect();
            let mean = |value: fn(&Distances<f64>) -> Option<f64>| {
                Mean::of(&distances.iter().map(value).collect::<Option<Vec<f64>>>()?)
            };
            Some(Distances {
                rms: mean(|distances| Some(distances.rms))?,
                identity: mean(|distances| distances.identity),
                perceptual: mean(|distances| distances.perceptual),
            })
        };
        Some(Self { to_truth: of(|point| point.to_truth)?, to_previous: of(|point| point.to_previous)? })
    }
}

/// The curves of some pairs, of so many `applications` of f, with the noise of each pair's seed in every one of them.
///
/// # Errors
/// [`EvaluateError`] when a network fails.
pub(super) fn curves(
    networks: &mut MetricNetworks,
    truths: &Truths<'_>,
    restorer: &dyn Restorer,
    pairs: &[Pair],
    applications: usize,
) -> Result<Vec<FaceCurve>, EvaluateError> {
    let mut from = |faces: Vec<RgbImage>| points(networks, truths, restorer, pairs, faces, applications);
    let clean = from(pairs.iter().map(|pair| pair.clean.clone()).collect())?;
    let degraded = from(pairs.iter().map(|pair| pair.degraded.clone()).collect())?;
    let curves = clean.into_iter().zip(degraded);
    Ok(curves.map(|(clean, degraded)| FaceCurve { clean, degraded }).collect())
}

/// The points of each face, from `faces`, one for each pair.
fn points(
    networks: &mut MetricNetworks,
    truths: &Truths<'_>,
    restorer: &dyn Restorer,
    pairs: &[Pair],
    mut faces: Vec<RgbImage>,
    applications: usize,
) -> Result<Vec<Vec<CurvePoint<f64>>>, EvaluateError> {
    let mut points = vec![Vec::new(); pairs.len()];
    for _ in 0..applications {
        let restored = restore(restorer, pairs, faces.iter().collect())?;
        let to_truth = distances(networks, &restored, truths)?;
        let to_previous = {
            let previous = networks.truths(faces.iter().collect())?;
            distances(networks, &restored, &previous)?
        };
        let found = to_truth.into_iter().zip(to_previous);
        for (points, (to_truth, to_previous)) in points.iter_mut().zip(found) {
            points.push(CurvePoint { to_truth, to_previous });
        }
        faces = restored;
    }
    Ok(points)
}

/// Each of `pictures` to its counterpart in `others`.
fn distances(
    networks: &mut MetricNetworks,
    pictures: &[RgbImage],
    others: &Truths<'_>,
) -> Result<Vec<Distances<f64>>, EvaluateError> {
    let scores = networks.scores(&pictures.iter().collect::<Vec<_>>(), others)?;
    let pairs = pictures.iter().zip(others.faces()).zip(scores);
    let distances = pairs.map(|((picture, other), scores)| {
        let rms = rms_difference(picture, other)?;
        Ok(Distances { rms, identity: scores.identity_distance, perceptual: scores.perceptual })
    });
    distances.collect()
}
