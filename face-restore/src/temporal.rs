// SPDX-License-Identifier: MIT OR Apache-2.0
//! From crops to restored crops: the network, and what it made of the same faces before.

use std::collections::HashMap;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::{RestoreOptions, Restorer, WarmStart, faces_from_rgb8, faces_to_rgb8};

use crate::crop::AlignedFace;
use crate::error::FaceRestoreError;
use crate::memory::{FaceMemory, Recall, Recalled};

/// The largest share of the remembered face and input, at `temporal` = 1: something of the new frame must always get in.
const MOST_PERSISTENCE: f32 = 0.9;
/// The largest γ of a warm start. It must be small: at 0.5 the network builds on its own last answer, and what it got wrong in a
/// moving face grows from frame to frame (a talking man at 150 kbit/s lost 4 dB).
const WARMEST_START: f32 = 0.01;

/// How faces of a stream are restored.
#[derive(Debug, Clone, Copy)]
pub struct TemporalOptions {
    /// Seed of the sampler's noise, the same for each face of each frame, so that noise does not flicker.
    pub seed: u64,
    /// How far a face persists from frame to frame, 0 to 1; 0 restores each frame anew.
    pub persistence: f32,
    /// How much of the detail is added to the faithful mean, 0 to 1 ([`RestoreOptions::detail`]).
    pub detail: f32,
}

/// A network with a memory of each face.
pub struct TemporalRestorer {
    restorer: Box<dyn Restorer>,
    recall: Recall,
    memories: HashMap<u64, FaceMemory>,
}

impl TemporalRestorer {
    /// `restorer` with an empty memory.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub fn new(restorer: Box<dyn Restorer>) -> opencv::Result<Self> {
        Ok(Self { restorer, recall: Recall::new()?, memories: HashMap::new() })
    }

    /// Width and height of the crops.
    #[must_use]
    pub fn crop_size(&self) -> u32 {
        self.restorer.crop_size()
    }

    /// Forgets every face: after a seek, a flush or a change of format.
    pub fn forget(&mut self) {
        self.memories.clear();
    }

    /// Forgets all faces but those that are `alive`.
    pub fn keep(&mut self, alive: &[u64]) {
        self.memories.retain(|id, _| alive.contains(id));
    }

    /// The restored crops, RGB, in the order of `faces`. With [`TemporalOptions::persistence`] above 0, sampling begins at
    /// the face restored last, and where its input agrees with the present one, it is a part of the result and its input of
    /// the network's.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when the network or OpenCV fails.
    pub fn restore(
        &mut self,
        faces: &[AlignedFace],
        options: &TemporalOptions,
    ) -> Result<Vec<Mat>, FaceRestoreError> {
        let persistence = MOST_PERSISTENCE * options.persistence;
        let mut recalled = Vec::with_capacity(faces.len());
        for face in faces {
            let memory = self.memories.get(&face.id).filter(|_| persistence > 0.0);
            recalled.push(memory.map(|memory| self.recall.recall(memory, &face.crop)).transpose()?);
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
        if persistence > 0.0 {
            for ((face, input), restored) in faces.iter().zip(inputs).zip(&restored) {
                self.memories.insert(face.id, FaceMemory { input, restored: restored.clone() });
            }
        }
        Ok(restored)
    }

    /// Runs the network: one batch of the `inputs` that are remembered, one of the others.
    fn sample(
        &self,
        inputs: &[Mat],
        recalled: &[Option<Recalled>],
        persistence: f32,
        options: &TemporalOptions,
    ) -> Result<Vec<Mat>, FaceRestoreError> {
        let size = self.crop_size();
        let mut restored: Vec<Mat> = vec![Mat::default(); inputs.len()];
        for warm in [false, true] {
            let batch: Vec<usize> =
                (0..inputs.len()).filter(|&index| recalled[index].is_some() == warm).collect();
            if batch.is_empty() {
                continue;
            }
            let crops = batch.iter().map(|&index| inputs[index].data_bytes());
            let x_d = faces_from_rgb8(&crops.collect::<opencv::Result<Vec<_>>>()?, size)?;
            let seeds = vec![options.seed; batch.len()];
            let detail = Some(f64::from(options.detail));
            let outputs = if warm {
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
