// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which detected face is which track.

use super::appearance::Appearance;
use crate::face::Face;

/// A face without an identity, or what is known of a track's: place in the small picture and look.
pub(super) struct Candidate<'a> {
    pub face: &'a Face,
    pub look: Option<&'a Appearance>,
    /// Whether its place is a guess.
    pub missing: bool,
}

/// Mean distance of the landmarks, as a share of the larger face's size, beyond which two faces are different
/// ones unless their boxes overlap by [`LEAST_OVERLAP`].
const LARGEST_DISTANCE: f32 = 0.6;
/// The same where the place is a guess and the looks are alike by [`FAMILIAR`].
const LARGEST_GUESSED_DISTANCE: f32 = 1.2;
/// Likeness of a face to itself after a moment out of sight.
const FAMILIAR: f32 = 0.6;
/// Overlap (intersection over union) of boxes from which on they may be the same face.
const LEAST_OVERLAP: f32 = 0.3;
/// What a face that looks like another person costs, in units of the distance.
const LOOK_WEIGHT: f32 = 1.0;
/// Likeness that is taken for granted between faces one of which has no look.
const UNKNOWN_LIKENESS: f32 = 0.5;

/// For each detected face the index of its track, if it has one. No track is given twice.
///
/// Pairs are taken from the likeliest to the least likely: a pair costs the distance of its landmarks, and
/// more the less its two faces look alike. Flow brings a track to within a few hundredths of its face, so
/// that a costly pair never has to make way for a cheap one, and an optimal assignment would decide the same.
pub(super) fn associate(tracks: &[Candidate], detected: &[Candidate]) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (row, face) in detected.iter().enumerate() {
        for (column, track) in tracks.iter().enumerate() {
            if let Some(cost) = cost(track, face) {
                pairs.push((cost, row, column));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut assigned = vec![None; detected.len()];
    let mut taken = vec![false; tracks.len()];
    for (_, row, column) in pairs {
        if assigned[row].is_none() && !taken[column] {
            assigned[row] = Some(column);
            taken[column] = true;
        }
    }
    assigned
}

fn cost(track: &Candidate, detected: &Candidate) -> Option<f32> {
    let distance = landmark_distance(track.face, detected.face);
    let likeness = track.look.zip(detected.look).map_or(UNKNOWN_LIKENESS, |(a, b)| a.likeness(b));
    let recognised = track.missing && likeness >= FAMILIAR;
    let reach = if recognised { LARGEST_GUESSED_DISTANCE } else { LARGEST_DISTANCE };
    let near = distance <= reach || track.face.bbox.overlap(&detected.face.bbox) >= LEAST_OVERLAP;
    near.then_some(distance + LOOK_WEIGHT * (1.0 - likeness))
}

/// Mean distance of the landmarks as a share of the larger face's size.
pub(super) fn landmark_distance(a: &Face, b: &Face) -> f32 {
    let distances = a.landmarks.iter().zip(&b.landmarks).map(|(a, b)| (a.x - b.x).hypot(a.y - b.y));
    distances.sum::<f32>() / 5.0 / a.bbox.longer_side().max(b.bbox.longer_side()).max(1.0)
}
