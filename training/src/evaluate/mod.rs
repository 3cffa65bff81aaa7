// SPDX-License-Identifier: MIT OR Apache-2.0
//! Evaluation on aligned faces whose truth is known: x_d, f(x_d), f(x) and f(f(x_d)), and what other systems made of
//! x_d, all measured by the same code.
//!
//! f(x) and f(f(x_d)) are the paper's authenticity (Eqs. 2 and 3): f(x) ≈ x, and f(f(d(x))) no worse than f(d(x)). The
//! [curve](Curve) goes on from there, up to ten times.

mod batch;
mod curve;
mod curve_plot;
mod distribution;
mod error;
mod gallery;
mod groups;
mod measure;
mod networks;
mod page;
mod pairs;
mod report;
mod scores;
mod system;
mod tables;

pub use batch::{Authenticity, BatchOutcome, FaceScores, Summary, evaluate_batch, evaluate_batch_with};
pub use curve::{Curve, CurvePoint, CurveStep, Distances, FaceCurve, MOST_STEPS};
pub use curve_plot::CurvePlotError;
pub use distribution::Distribution;
pub use error::EvaluateError;
pub use gallery::Gallery;
pub use groups::{Groups, GroupsError};
pub use measure::{CurveRun, Evaluation, MeasuredFace, MeasuredSystem, Measurement, ModelRuns, ShownFace};
pub use networks::{MetricNetworks, NetworkReport, NetworkReports, Truths};
pub use page::{Pictures, page};
pub use pairs::{Pair, PairSource};
pub use report::{Difference, FaceReport, GroupReport, Report, ReportHead, SystemReport};
pub use scores::{Figures, Ideal, MeanScores, Measure, Scores};
pub use system::{ModelRun, RestoredFolder, System};
pub use tables::{Table, markdown, tables};
