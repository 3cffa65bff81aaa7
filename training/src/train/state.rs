// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of a training run as one safetensors file: weights, averages, moments and counters, with a checksum.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::detail::Terms;
use restore_core::{tensor_from_bytes, tensor_to_bytes};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Kind, TchError, Tensor};

/// Key of the header's metadata under which the [`Header`] lies.
const METADATA_KEY: &str = "facerestore-training-state";

/// A state that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read or written at all.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is there but is not what was written.
    #[error("{} is damaged or no state of a training run: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors cannot be copied.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}

/// Losses of iterations that are in no line of the metrics yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct LossSum {
    /// Their sum.
    pub sum: f64,
    /// How many.
    pub count: u64,
    /// Sums of the terms, for a network with a detail head.
    #[serde(default)]
    pub terms: Terms,
}

/// All that a run needs to go on as if it had never stopped.
#[derive(Debug)]
pub struct RunState {
    /// The [`TrainConfig`](crate::train::config::TrainConfig) that it was made with, as JSON: states are read by versions with
    /// more keys.
    pub config: Value,
    /// Optimiser steps done.
    pub iterations: u64,
    /// What the next line of the metrics begins with.
    pub unlogged: LossSum,
    /// Weights (`weights.NAME`), their averages (`average.NAME`), the optimiser's moments (`optimiser.first.NAME`,
    /// `optimiser.second.NAME`), and the like of a discriminator (`discriminator.NAME`); fp32, on any device, on the CPU when
    /// read.
    pub tensors: BTreeMap<String, Tensor>,
}

/// What the file holds beside the tensors. JSON in the header, where whole numbers of any size are exact.
#[derive(Serialize, Deserialize)]
struct Header {
    config: Value,
    iterations: u64,
    unlogged: LossSum,
    /// CRC-32C of the tensors' bytes in the order of their names.
    checksum: u32,
}

impl RunState {
    /// Writes the state, whole or not at all.
    ///
    /// # Errors
    /// [`StateError::Io`], for example with a full disk; a file of that name stays as it was.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        let failed = |source| StateError::Io { action: "write", path: path.to_owned(), source };
        let mut contents = Vec::with_capacity(self.tensors.len());
        for (name, tensor) in &self.tensors {
            contents.push((name, tensor_to_bytes(&tensor.f_to_kind(Kind::Float)?)?, tensor.size()));
        }
        let checksum = contents.iter().fold(0, |sum, (_, bytes, _)| crc32c::crc32c_append(sum, bytes));
        let header = Header {
            config: self.config.clone(),
            iterations: self.iterations,
            unlogged: self.unlogged,
            checksum,
        };
        let header = serde_json::to_string(&header).map_err(|error| failed(error.into()))?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        let invalid = |error: safetensors::SafeTensorError| failed(std::io::Error::other(error));
        let views = contents
            .iter()
            .map(|(name, bytes, shape)| {
                let shape = shape.iter().map(|&extent| extent as usize).collect();
                Ok((*name, TensorView::new(Dtype::F32, shape, bytes)?))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(invalid)?;
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(invalid)?;
        restore_core::write_atomically(path, &bytes).map_err(failed)
    }

    /// Reads and checks a state.
    ///
    /// # Errors
    /// [`StateError::Io`] when it cannot be read, [`StateError::Damaged`] when it is cut off, changed, or another file.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let bytes = std::fs::read(path).map_err(|source| StateError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let damaged = |reason: String| StateError::Damaged { path: path.to_owned(), reason };
        let not_whole = |error: safetensors::SafeTensorError| {
            damaged(format!("it is not a whole safetensors file ({error}; {} bytes)", bytes.len()))
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(not_whole)?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let header = header.ok_or_else(|| damaged("its header holds no state".to_owned()))?;
        let header: Header =
            serde_json::from_str(header).map_err(|error| damaged(format!("its header: {error}")))?;
        let file = SafeTensors::deserialize(&bytes).map_err(not_whole)?;
        let views: BTreeMap<&str, TensorView> = file.iter().collect();
        let checksum = views.values().fold(0, |sum, view| crc32c::crc32c_append(sum, view.data()));
        if checksum != header.checksum {
            return Err(damaged("its checksum does not fit its contents".to_owned()));
        }
        let tensors = views
            .iter()
            .map(|(name, view)| {
                Ok(((*name).to_owned(), tensor_from_bytes(view.data(), Kind::Float, view.shape())?))
            })
            .collect::<Result<_, TchError>>()?;
        Ok(Self { config: header.config, iterations: header.iterations, unlogged: header.unlogged, tensors })
    }

    /// The tensors whose names begin with `prefix` and a dot, by the rest of the name.
    #[must_use]
    pub fn part(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let rest = |name: &str| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned());
        let named = self.tensors.iter().filter_map(|(name, tensor)| Some((rest(name)?, tensor)));
        named.map(|(name, tensor)| (name, tensor.shallow_clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> RunState {
        RunState {
            config: serde_json::json!({"run": {"seed": 3}}),
            // Beyond what an f32 and an f64 hold exactly.
            iterations: (1 << 53) + 1,
            unlogged: LossSum { sum: 0.1 + 0.2, count: 7, terms: Terms { pixel: 0.3, ..Terms::default() } },
            tensors: BTreeMap::from([
                ("weights.b".to_owned(), Tensor::from_slice(&[1.0_f32, -2.5, 3e-20]).view([3, 1])),
                ("weights.a.c".to_owned(), Tensor::from_slice(&[f32::MIN_POSITIVE])),
                ("average.b".to_owned(), Tensor::from_slice(&[7.0_f32])),
            ]),
        }
    }

    #[test]
    fn a_state_reads_back_to_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let saved = state();
        saved.save(&path).unwrap();
        let read = RunState::open(&path).unwrap();
        assert_eq!(
            (read.config, read.iterations, read.unlogged),
            (saved.config, saved.iterations, saved.unlogged)
        );
        assert_eq!(read.tensors.len(), 3);
        for (name, tensor) in &saved.tensors {
            assert!(tensor.equal(&read.tensors[name]), "{name}");
        }
        let read = RunState::open(&path).unwrap().part("weights");
        assert_eq!(read.keys().collect::<Vec<_>>(), ["a.c", "b"]);
    }

    /// Any byte changed and any length cut off is noticed (the header's padding aside, which means nothing).
    #[test]
    fn damage_anywhere_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        state().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let damaged = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            matches!(RunState::open(&path), Err(StateError::Damaged { .. }))
        };
        for length in [0, 4, 100, whole.len() - 1] {
            assert!(damaged(&whole[..length]), "cut off at {length}");
        }
        for back in 1..=20 {
            let mut changed = whole.clone();
            let position = whole.len() - back;
            changed[position] ^= 0x10;
            assert!(damaged(&changed), "changed {back} bytes from the end");
        }
        assert!(!damaged(&whole));
        assert!(matches!(RunState::open(folder.path()), Err(StateError::Io { .. })));
    }
}
