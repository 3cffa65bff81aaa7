// SPDX-License-Identifier: MIT OR Apache-2.0
//! The features of a folder of pictures: read, seen by the network and forgotten batch by batch, or taken from the cache.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crossbeam::channel::{Sender, bounded};
use image::RgbImage;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::cache::{FeatureCache, PictureDigest};
use super::error::DistanceError;
use crate::jobs::{in_parallel, interrupt};
use crate::metrics::{MetricNetwork, pictures_tensor};
use crate::picture::{self, PictureError};

/// Pictures in one batch of the network. Three batches are in memory at most.
const BATCH: usize = 16;

/// Pictures whose features make a segment of the cache: the most that a killed run has to see again.
const SEGMENT: usize = 1024;

/// The features of a folder of pictures.
#[derive(Debug)]
pub struct FeatureSet {
    /// `[N, D]` float32, in the order of the pictures' paths.
    pub features: Tensor,
    /// How many of them came from the cache.
    pub cached: usize,
    /// Pictures that were left out, and why.
    pub left_out: Vec<String>,
    /// Pictures read, and looked up or seen by the network, in a second.
    pub pictures_per_second: f64,
}

/// A picture before the network.
enum Seen {
    /// The cache has its features.
    Known(PictureDigest),
    /// At the network's size.
    New(PictureDigest, RgbImage),
}

/// The features of every picture anywhere below `folder`, each resized (Lanczos) to `size`×`size` pixels; `None` when the user
/// interrupted it, and what was seen is in the cache. Pictures that are broken or not square are left out. `progress` is
/// given numbers of pictures done.
///
/// # Errors
/// [`DistanceError`] when the folder has no usable picture, the network fails, or the cache cannot be written.
pub fn features(
    folder: &Path,
    network: &mut MetricNetwork,
    size: u32,
    cache: &FeatureCache,
    mut progress: impl FnMut(usize),
) -> Result<Option<FeatureSet>, DistanceError> {
    let files = picture::list_tree(folder)?;
    if files.is_empty() {
        return Err(DistanceError::Empty(folder.to_owned()));
    }
    let start = Instant::now();
    let mut collected = Collected { capacity: files.len() as i64, ..Collected::default() };
    let (sender, batches) = bounded(1);
    let finished = std::thread::scope(|scope| {
        let files = &files;
        scope.spawn(move || look_at_all(folder, files, size, cache, sender));
        for batch in batches {
            if interrupt::requested() {
                return collected.flush(cache).map(|()| false);
            }
            let count = batch.len();
            collected.take(batch, network, size, cache)?;
            progress(count);
        }
        collected.flush(cache).map(|()| true)
    })?;
    if !finished {
        return Ok(None);
    }
    let (cached, count) = (collected.known.len(), collected.count as usize);
    if let (0, Some(first)) = (count, collected.left_out.first()) {
        let (folder, first) = (folder.to_owned(), first.clone());
        return Err(DistanceError::NothingLeft { folder, count: files.len(), first });
    }
    let (features, left_out) = collected.finish(cache)?;
    let pictures_per_second = files.len() as f64 / start.elapsed().as_secs_f64();
    Ok(Some(FeatureSet { features, cached, left_out, pictures_per_second }))
}

type Batch = Vec<Result<Seen, PictureError>>;

fn look_at_all(folder: &Path, files: &[PathBuf], size: u32, cache: &FeatureCache, sender: Sender<Batch>) {
    for files in files.chunks(BATCH) {
        let seen = in_parallel(files, |file| look_at(&folder.join(file), size, cache));
        if sender.send(seen).is_err() {
            return;
        }
    }
}

fn look_at(path: &Path, size: u32, cache: &FeatureCache) -> Result<Seen, PictureError> {
    let bytes = std::fs::read(path).map_err(|source| PictureError::Read { path: path.to_owned(), source })?;
    let digest: PictureDigest = Sha256::digest(&bytes).into();
    if cache.holds(&digest) {
        return Ok(Seen::Known(digest));
    }
    let picture = picture::read_bytes(path, &bytes)?;
    let (width, height) = picture.dimensions();
    if width != height {
        let reason = format!("{width}×{height} pixels are not square, as the network's input is");
        return Err(PictureError::Unfit { path: path.to_owned(), reason });
    }
    Ok(Seen::New(digest, picture::resize_antialiased(&picture, size, size)?))
}

/// What is there of a set so far.
#[derive(Default)]
struct Collected {
    /// Rows of [`Self::all`].
    capacity: i64,
    /// `[capacity, D]` once D is known.
    all: Option<Tensor>,
    /// Rows that are taken.
    count: i64,
    /// Pictures whose features are in the cache, and their rows.
    known: Vec<(PictureDigest, i64)>,
    /// Pictures whose features are not yet written to the cache, and those.
    unwritten: Vec<PictureDigest>,
    unwritten_features: Vec<Tensor>,
    left_out: Vec<String>,
}

impl Collected {
    fn take(
        &mut self,
        batch: Batch,
        network: &mut MetricNetwork,
        size: u32,
        cache: &FeatureCache,
    ) -> Result<(), DistanceError> {
        let (mut rows, mut pictures) = (Vec::new(), Vec::new());
        for seen in batch {
            match seen {
                Ok(Seen::Known(digest)) => self.known.push((digest, self.count)),
                Ok(Seen::New(digest, picture)) => {
                    rows.push(self.count);
                    pictures.push(picture);
                    self.unwritten.push(digest);
                }
                Err(error) => {
                    self.left_out.push(error.to_string());
                    continue;
                }
            }
            self.count += 1;
        }
        if pictures.is_empty() {
            return Ok(());
        }
        let tensor = pictures_tensor(&pictures.iter().collect::<Vec<_>>(), size)?;
        let features = network.features(&tensor)?.f_to_kind(Kind::Float)?;
        let mut all = self.rows(features.size()[1])?;
        let _ = all.f_index_copy_(0, &Tensor::f_from_slice(&rows)?, &features)?;
        self.unwritten_features.push(features);
        if self.unwritten.len() >= SEGMENT { self.flush(cache) } else { Ok(()) }
    }

    /// All rows, of `length` numbers each: the same memory each time.
    fn rows(&mut self, length: i64) -> Result<Tensor, DistanceError> {
        let all = match self.all.take() {
            Some(all) => all,
            None => Tensor::f_zeros([self.capacity, length], (Kind::Float, Device::Cpu))?,
        };
        Ok(self.all.insert(all).shallow_clone())
    }

    /// Writes what is new to the cache.
    fn flush(&mut self, cache: &FeatureCache) -> Result<(), DistanceError> {
        if !self.unwritten.is_empty() {
            cache.store(&self.unwritten, &Tensor::f_cat(&self.unwritten_features, 0)?)?;
            self.unwritten.clear();
            self.unwritten_features.clear();
        }
        Ok(())
    }

    /// The features with those from the cache, and why pictures were left out.
    fn finish(mut self, cache: &FeatureCache) -> Result<(Tensor, Vec<String>), DistanceError> {
        // Without a new picture D is that of the cache.
        let length = cache.length().unwrap_or(0);
        let mut all = self.rows(length)?;
        cache.fetch(&self.known, &mut all)?;
        Ok((all.f_narrow(0, 0, self.count)?, self.left_out))
    }
}
