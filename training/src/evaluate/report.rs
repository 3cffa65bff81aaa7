// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report of an evaluation: figures of every face, their means, distances of whole sets, differences and groups.

use std::collections::BTreeMap;
use std::path::PathBuf;

use restore_core::Sampling;
use serde::Serialize;
use tch::Tensor;

use super::batch::{FaceScores, Summary};
use super::curve::{Curve, FaceCurve};
use super::distribution::{Distribution, RealFaces};
use super::error::EvaluateError;
use super::groups::Groups;
use super::measure::{MeasuredFace, MeasuredSystem, Measurement};
use super::networks::NetworkReports;
use super::scores::{MeanScores, Scores};
use super::system::System;
use crate::data::degradation::DegradationParams;

/// Group of faces that the table of groups does not name.
const NO_GROUP: &str = "(none)";

/// What was measured, and with what.
#[derive(Debug, Clone, Serialize)]
pub struct ReportHead {
    /// The model's file, if a model was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// The folder of clean faces.
    pub data: PathBuf,
    /// Side in pixels at which pictures were compared.
    pub size: u32,
    /// Seed of the degradations and of the sampler.
    pub seed: u64,
    /// Where the model computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// In which precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The networks; null is "not measured".
    pub networks: NetworkReports,
}

/// All figures, as the JSON file holds them.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was measured, and with what.
    #[serde(flatten)]
    pub head: ReportHead,
    /// x_d against x.
    pub input: MeanScores,
    /// The set of x_d against that of x.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_distribution: Option<Distribution>,
    /// The model's samplings, then other systems.
    pub systems: Vec<SystemReport>,
    /// The system that the others and the groups are compared by: the model as its file recommends it, if it is there.
    pub headline: String,
    /// Every other system against the headline.
    pub differences: Vec<Difference>,
    /// The headline applied over and over, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticity_curve: Option<Curve>,
    /// The headline in every group of faces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupReport>,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
    /// Why faces were left out.
    pub skipped: Vec<String>,
    /// The figures of every face.
    pub faces: Vec<FaceReport>,
}

/// One system's figures.
#[derive(Debug, Clone, Serialize)]
pub struct SystemReport {
    /// Its name.
    pub name: String,
    /// Sampling steps of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// The model's sampler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<String>,
    /// The share of the detail, for a model that is sampled as a mean and its detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<f64>,
    /// Where another system's pictures are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Means over the faces.
    #[serde(flatten)]
    pub summary: Summary,
    /// The set of its pictures against the clean faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
}

/// One system minus another, face by face.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The system.
    pub system: String,
    /// What is subtracted.
    pub minus: String,
    /// Mean differences.
    #[serde(flatten)]
    pub figures: MeanScores,
}

/// The headline's figures in one group of faces.
#[derive(Debug, Clone, Serialize)]
pub struct GroupReport {
    /// The group.
    pub group: String,
    /// How many faces.
    pub faces: usize,
    /// x_d against x.
    pub input: MeanScores,
    /// f(x_d) against x.
    pub restored: MeanScores,
    /// f(x_d) minus x_d, face by face.
    pub gain: MeanScores,
}

/// The figures of one face.
#[derive(Debug, Clone, Serialize)]
pub struct FaceReport {
    /// Its file's name without the ending.
    pub name: String,
    /// Its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How x_d was made, where that is known.
    pub degradation: Option<DegradationParams>,
    /// x_d.
    pub input: Scores,
    /// In the order of the report's `systems`.
    pub systems: Vec<FaceScores>,
    /// The headline applied over and over, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticity_curve: Option<FaceCurve>,
}

impl Report {
    /// Sums up. `headline` is the index of the system that others are compared with.
    ///
    /// # Errors
    /// [`EvaluateError::Metric`] when features cannot be compared, [`EvaluateError::Empty`] when there is no face or no
    /// such system.
    pub fn new(
        head: ReportHead,
        measurement: Measurement,
        headline: usize,
        groups: Option<&Groups>,
    ) -> Result<Self, EvaluateError> {
        let Measurement { faces, systems, truth_features, input_features, skipped } = measurement;
        let empty = || EvaluateError::Empty(head.data.clone());
        let inputs: Vec<Scores> = faces.iter().map(|face| face.input).collect();
        let truth = RealFaces::of(&truth_features)?;
        let mut notes: Vec<String> = truth.iter().filter_map(RealFaces::note).collect();
        let distribution = |features: &[Tensor]| match &truth {
            Some(truth) => truth.compare(features),
            None => Ok(None),
        };
        let mut reports = Vec::with_capacity(systems.len());
        for (index, system) in systems.iter().enumerate() {
            notes.extend(resized(system, faces.len(), head.size));
            let scores: Vec<FaceScores> = faces.iter().map(|face| face.systems[index]).collect();
            let distribution = distribution(&system.features)?;
            reports.push(system_report(system, &inputs, &scores, distribution).ok_or_else(empty)?);
        }
        let name = reports.get(headline).ok_or_else(empty)?.name.clone();
        let others = (0..reports.len()).filter(|&index| index != headline);
        let differences = others.filter_map(|index| {
            let figures = MeanScores::of_differences(&column(&faces, index), &column(&faces, headline))?;
            Some(Difference { system: reports[index].name.clone(), minus: name.clone(), figures })
        });
        Ok(Self {
            input: MeanScores::of(&inputs).ok_or_else(empty)?,
            input_distribution: distribution(&input_features)?,
            differences: differences.collect(),
            authenticity_curve: Curve::of(name.clone(), &faces),
            groups: groups.map(|groups| by_group(&faces, headline, groups)).unwrap_or_default(),
            systems: reports,
            headline: name,
            notes,
            skipped,
            faces: faces.into_iter().map(|face| face_report(face, groups)).collect(),
            head,
        })
    }
}

/// What system `index` made of each face.
fn column(faces: &[MeasuredFace], index: usize) -> Vec<Scores> {
    faces.iter().map(|face| face.systems[index].restored).collect()
}

fn resized(system: &MeasuredSystem, faces: usize, size: u32) -> Option<String> {
    (system.resized > 0).then(|| {
        format!(
            "{}: {} of {faces} pictures had another size and were resized to {size}×{size} (Lanczos)",
            system.system.name(),
            system.resized
        )
    })
}

fn system_report(
    measured: &MeasuredSystem,
    inputs: &[Scores],
    scores: &[FaceScores],
    distribution: Option<Distribution>,
) -> Option<SystemReport> {
    let name = measured.system.name();
    let bare = |seconds| {
        Some(SystemReport {
            name,
            steps: None,
            sampler: None,
            detail: None,
            folder: None,
            summary: Summary::of(inputs, scores, seconds)?,
            distribution,
        })
    };
    match &measured.system {
        System::Model(run) => {
            let report = bare(Some(measured.seconds))?;
            Some(match run.sampling {
                Sampling::Steps { steps, sampler } => {
                    SystemReport { steps: Some(steps), sampler: Some(sampler.to_string()), ..report }
                }
                Sampling::MeanDetail { .. } => SystemReport { detail: Some(run.detail), ..report },
            })
        }
        System::Folder(restored) => {
            Some(SystemReport { folder: Some(restored.folder.clone()), ..bare(None)? })
        }
    }
}

/// The headline's figures group by group, in the order of the groups' names.
fn by_group(faces: &[MeasuredFace], headline: usize, groups: &Groups) -> Vec<GroupReport> {
    let mut members: BTreeMap<&str, (Vec<Scores>, Vec<Scores>)> = BTreeMap::new();
    for face in faces {
        let (inputs, restored) = members.entry(groups.of(&face.name).unwrap_or(NO_GROUP)).or_default();
        inputs.push(face.input);
        restored.push(face.systems[headline].restored);
    }
    let reports = members.into_iter().map(|(group, (inputs, restored))| {
        Some(GroupReport {
            group: group.to_owned(),
            faces: inputs.len(),
            input: MeanScores::of(&inputs)?,
            restored: MeanScores::of(&restored)?,
            gain: MeanScores::of_differences(&restored, &inputs)?,
        })
    });
    reports.flatten().collect()
}

fn face_report(face: MeasuredFace, groups: Option<&Groups>) -> FaceReport {
    FaceReport {
        group: groups.and_then(|groups| groups.of(&face.name)).map(str::to_owned),
        name: face.name,
        degradation: face.degradation,
        input: face.input,
        systems: face.systems,
        authenticity_curve: face.curve,
    }
}
