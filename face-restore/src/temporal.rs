// SPDX-License-Identifier: MIT OR Apache-2.0
//! From crops to restored crops: the network, and what it made of the same faces before.

use std::collections::HashMap;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::{RestoreOptions, Restorer, WarmStart, faces_from_rgb8, faces_to_rgb8};

use crate::answer::{Answers, means};
use crate::crop::{AlignedFace, CropSides};
use crate::error::FaceRestoreError;
use crate::memory::{FaceMemory, Recall, Recalled};

/// The largest share of the remembered face and input, at `temporal` = 1: something of the new frame must always get in.
const MOST_PERSISTENCE: f32 = 0.9;
/// The largest γ of a warm start. It must be small: at 0.5 the network builds on its own last answer, and what it got wrong in a
/// moving face grows from frame to frame (a talking man at 150 kbit/s lost 4 dB).
const WARMEST_START: f32 = 0.01;

/// How faces of a stream are restored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemporalOptions {
    /// Seed of the sampler's noise, the same for each face of each frame, so that noise does not flicker.
    pub seed: u64,
    /// How far a face persists from frame to frame, 0 to 1; 0 restores each frame anew.
    pub persistence: f32,
    /// How much of the detail is added to the faithful mean, 0 to 1 ([`RestoreOptions::detail`]).
    pub detail: f32,
    /// The last answer to a face that has not changed is shown in at most so many frames after its own; 0 restores every face of
    /// every frame.
    pub most_reuse: u32,
}

/// A restored crop.
#[derive(Debug)]
pub struct RestoredFace {
    /// `CV_8UC3`, RGB, of the size of the face's crop.
    pub crop: Mat,
    /// It is the answer to an earlier crop, in which nothing has changed.
    pub is_reused: bool,
}

/// A network with a memory of each face.
pub struct TemporalRestorer {
    restorer: Box<dyn Restorer>,
    recall: Recall,
    memories: HashMap<u64, FaceMemory>,
    answers: Answers,
    /// The sides of the faces' last crops.
    sides: HashMap<u64, u32>,
}

impl TemporalRestorer {
    /// `restorer` with an empty memory.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn new(restorer: Box<dyn Restorer>) -> opencv::Result<Self> {
        let answers = Answers::default();
        let (memories, sides) = (HashMap::new(), HashMap::new());
        Ok(Self { restorer, recall: Recall::new()?, memories, answers, sides })
    }

    /// Width and height of the crops; the half of it where small faces can get that.
    #[must_use]
    pub fn crop_sides(&self) -> CropSides {
        let whole = self.restorer.crop_size();
        CropSides { whole, half: Some(whole / 2).filter(|&half| half > 0 && self.restorer.takes(half)) }
    }

    /// The side of the crop in which a face that is remembered was restored last.
    #[must_use]
    pub fn last_side(&self, id: u64) -> Option<u32> {
        self.sides.get(&id).copied()
    }

    /// Forgets every face: after a seek, a flush or a change of format.
    pub fn forget(&mut self) {
        self.memories.clear();
        self.answers.clear();
        self.sides.clear();
    }

    /// Forgets all faces but those that are `alive`.
    pub fn keep(&mut self, alive: &[u64]) {
        self.memories.retain(|id, _| alive.contains(id));
        self.answers.keep(alive);
        self.sides.retain(|id, _| alive.contains(id));
    }

    /// The restored crops, RGB, in the order of `faces`, whose crops are of any of the [sides](Self::crop_sides) that the network takes.
    /// With [`TemporalOptions::persistence`] above 0, sampling begins at the face restored last, and where its input agrees with
    /// the present one, it is a part of the result and its input of the network's. With [`TemporalOptions::most_reuse`] above
    /// 0 a face that has not changed is not restored anew.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when the network or OpenCV fails.
    pub fn restore(
        &mut self,
        faces: &[AlignedFace],
        options: &TemporalOptions,
    ) -> Result<Vec<RestoredFace>, FaceRestoreError> {
        if options.most_reuse == 0 {
            self.answers.clear();
            let restored = self.restore_anew(&faces.iter().collect::<Vec<_>>(), options)?;
            return Ok(restored.into_iter().map(|crop| RestoredFace { crop, is_reused: false }).collect());
        }
        let mut shown_again = Vec::with_capacity(faces.len());
        let mut changed = Vec::new();
        for face in faces {
            let means = means(&face.crop)?;
            shown_again.push(self.answers.again(face, &means, options)?);
            if let Some(None) = shown_again.last() {
                changed.push((face, means));
            }
        }
        let anew: Vec<&AlignedFace> = changed.iter().map(|(face, _)| *face).collect();
        let restored = self.restore_anew(&anew, options)?;
        for ((face, means), restored) in changed.into_iter().zip(&restored) {
            self.answers.remember(face, means, restored, options);
        }
        let mut restored = restored.into_iter();
        let results = shown_again.into_iter().map(|again| {
            let is_reused = again.is_some();
            again.or_else(|| restored.next()).map(|crop| RestoredFace { crop, is_reused })
        });
        Ok(results.flatten().collect())
    }

    /// Restores all of the faces, whatever was answered before.
    fn restore_anew(
        &mut self,
        faces: &[&AlignedFace],
        options: &TemporalOptions,
    ) -> Result<Vec<Mat>, FaceRestoreError> {
        let persistence = MOST_PERSISTENCE * options.persistence;
        let mut recalled = Vec::with_capacity(faces.len());
        for face in faces {
            let memory = self.memories.get_mut(&face.id).filter(|_| persistence > 0.0);
            recalled.push(match memory {
                Some(memory) => {
                    memory.resize(face.crop.size()?)?;
                    Some(self.recall.recall(memory, &face.crop)?)
                }
                None => None,
            });
        }
        let inputs = faces.iter().zip(&recalled).map(|(face, recalled)| match recalled {
            Some(recalled) => recalled.blend_input(&face.crop, persistence),
            None => Ok(face.crop.clone()),
        });
        let inputs = inputs.collect::<opencv::Result<Vec<Mat>>>()?;
        let mut restored = self.sample(&inputs, &recalled, persistence, options)?;
        for (result, recalled) in restored.iter_mut().zip(&recalled) {
            if let Some(recalled) = recalled {
                *result = recalled.blend_restored(result, persistence)?;
            }
        }
        for ((face, input), restored) in faces.iter().zip(inputs).zip(&restored) {
            if persistence > 0.0 {
                self.memories.insert(face.id, FaceMemory { input, restored: restored.clone() });
            }
            self.sides.insert(face.id, face.crop.cols() as u32);
        }
        Ok(restored)
    }

    /// Runs the network: of each size of crop one batch of the `inputs` that are remembered and one of the others.
    fn sample(
        &self,
        inputs: &[Mat],
        recalled: &[Option<Recalled>],
        persistence: f32,
        options: &TemporalOptions,
    ) -> Result<Vec<Mat>, FaceRestoreError> {
        let mut restored: Vec<Mat> = vec![Mat::default(); inputs.len()];
        let mut kinds: Vec<(i32, bool)> =
            inputs.iter().zip(recalled).map(|(input, recalled)| (input.cols(), recalled.is_some())).collect();
        let kind_of = kinds.clone();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let batch: Vec<usize> = (0..inputs.len()).filter(|&index| kind_of[index] == kind).collect();
            let (size, is_warm) = (kind.0 as u32, kind.1);
            let crops = batch.iter().map(|&index| inputs[index].data_bytes());
            let x_d = faces_from_rgb8(&crops.collect::<opencv::Result<Vec<_>>>()?, size)?;
            let seeds = vec![options.seed; batch.len()];
            let detail = Some(f64::from(options.detail));
            let outputs = if is_warm {
                let starts = batch.iter().filter_map(|&index| {
                    let remembered = recalled[index].as_ref()?;
                    Some(remembered.blend_restored(&inputs[index], 1.0))
                });
                let starts = starts.collect::<opencv::Result<Vec<Mat>>>()?;
                let starts = starts.iter().map(Mat::data_bytes).collect::<opencv::Result<Vec<_>>>()?;
                let starts = faces_from_rgb8(&starts, size)?;
                let gamma = f64::from(persistence * WARMEST_START);
                let start = Some(WarmStart { faces: &starts, gamma });
                self.restorer.restore_with(&x_d, &seeds, &RestoreOptions { start, detail })?
            } else {
                self.restorer.restore_with(&x_d, &seeds, &RestoreOptions { start: None, detail })?
            };
            for (index, bytes) in batch.into_iter().zip(faces_to_rgb8(&outputs)?) {
                restored[index] =
                    Mat::new_rows_cols_with_bytes::<Vec3b>(size as i32, size as i32, &bytes)?.try_clone()?;
            }
        }
        Ok(restored)
    }
}
