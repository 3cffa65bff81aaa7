// SPDX-License-Identifier: MIT OR Apache-2.0
//! The faces of a still picture: found, aligned, restored, put back.

use std::path::Path;

use face_detect::{DetectOptions, Face, FaceDetail, FaceDetector, PasteOptions};
use opencv::core::{Mat, MatTraitConstManual};
use opencv::prelude::MatTraitConst;
use restore_core::Restorer;

use crate::crop::{AlignedFace, align_face};
use crate::error::FaceRestoreError;
use crate::overlap::weigh_overlaps;
use crate::picture::RgbPicture;
use crate::pixels::FramePixels;

/// Faces in one batch of the network: a large group must not need the memory of all its faces at once.
const BATCH: usize = 8;

/// Which faces of a photo count: every one that the detector can find, however small and however many.
#[must_use]
pub fn every_face() -> DetectOptions {
    DetectOptions { min_face_size: 1, max_faces: usize::MAX, ..DetectOptions::default() }
}

/// The faces of a photo.
#[derive(Debug, Default)]
pub struct FoundFaces {
    /// Each with its crop, whose id is the face's number, the largest first.
    pub faces: Vec<(Face, AlignedFace)>,
    /// How many more there were, with landmarks that no crop follows from.
    pub degenerate: usize,
}

/// Finds the faces of photos.
pub struct PhotoFinder {
    detector: FaceDetector,
    detect: DetectOptions,
}

impl PhotoFinder {
    /// Loads the detector (YuNet).
    ///
    /// # Errors
    /// [`FaceRestoreError::Detect`] when the file cannot be used.
    pub fn open(detector: &Path, detect: DetectOptions) -> Result<Self, FaceRestoreError> {
        Ok(Self { detector: FaceDetector::open(detector)?, detect })
    }

    /// The faces of `photo`, also when it lies on its side or stands on its head (see [`FaceDetector::search`]), cut to
    /// crops of `crop_size`×`crop_size` pixels.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when the photo cannot be read or OpenCV fails.
    pub fn find(&mut self, photo: &dyn FramePixels, crop_size: u32) -> Result<FoundFaces, FaceRestoreError> {
        let shrunk = |width, height| Ok::<_, FaceRestoreError>(photo.shrunk_bgr(width, height)?);
        let faces = self.detector.search(photo.size(), &self.detect, shrunk)?;
        cut(photo, &faces, crop_size)
    }
}

/// The crops of `faces`.
fn cut(photo: &dyn FramePixels, faces: &[Face], crop_size: u32) -> Result<FoundFaces, FaceRestoreError> {
    let mut found = FoundFaces::default();
    for (id, face) in (0..).zip(faces) {
        match align_face(photo, id, &face.landmarks, crop_size)? {
            Some(aligned) => found.faces.push((*face, aligned)),
            None => found.degenerate += 1,
        }
    }
    Ok(found)
}

/// What became of a photo's faces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhotoReport {
    /// Faces restored.
    pub restored: usize,
    /// Faces left as they are, because no crop follows from their landmarks.
    pub degenerate: usize,
}

/// Restores the faces of photos with one detector and one network.
pub struct PhotoRestorer<'a> {
    finder: PhotoFinder,
    restorer: &'a dyn Restorer,
    paste: PasteOptions,
}

impl<'a> PhotoRestorer<'a> {
    /// Restores the faces that `finder` finds, and puts them back as `paste` says.
    #[must_use]
    pub fn new(finder: PhotoFinder, restorer: &'a dyn Restorer, paste: PasteOptions) -> Self {
        Self { finder, restorer, paste }
    }

    /// Restores every face of `photo`; pixels away from faces stay as they are. Face number k gets the seed `seed` + k.
    ///
    /// # Errors
    /// [`FaceRestoreError`] when OpenCV or the network fails; the photo is then unchanged.
    pub fn restore(&mut self, photo: &mut RgbPicture, seed: u64) -> Result<PhotoReport, FaceRestoreError> {
        let found = self.finder.find(photo, self.restorer.crop_size())?;
        self.put_back(photo, &found, seed)
    }

    fn put_back(
        &self,
        photo: &mut RgbPicture,
        found: &FoundFaces,
        seed: u64,
    ) -> Result<PhotoReport, FaceRestoreError> {
        let (width, height) = photo.size();
        let crop_size = self.restorer.crop_size() as i32;
        let mut corrections = Vec::with_capacity(found.faces.len());
        for batch in found.faces.chunks(BATCH) {
            let crops = batch.iter().map(|(_, face)| face.crop.data_bytes());
            let crops = crops.collect::<opencv::Result<Vec<_>>>()?;
            let seeds: Vec<u64> = batch.iter().map(|(_, face)| seed.wrapping_add(face.id)).collect();
            for ((_, face), bytes) in batch.iter().zip(self.restorer.restore_rgb8(&crops, &seeds)?) {
                let flat = Mat::from_slice(&bytes)?;
                let restored = flat.reshape(3, crop_size)?;
                let detail = FaceDetail::between(&face.crop, &restored, self.paste.keep_color)?;
                corrections.extend(detail.correction(&face.to_crop, width, height, self.paste.strength)?);
            }
        }
        weigh_overlaps(&mut corrections)?;
        photo.apply(&corrections)?;
        Ok(PhotoReport { restored: found.faces.len(), degenerate: found.degenerate })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use face_detect::{Cells, Region};
    use opencv::core::{ROTATE_90_CLOCKWISE, ROTATE_180, Rect, Scalar, Size, Vec3b, rotate};
    use opencv::imgproc;
    use tch::Tensor;

    use super::*;
    use crate::fixtures::{self, Answering};

    fn finder() -> PhotoFinder {
        PhotoFinder::open(&fixtures::detector(), every_face()).unwrap()
    }

    fn restorer(network: &dyn Restorer) -> PhotoRestorer<'_> {
        PhotoRestorer::new(finder(), network, PasteOptions { strength: 1.0, keep_color: false })
    }

    #[test]
    fn every_face_is_restored_by_the_shipped_network_and_nothing_else_is_touched() {
        let network = fixtures::network();
        let mut blurred = Mat::default();
        let sigma = 2.0;
        imgproc::gaussian_blur_def(&fixtures::astronaut(), &mut blurred, Size::default(), sigma).unwrap();
        let mut photo = fixtures::picture(&blurred);
        let before = photo.bytes().unwrap().to_vec();
        let report = PhotoRestorer::new(finder(), &*network, PasteOptions::default()).restore(&mut photo, 0);
        assert_eq!(report.unwrap(), PhotoReport { restored: 1, degenerate: 0 });
        let changed = |x: usize, y: usize| {
            let at = 3 * (y * 512 + x);
            photo.bytes().unwrap()[at..at + 3] != before[at..at + 3]
        };
        let face = (80..170).flat_map(|y| (180..265).map(move |x| (x, y)));
        assert!(face.filter(|&(x, y)| changed(x, y)).count() > 1000);
        assert!((0..512).all(|x| (300..512).all(|y| !changed(x, y))), "the body is no face");
    }

    #[test]
    fn a_photo_on_its_side_or_its_head_is_restored_where_its_face_is() {
        let negative = Answering(|faces: &Tensor| Ok(faces.neg()));
        // The face's centre is near (222, 120) of 512×512.
        for (code, (x, y)) in [(ROTATE_90_CLOCKWISE, (391, 222)), (ROTATE_180, (289, 391))] {
            let mut turned = Mat::default();
            rotate(&fixtures::astronaut(), &mut turned, code).unwrap();
            let mut photo = fixtures::picture(&turned);
            let report = restorer(&negative).restore(&mut photo, 0).unwrap();
            assert_eq!(report, PhotoReport { restored: 1, degenerate: 0 });
            let (mut changed, mut pixels) = (0, 0);
            for (x, y) in (y - 25..y + 25).flat_map(|y| (x - 25..x + 25).map(move |x| (x, y))) {
                let before = turned.at_2d::<Vec3b>(y, x).unwrap().0;
                let after = photo.region_rgb(Region { x, y, width: 1, height: 1 }).unwrap();
                changed += i32::from(after.at_2d::<Vec3b>(0, 0).unwrap().0 != before);
                pixels += 1;
            }
            assert!(changed > pixels * 8 / 10, "{changed} of {pixels} pixels of the face");
            let body = photo.region_rgb(Region { x: 0, y: 0, width: 100, height: 100 }).unwrap();
            let before = Mat::roi(&turned, Rect::new(0, 0, 100, 100)).unwrap().try_clone().unwrap();
            assert_eq!(body.data_bytes().unwrap(), before.data_bytes().unwrap(), "away from the face");
        }
    }

    /// Two finds of one face are the hardest overlap there is.
    #[test]
    fn where_faces_overlap_a_pixel_changes_once() {
        let negative = Answering(|faces: &Tensor| Ok(faces.neg()));
        let mut restorer = restorer(&negative);
        let original = fixtures::picture(&fixtures::astronaut());
        let once = restorer.finder.find(&original, 64).unwrap();
        let mut twice = restorer.finder.find(&original, 64).unwrap();
        twice.faces.extend(restorer.finder.find(&original, 64).unwrap().faces);
        let (mut of_one, mut of_two) = (original.clone(), original);
        restorer.put_back(&mut of_one, &once, 0).unwrap();
        let report = restorer.put_back(&mut of_two, &twice, 0).unwrap();
        assert_eq!(report.restored, 2);
        // Within the core of the mask the second find has nothing left to say.
        let core = Region { x: 205, y: 95, width: 36, height: 50 };
        let [one, two] = [&of_one, &of_two].map(|photo| photo.region_rgb(core).unwrap());
        assert_eq!(one.data_bytes().unwrap(), two.data_bytes().unwrap());
    }

    #[test]
    fn a_degenerate_face_is_counted_and_the_others_are_cut() {
        let photo = fixtures::picture(&fixtures::astronaut());
        let (face, _) = finder().find(&photo, 64).unwrap().faces.remove(0);
        let point = Face { landmarks: [face.landmarks[0]; 5], ..face };
        let far =
            Face { landmarks: face.landmarks.map(|p| face_detect::Point { x: p.x + 9e6, ..p }), ..face };
        let nowhere =
            Face { landmarks: face.landmarks.map(|p| face_detect::Point { y: f32::NAN, ..p }), ..face };
        let found = cut(&photo, &[point, face, far, nowhere], 64).unwrap();
        assert_eq!((found.faces.len(), found.degenerate), (1, 3));
        assert_eq!(found.faces[0].1.id, 1, "its number among those that were found");
    }

    /// A photo that notes which parts of it are read at full size.
    struct Watched(RgbPicture, RefCell<Vec<Region>>);

    impl FramePixels for Watched {
        fn size(&self) -> (u32, u32) {
            self.0.size()
        }

        fn region_rgb(&self, region: Region) -> opencv::Result<Mat> {
            self.1.borrow_mut().push(region);
            self.0.region_rgb(region)
        }

        fn shrunk_bgr(&self, width: u32, height: u32) -> opencv::Result<Mat> {
            self.0.shrunk_bgr(width, height)
        }

        fn cells(&self) -> opencv::Result<Cells> {
            self.0.cells()
        }

        fn shrunk_grey(&self, width: u32, height: u32) -> opencv::Result<Mat> {
            self.0.shrunk_grey(width, height)
        }
    }

    #[test]
    fn of_a_large_photo_only_the_faces_are_read_and_filtered() {
        let face = fixtures::astronaut();
        let (mut large, mut photo) = (Mat::default(), Mat::default());
        imgproc::resize(&face, &mut large, Size::new(1024, 1024), 0.0, 0.0, imgproc::INTER_CUBIC).unwrap();
        let grey = Scalar::all(120.0);
        opencv::core::copy_make_border(&large, &mut photo, 0, 976, 0, 1976, 0, grey).unwrap();
        let photo = Watched(fixtures::picture(&photo), RefCell::default());
        // The face is larger than the crop, so it is filtered before it shrinks.
        let found = finder().find(&photo, 64).unwrap();
        assert_eq!(found.faces.len(), 1);
        let read = photo.1.borrow();
        let area: i64 = read.iter().map(|region| i64::from(region.width) * i64::from(region.height)).sum();
        assert!(read.len() == 1 && area < 3000 * 2000 / 10, "{read:?}");
    }

    #[test]
    fn more_faces_than_a_batch_are_all_restored() {
        let head =
            Mat::roi(&fixtures::astronaut(), Rect::new(140, 30, 160, 160)).unwrap().try_clone().unwrap();
        let mut crowd = Mat::new_rows_cols_with_default(480, 640, head.typ(), Scalar::all(0.0)).unwrap();
        for (column, row) in (0..3).flat_map(|row| (0..4).map(move |column| (column, row))) {
            let place = Rect::new(160 * column, 160 * row, 160, 160);
            head.copy_to(&mut Mat::roi_mut(&mut crowd, place).unwrap()).unwrap();
        }
        let negative = Answering(|faces: &Tensor| Ok(faces.neg()));
        let mut photo = fixtures::picture(&crowd);
        let report = restorer(&negative).restore(&mut photo, 0).unwrap();
        assert_eq!(report.restored, 12);
        for (column, row) in (0..3).flat_map(|row| (0..4).map(move |column| (column, row))) {
            let (x, y) = (160 * column + 83, 160 * row + 85);
            let before = *crowd.at_2d::<Vec3b>(y, x).unwrap();
            let after = photo.region_rgb(Region { x, y, width: 1, height: 1 }).unwrap();
            let after = *after.at_2d::<Vec3b>(0, 0).unwrap();
            assert!(before.0.iter().zip(after.0).any(|(a, b)| a.abs_diff(b) > 20), "face {column}, {row}");
        }
    }
}
