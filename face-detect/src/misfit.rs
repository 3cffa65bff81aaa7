// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far five landmarks are from those of a face, however it is turned in the picture.

use crate::error::DetectError;
use crate::face::Point;
use crate::similarity::face_to_crop;
use crate::template::template;

/// Side of the crop that distances are measured in; as a share of it they do not depend on it.
const CROP: u32 = 512;

/// Largest misfit of a face. An ideal head seen exactly from the side, where both eyes and both corners of the mouth fall
/// together, has 0.109, and 0.117 when it also nods by 30 degrees; 0.155 is the most that there is, that of points that have
/// nothing in common with the template.
const LARGEST_MISFIT: f64 = 0.12;

/// Root of the mean squared distance between the aligned landmarks and the [`template()`]'s, as a share of the crop's side:
/// about 0.01 for a face from in front, 0.05 for one turned halfway to the side, 0.11 for one exactly from the side, never
/// above 0.16. Rolling the head changes nothing.
///
/// # Errors
/// [`DetectError::Degenerate`] when no similarity carries the landmarks onto the template.
pub fn misfit(landmarks: &[Point; 5]) -> Result<f64, DetectError> {
    let to_crop = face_to_crop(landmarks, CROP)?;
    let squares = landmarks.iter().zip(template(CROP)).map(|(&landmark, wanted)| {
        let landed = to_crop.apply(landmark);
        f64::from(landed.x - wanted.x).powi(2) + f64::from(landed.y - wanted.y).powi(2)
    });
    Ok((squares.sum::<f64>() / landmarks.len() as f64).sqrt() / f64::from(CROP))
}

/// Whether the landmarks can be those of a face, seen from in front to exactly from the side, at any roll. Much looser than
/// what is good to train on: it is to tell faces from what the detector takes for one, not good views from bad ones.
#[must_use]
pub fn is_plausible(landmarks: &[Point; 5]) -> bool {
    misfit(landmarks).is_ok_and(|misfit| misfit <= LARGEST_MISFIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A head turned by so many degrees, seen from far away: the template with the nose 50 and the mouth 15 of 512 pixels
    /// nearer to the camera than the eyes.
    fn turned_away(degrees: f32) -> [Point; 5] {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let depths = [0.0, 0.0, 50.0, 15.0, 15.0];
        let mut points = template(CROP);
        for (point, depth) in points.iter_mut().zip(depths) {
            point.x = (point.x - 256.0) * cos + depth * sin;
        }
        points
    }

    #[test]
    fn the_template_fits_and_a_head_fits_less_the_further_it_is_turned() {
        assert!(misfit(&template(64)).unwrap() < 1e-6);
        let misfits = [0.0, 30.0, 60.0, 75.0, 90.0].map(|degrees| misfit(&turned_away(degrees)).unwrap());
        assert!(misfits.is_sorted(), "{misfits:?}");
        assert!((misfits[4] - 0.109).abs() < 0.001, "{misfits:?}");
        assert!(is_plausible(&turned_away(90.0)) && is_plausible(&turned_away(-90.0)));
    }

    #[test]
    fn points_in_another_order_are_no_face() {
        let [left_eye, right_eye, nose, left, right] = template(CROP);
        for points in [
            [right_eye, left_eye, nose, right, left], // a mirror image
            [left, right_eye, nose, left_eye, right],
            [nose, left_eye, right_eye, right, left],
            [nose; 5],
        ] {
            assert!(!is_plausible(&points), "{points:?}");
        }
    }
}
