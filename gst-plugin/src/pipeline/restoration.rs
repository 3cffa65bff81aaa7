//! From crops to restored crops: the network, and what it made of the same faces before.

use std::collections::HashMap;

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::{Restorer, WarmStart, faces_from_rgb8, faces_to_rgb8};

use super::crops::AlignedFace;
use crate::error::FrameError;
use crate::temporal::{FaceMemory, Recall, Recalled};

/// The largest share of the remembered face and input, at `temporal` = 1: something of the new frame must always get in.
const MOST_PERSISTENCE: f32 = 0.9;
/// The largest γ of a warm start. It must be small: at 0.5 the network builds on its own last answer, and what it got wrong in a
/// moving face grows from frame to frame (a talking man at 150 kbit/s lost 4 dB).
const WARMEST_START: f32 = 0.01;

/// How faces are restored.
#[derive(Debug, Clone, Copy)]
pub struct RestoreOptions {
    /// Seed of the sampler's noise, the same for each face of each frame, so that noise does not flicker.
    pub seed: u64,
    /// How far a face persists from frame to frame, 0 to 1; 0 restores each frame anew.
    pub temporal: f32,
}

/// A network with a memory of each track's face.
pub struct Restoration {
    restorer: Box<dyn Restorer>,
    recall: Recall,
    memories: HashMap<u64, FaceMemory>,
}

impl Restoration {
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

    /// Forgets every face: after a seek, a change of caps or a failure.
    pub fn forget(&mut self) {
        self.memories.clear();
    }

    /// Forgets the faces of tracks that have ended.
    pub fn keep_tracks(&mut self, is_alive: impl Fn(u64) -> bool) {
        self.memories.retain(|&id, _| is_alive(id));
    }

    /// The restored crops, RGB, in the order of `faces`. With [`RestoreOptions::temporal`] above 0, sampling begins at
    /// the face restored last, and where its input agrees with the present one, it is a part of the result and its input of
    /// the network's.
    ///
    /// # Errors
    /// [`FrameError`] when the network or OpenCV fails.
    pub fn restore(
        &mut self,
        faces: &[AlignedFace],
        options: &RestoreOptions,
    ) -> Result<Vec<Mat>, FrameError> {
        let persistence = MOST_PERSISTENCE * options.temporal;
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
        let mut restored = self.sample(&inputs, &recalled, persistence, options.seed)?;
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
        seed: u64,
    ) -> Result<Vec<Mat>, FrameError> {
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
            let seeds = vec![seed; batch.len()];
            let outputs = if warm {
                let starts = batch.iter().filter_map(|&index| {
                    let remembered = recalled[index].as_ref()?;
                    Some(remembered.blend_restored(&inputs[index], 1.0))
                });
                let starts = starts.collect::<opencv::Result<Vec<Mat>>>()?;
                let starts = starts.iter().map(Mat::data_bytes).collect::<opencv::Result<Vec<_>>>()?;
                let starts = faces_from_rgb8(&starts, size)?;
                let warm = WarmStart { faces: &starts, gamma: f64::from(persistence * WARMEST_START) };
                self.restorer.restore_from(&x_d, &warm, &seeds)?
            } else {
                self.restorer.restore(&x_d, &seeds)?
            };
            for (index, bytes) in batch.into_iter().zip(faces_to_rgb8(&outputs)?) {
                restored[index] =
                    Mat::new_rows_cols_with_bytes::<Vec3b>(size as i32, size as i32, &bytes)?.try_clone()?;
            }
        }
        Ok(restored)
    }
}
