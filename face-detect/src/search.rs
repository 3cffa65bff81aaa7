// SPDX-License-Identifier: MIT OR Apache-2.0
//! The search of a still picture for every face in it: as a whole, closer, and turned when nobody stands upright.

use std::f64::consts::FRAC_PI_4;

use opencv::core::{Mat, Rect};

use crate::detector::{DetectOptions, FaceDetector};
use crate::error::DetectError;
use crate::face::{Face, add_unknown, keep_largest};
use crate::image::check_bgr;
use crate::input_size::InputSize;
use crate::quarter_turn::QuarterTurn;
use crate::similarity::face_to_crop;
use crate::tile::{TILE, Tile, tiles};

/// The first look at a photo suits faces from this size on; smaller ones are for the closer look.
const OVERVIEW_FACE: u32 = 32;
/// Least score of a face that is found only when the photo is turned: three more looks must not find three times as many
/// false faces in a landscape.
pub(crate) const SURE: f32 = 0.8;
/// Least score of a face that says that the photo stands upright. The network takes a head on its side for an upright one too,
/// with landmarks beside its eyes: the astronaut's at 0.85, and upright at 0.93.
pub(crate) const CERTAIN: f32 = 0.9;

/// Whoever has the photo: gives it as BGR at the width and height that it is asked for, the photo's own at most.
type Photo<'a, E> = dyn FnMut(u32, u32) -> Result<Mat, E> + 'a;

impl FaceDetector {
    /// Every face of a still picture of `size` pixels, the largest first, in its pixels. Takes longer than
    /// [`detect`](Self::detect), whose input is of limited size: a large photo is looked at once as a whole, and once piece
    /// by piece in as much detail as `min_face_size` needs. Where no face certainly stands upright, the photo is also turned by 90,
    /// 180 and 270 degrees, so one that lies on its side has its faces too.
    ///
    /// `photo` gives the picture as BGR (`CV_8UC3`) at the width and height that it is called with, at most its own.
    ///
    /// # Errors
    /// What `photo` returns, and as [`detect`](Self::detect).
    pub fn search<E: From<DetectError>>(
        &mut self,
        size: (u32, u32),
        options: &DetectOptions,
        mut photo: impl FnMut(u32, u32) -> Result<Mat, E>,
    ) -> Result<Vec<Face>, E> {
        // The number is limited at the end, when all are known.
        let all = DetectOptions { max_faces: usize::MAX, ..*options };
        let photo: &mut Photo<'_, E> = &mut photo;
        let mut faces = self.overview(size, &all, photo)?;
        self.look_closer(size, &all, photo, &mut faces)?;
        if !faces.iter().any(|face| is_upright(face) && face.score >= CERTAIN) {
            // Of a head that is seen both ways the surer one is right.
            let mut found = self.search_turned(size, &all, photo)?;
            found.append(&mut faces);
            add_unknown(&mut faces, found);
        }
        keep_largest(&mut faces, options.max_faces);
        Ok(faces)
    }

    /// The faces of the photo as a whole, shrunk to what the network takes at a time.
    fn overview<E: From<DetectError>>(
        &mut self,
        size: (u32, u32),
        options: &DetectOptions,
        photo: &mut Photo<'_, E>,
    ) -> Result<Vec<Face>, E> {
        let input = overview_input(size, options);
        let (width, height) = input.scaled(size.0, size.1);
        let small = photo(width, height)?;
        let found = check_bgr("shrunk photo", &small)?;
        // The rounding of the size to whole pixels makes the true factors differ a little from the input's scale.
        let factors = (found.width as f32 / size.0.max(1) as f32, found.height as f32 / size.1.max(1) as f32);
        Ok(self.run(&small, input, factors, options)?)
    }

    /// Adds the faces that were too small in the overview, or that it missed.
    fn look_closer<E: From<DetectError>>(
        &mut self,
        size: (u32, u32),
        options: &DetectOptions,
        photo: &mut Photo<'_, E>,
        faces: &mut Vec<Face>,
    ) -> Result<(), E> {
        let scale = InputSize::scale_for_face(options.min_face_size);
        if scale <= overview_input(size, options).scale {
            return Ok(());
        }
        let (width, height) = InputSize { width: TILE, height: TILE, scale }.scaled(size.0, size.1);
        let close = photo(width, height)?;
        let mut found = Vec::new();
        for tile in tiles(width, height) {
            found.extend(self.faces_of_tile(&close, &tile, scale, options)?);
        }
        add_unknown(faces, found);
        Ok(())
    }

    /// The faces that lie in a tile of `close`, the photo at `scale`, in pixels of the photo.
    fn faces_of_tile(
        &mut self,
        close: &Mat,
        tile: &Tile,
        scale: f32,
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        let rect = Rect::new(tile.x as i32, tile.y as i32, tile.width as i32, tile.height as i32);
        let pixels = Mat::roi(close, rect).map_err(DetectError::at("cutting a photo to pieces"))?;
        let input = InputSize::for_tile(tile.width, tile.height, scale);
        let mut faces = self.run(&pixels, input, (scale, scale), options)?;
        // One that an inner edge cuts is whole in the next tile, or so large that the overview has it.
        faces.retain(|face| tile.holds(&face.bbox, scale));
        let (right, down) = (tile.x as f32 / scale, tile.y as f32 / scale);
        Ok(faces.iter().map(|face| face.shifted(right, down)).collect())
    }

    /// The faces that stand upright when the photo is turned by a quarter, a half or three quarters, where they are in the
    /// photo as it is.
    fn search_turned<E: From<DetectError>>(
        &mut self,
        size: (u32, u32),
        options: &DetectOptions,
        photo: &mut Photo<'_, E>,
    ) -> Result<Vec<Face>, E> {
        let sure = DetectOptions { score_threshold: options.score_threshold.max(SURE), ..*options };
        let mut found = Vec::new();
        for turn in QuarterTurn::ALL {
            let turned_size = turn.size(size);
            let turned: &mut Photo<'_, E> = &mut |width, height| {
                let (width, height) = turn.size((width, height));
                Ok(turn.image(&photo(width, height)?)?)
            };
            let mut faces = self.overview(turned_size, &sure, turned)?;
            // A closer look is long; it is worth it where the photo turns out to have been lying.
            if faces.iter().any(is_upright) {
                self.look_closer(turned_size, &sure, turned, &mut faces)?;
            }
            found.extend(faces.iter().filter(|face| is_upright(face)).map(|face| turn.face_back(face, size)));
        }
        let mut faces = Vec::new();
        add_unknown(&mut faces, found);
        Ok(faces)
    }
}

/// The network's input for the photo as a whole.
fn overview_input((width, height): (u32, u32), options: &DetectOptions) -> InputSize {
    InputSize::for_frame(width, height, options.min_face_size.max(OVERVIEW_FACE))
}

/// Whether the head is rolled by an eighth of a circle at most.
pub(crate) fn is_upright(face: &Face) -> bool {
    face_to_crop(&face.landmarks, 1).is_ok_and(|to_crop| to_crop.angle().abs() <= FRAC_PI_4)
}
