// SPDX-License-Identifier: MIT OR Apache-2.0
//! Features of pictures on the disk, found by what the pictures' files hold.
//!
//! What a network sees depends on the file's bytes, on the network's file and on the size that pictures are given to it at. So the
//! cache has a folder for each network and size, and in it segments of up to some thousand pictures: safetensors files with
//! `digests` (SHA-256 of the pictures' files, `[n, 32]`), `features` (`[n, D]` float32) and a checksum. A segment is written whole
//! or not at all and is never changed, so a killed run loses no more than what it had not written, and several may share a cache.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use restore_core::{tensor_from_bytes, tensor_to_bytes};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, TchError, Tensor};

use super::error::DistanceError;
use crate::digest::hexadecimal;
use crate::metrics::MetricNetwork;
use crate::picture::{self, PictureError};

/// SHA-256 of a picture's file.
pub type PictureDigest = [u8; 32];

/// Key of a segment's metadata under which its [`Header`] lies.
const METADATA_KEY: &str = "facerestore-features";
const DIGESTS: &str = "digests";
const FEATURES: &str = "features";

/// Ending of a segment's name.
const ENDING: &str = "safetensors";

/// Hexadecimal digits of a digest in a name.
const DIGITS: usize = 16;

/// After so long a temporary file is not being written any more.
const ABANDONED: Duration = Duration::from_hours(24);

/// What a segment holds beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Header {
    /// SHA-256 of the network's file.
    network: String,
    /// Side in pixels at which the network saw the pictures.
    size: u32,
    /// CRC-32C of the digests' and the features' bytes.
    checksum: u32,
}

/// The features of one network at one size.
#[derive(Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    network: String,
    size: u32,
    segments: Vec<PathBuf>,
    /// Segment and row of each picture.
    places: HashMap<PictureDigest, (usize, i64)>,
    length: Option<i64>,
    damaged: Vec<String>,
}

/// A segment as it was read.
struct Segment {
    digests: Vec<PictureDigest>,
    /// `[n, D]` float32.
    features: Tensor,
}

impl FeatureCache {
    /// The features that `folder`, which is made where missing, has of `network` for pictures of `size`×`size` pixels. Every
    /// segment is read once, one after the other; damaged ones are [named](Self::damaged) and removed, so that their pictures are
    /// seen anew.
    ///
    /// # Errors
    /// When the folder cannot be made or listed, and a segment not read or removed.
    pub fn open(folder: &Path, network: &MetricNetwork, size: u32) -> Result<Self, DistanceError> {
        let sha256 = network.sha256();
        let folder = folder.join(format!("{}-{size}", sha256.get(..DIGITS).unwrap_or(sha256)));
        std::fs::create_dir_all(&folder)
            .map_err(|source| PictureError::Write { path: folder.clone(), source })?;
        let mut cache = Self {
            folder,
            network: sha256.to_owned(),
            size,
            segments: Vec::new(),
            places: HashMap::new(),
            length: None,
            damaged: Vec::new(),
        };
        for path in cache.files()? {
            cache.add(path)?;
        }
        Ok(cache)
    }

    /// The segments, in the order of their names; what a killed run left of one is removed after a day.
    fn files(&self) -> Result<Vec<PathBuf>, DistanceError> {
        let failed = |source| PictureError::Read { path: self.folder.clone(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if restore_core::stem_of_temporary(&entry.file_name()).is_some() {
                let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
                if matches!(age, Ok(Ok(age)) if age > ABANDONED) {
                    // Another process may have removed it.
                    let _ = std::fs::remove_file(&path);
                }
            } else if path.extension().is_some_and(|ending| ending == ENDING) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), DistanceError> {
        let segment = self.read(&path)?;
        let length = segment.as_ref().ok().and_then(|segment| segment.features.size().get(1).copied());
        let fitting = segment.and_then(|segment| match self.length {
            Some(before) if Some(before) != length => {
                Err(format!("its features are {} numbers long, others' {before}", length.unwrap_or(0)))
            }
            _ => Ok(segment),
        });
        match fitting {
            Ok(segment) => {
                let place = |row: usize| (self.segments.len(), row as i64);
                let rows = segment.digests.into_iter().enumerate();
                self.places.extend(rows.map(|(row, digest)| (digest, place(row))));
                self.length = length;
                self.segments.push(path);
            }
            Err(reason) => {
                std::fs::remove_file(&path).map_err(|error| DistanceError::Cache {
                    path: path.clone(),
                    reason: format!("{reason}, and it cannot be removed ({error})"),
                })?;
                let path = path.display();
                self.damaged.push(format!("{path} was damaged ({reason}): its pictures are seen anew"));
            }
        }
        Ok(())
    }

    /// A segment, or what is wrong with it.
    fn read(&self, path: &Path) -> Result<Result<Segment, String>, DistanceError> {
        let bytes = std::fs::read(path).map_err(|error| DistanceError::Cache {
            path: path.to_owned(),
            reason: format!("it cannot be read ({error})"),
        })?;
        Ok(self.segment(&bytes))
    }

    fn segment(&self, bytes: &[u8]) -> Result<Segment, String> {
        let not_whole = |error: SafeTensorError| format!("it is not a whole safetensors file: {error}");
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(not_whole)?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let header = header.ok_or("its header is missing")?;
        let header: Header = serde_json::from_str(header).map_err(|error| format!("its header: {error}"))?;
        let file = SafeTensors::deserialize(bytes).map_err(not_whole)?;
        let digests = file.tensor(DIGESTS).map_err(not_whole)?;
        let features = file.tensor(FEATURES).map_err(not_whole)?;
        if header != self.header(checksum(digests.data(), features.data())) {
            return Err("its checksum, network or size does not fit".to_owned());
        }
        let shapes_fit = match (digests.shape(), features.shape()) {
            ([rows, 32], [count, _]) => rows == count,
            _ => false,
        };
        if !shapes_fit || digests.dtype() != Dtype::U8 || features.dtype() != Dtype::F32 {
            return Err("its tensors have other shapes".to_owned());
        }
        let (digests, _) = digests.data().as_chunks::<32>();
        let features = tensor_from_bytes(features.data(), Kind::Float, features.shape());
        Ok(Segment { digests: digests.to_vec(), features: features.map_err(|error| error.to_string())? })
    }

    fn header(&self, checksum: u32) -> Header {
        Header { network: self.network.clone(), size: self.size, checksum }
    }

    /// What was wrong with segments that were removed, a line each.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// Whether the features of the picture whose file has this digest are there.
    #[must_use]
    pub fn holds(&self, picture: &PictureDigest) -> bool {
        self.places.contains_key(picture)
    }

    /// D of the features that are there; `None` without any.
    #[must_use]
    pub fn length(&self) -> Option<i64> {
        self.length
    }

    /// Writes a segment of `features` `[n, D]` of `n` pictures. A cache that is opened later has them.
    ///
    /// # Errors
    /// [`PictureError::Write`] with a full disk, …
    pub fn store(&self, pictures: &[PictureDigest], features: &Tensor) -> Result<(), DistanceError> {
        let digests = pictures.as_flattened();
        let (shape, values) = (features.size(), tensor_to_bytes(&features.f_to_kind(Kind::Float)?)?);
        let shape: Vec<usize> = shape.into_iter().map(|extent| extent as usize).collect();
        let views = || -> Result<Vec<u8>, SafeTensorError> {
            let digests = TensorView::new(Dtype::U8, vec![pictures.len(), 32], digests)?;
            let features = TensorView::new(Dtype::F32, shape, &values)?;
            let header = serde_json::to_string(&self.header(checksum(digests.data(), features.data())));
            let header = header.map_err(SafeTensorError::JsonError)?;
            let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
            safetensors::serialize([(DIGESTS, digests), (FEATURES, features)], Some(metadata))
        };
        let bytes = views().map_err(|error| DistanceError::Cache {
            path: self.folder.clone(),
            reason: format!("features cannot be written ({error})"),
        })?;
        let name = hexadecimal(Sha256::new().chain_update(&bytes));
        let name = format!("{}.{ENDING}", name.get(..DIGITS).unwrap_or(&name));
        Ok(picture::write_atomically(&self.folder.join(name), &bytes)?)
    }

    /// Copies the features of pictures that the cache [holds](Self::holds) into rows of `into` `[N, D]`, each segment read once.
    ///
    /// # Errors
    /// [`DistanceError::Cache`] when a segment is not what it was when the cache was opened.
    pub fn fetch(&self, wanted: &[(PictureDigest, i64)], into: &mut Tensor) -> Result<(), DistanceError> {
        let mut rows: BTreeMap<usize, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
        for (digest, target) in wanted {
            if let Some(&(segment, row)) = self.places.get(digest) {
                let (from, to) = rows.entry(segment).or_default();
                from.push(row);
                to.push(*target);
            }
        }
        for (segment, (from, to)) in rows {
            let path = &self.segments[segment];
            let changed = |reason| DistanceError::Cache { path: path.clone(), reason };
            let features = self.read(path)?.map_err(changed)?.features;
            copy_rows(&features, &from, into, &to)?;
        }
        Ok(())
    }
}

fn copy_rows(features: &Tensor, from: &[i64], into: &mut Tensor, to: &[i64]) -> Result<(), TchError> {
    let rows = features.f_index_select(0, &Tensor::f_from_slice(from)?)?;
    into.f_index_copy_(0, &Tensor::f_from_slice(to)?, &rows).map(drop)
}

fn checksum(digests: &[u8], features: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(digests), features)
}
