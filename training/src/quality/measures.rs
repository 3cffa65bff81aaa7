// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measures that need no truth, of sets of pictures: picture by picture, as means, and against the first set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::error::QualityError;
use crate::jobs::in_parallel;
use crate::metrics::{
    CleanPatches, Mean, MetricError, MetricNetwork, Naturalness, Patch, patches, pictures_tensor,
};
use crate::picture;

/// Pictures in work at a time.
const BATCH: usize = 8;

/// What naturalness is called in reports.
const NATURALNESS: &str = "naturalness ↓";

/// What pictures are measured by.
#[derive(Default)]
pub struct Measures {
    /// The statistics of clean pictures and the side of their patches in pixels.
    naturalness: Option<(Naturalness, u32)>,
    /// Networks that give a picture a score, or shares of the votes 1 to 10, and the side in pixels at which they see it.
    networks: Vec<(MetricNetwork, u32)>,
}

/// A network that pictures were measured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkName {
    /// The file's name without its ending, under which its scores are reported.
    pub name: String,
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: String,
    /// Side in pixels at which it saw the pictures.
    pub size: u32,
}

/// One measure of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasureReport {
    /// The measure.
    pub name: String,
    /// The mean over the pictures and its bootstrap interval.
    pub mean: Mean,
    /// This set minus the first, picture by picture, of those that both have; `None` of the first itself, or without such pictures.
    pub difference: Option<Mean>,
}

/// A set of pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualitySet {
    /// Its name.
    pub name: String,
    /// Values by the pictures' names without ending, in the order of `measures`.
    pub pictures: BTreeMap<String, Vec<f64>>,
    /// The measures.
    pub measures: Vec<MeasureReport>,
}

/// All sets, as the JSON file holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityReport {
    /// Sharp patches of the clean pictures that naturalness comes from, and their side in pixels; `None` where it was not measured.
    pub patches: Option<(usize, u32)>,
    /// The networks.
    pub networks: Vec<NetworkName>,
    /// The sets; the others are compared with the first.
    pub sets: Vec<QualitySet>,
    /// Pictures that were left out, and why.
    pub left_out: Vec<String>,
}

impl Measures {
    /// Learns what is natural from the clean pictures anywhere below `folder`, in patches of `side` pixels. Returns which were
    /// left out, and why.
    ///
    /// # Errors
    /// [`QualityError::Empty`] without a usable picture, [`QualityError::Metric`] with too few patches.
    pub fn learn_naturalness(&mut self, folder: &Path, side: u32) -> Result<Vec<String>, QualityError> {
        let mut clean = CleanPatches::default();
        let (mut used, mut left_out) = (0, Vec::new());
        let files = picture::list_tree(folder)?;
        for files in files.chunks(BATCH) {
            for looked in in_parallel(files, |file| look(&folder.join(file), Some(side))) {
                match looked {
                    Ok(Look { patches, .. }) => {
                        clean.add(&patches)?;
                        used += 1;
                    }
                    Err(reason) => left_out.push(reason),
                }
            }
        }
        if used == 0 {
            return Err(QualityError::Empty {
                folder: folder.to_owned(),
                first: left_out.into_iter().next(),
            });
        }
        self.naturalness = Some((clean.finish()?, side));
        Ok(left_out)
    }

    /// Adds a network that sees the pictures' middle squares at `size`×`size` pixels.
    pub fn add_network(&mut self, network: MetricNetwork, size: u32) {
        self.networks.push((network, size));
    }

    /// Measures the pictures anywhere below the folders of `sets`, names and folders; the first is what the others are compared
    /// with. `progress` is given numbers of pictures done.
    ///
    /// # Errors
    /// [`QualityError`]; broken pictures, and those without a patch, are left out and named in the report.
    pub fn report(
        &mut self,
        sets: &[(String, PathBuf)],
        mut progress: impl FnMut(usize),
    ) -> Result<QualityReport, QualityError> {
        let mut report = QualityReport {
            patches: self.naturalness.as_ref().map(|(of, side)| (of.patches(), *side)),
            networks: self.networks.iter().map(network_name).collect(),
            sets: Vec::new(),
            left_out: Vec::new(),
        };
        for (name, folder) in sets {
            let pictures = self.values(folder, &mut report.left_out, &mut progress)?;
            let measures = self.summary(&pictures, report.sets.first().map(|first| &first.pictures));
            report.sets.push(QualitySet { name: name.clone(), pictures, measures });
        }
        Ok(report)
    }

    /// The values of the pictures of a folder, by name.
    fn values(
        &mut self,
        folder: &Path,
        left_out: &mut Vec<String>,
        progress: &mut impl FnMut(usize),
    ) -> Result<BTreeMap<String, Vec<f64>>, QualityError> {
        let side = self.naturalness.as_ref().map(|(_, side)| *side);
        let before = left_out.len();
        let mut values = BTreeMap::new();
        for files in picture::list_tree(folder)?.chunks(BATCH) {
            let looked = in_parallel(files, |file| look(&folder.join(file), side));
            for (file, looked) in files.iter().zip(looked) {
                match looked {
                    Ok(look) => {
                        values.insert(picture::name(file), self.values_of(&look)?);
                    }
                    Err(reason) => left_out.push(reason),
                }
            }
            progress(files.len());
        }
        match values.is_empty() {
            false => Ok(values),
            true => {
                Err(QualityError::Empty { folder: folder.to_owned(), first: left_out.get(before).cloned() })
            }
        }
    }

    fn values_of(&mut self, look: &Look) -> Result<Vec<f64>, QualityError> {
        let mut values = Vec::with_capacity(1 + self.networks.len());
        if let Some((naturalness, _)) = &self.naturalness {
            values.push(naturalness.distance(&look.patches)?);
        }
        for (network, size) in &mut self.networks {
            let seen = picture::resize_to_square(&look.picture, *size)?;
            values.extend(network.opinions(&pictures_tensor(&[&seen], *size)?)?);
        }
        Ok(values)
    }

    fn names(&self) -> Vec<String> {
        let naturalness = self.naturalness.as_ref().map(|_| NATURALNESS.to_owned());
        naturalness.into_iter().chain(self.networks.iter().map(|(network, _)| network.name())).collect()
    }

    fn summary(
        &self,
        pictures: &BTreeMap<String, Vec<f64>>,
        first: Option<&BTreeMap<String, Vec<f64>>>,
    ) -> Vec<MeasureReport> {
        let summary = |(index, name): (usize, String)| {
            let all: Vec<f64> = pictures.values().map(|values| values[index]).collect();
            let difference = first.and_then(|first| {
                let both = pictures
                    .iter()
                    .filter_map(|(name, values)| Some(values[index] - first.get(name)?[index]));
                Mean::of(&both.collect::<Vec<f64>>())
            });
            Some(MeasureReport { name, mean: Mean::of(&all)?, difference })
        };
        self.names().into_iter().enumerate().filter_map(summary).collect()
    }
}

fn network_name((network, size): &(MetricNetwork, u32)) -> NetworkName {
    NetworkName { name: network.name(), sha256: network.sha256().to_owned(), size: *size }
}

/// A picture that was read, and its patches where those are asked for.
struct Look {
    picture: RgbImage,
    patches: Vec<Patch>,
}

/// Reads a picture and looks at its patches, or says why not.
fn look(path: &Path, side: Option<u32>) -> Result<Look, String> {
    let picture = picture::read(path).map_err(|error| error.to_string())?;
    let found = side.map_or(Ok(Vec::new()), |side| patches(&picture, side));
    let patches = found.map_err(|error: MetricError| format!("{}: {error}", path.display()))?;
    Ok(Look { picture, patches })
}
