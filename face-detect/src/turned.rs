// SPDX-License-Identifier: MIT OR Apache-2.0
//! Heads that do not stand upright in a moving picture: looked for now and then, and at each look where one was found.

use opencv::core::Mat;

use crate::detector::{DetectOptions, FaceDetector};
use crate::error::DetectError;
use crate::face::{Face, add_unknown, keep_largest};
use crate::quarter_turn::QuarterTurn;
use crate::search::{CERTAIN, SURE, is_upright};

/// The picture is turned all ways in one of so many looks at most, and a turn that has found nothing in so many is given up.
/// Three more runs of the detector every six looks are half as many again.
const EVERY: u32 = 6;

/// What is known of how a video lies. As [`FaceDetector::search`] does with a photo, it turns a frame in which no face certainly
/// stands upright by quarters of a circle, but not at each look; and it stays with the turn by which it found a head.
#[derive(Debug, Default)]
pub struct TurnedSearch {
    /// The turn by which a head was found last.
    turn: Option<QuarterTurn>,
    /// Looks in a row in which it has found none.
    misses: u32,
    /// Looks since the picture was turned all ways; `None`: it never was.
    since: Option<u32>,
}

impl TurnedSearch {
    /// `upright`, the faces that `detector` has found in a frame as it is, and those that it finds in the frame turned. Of a
    /// head that is seen both ways the surer one counts. The largest first, at most `max_faces`, in pixels of the frame.
    ///
    /// `small_bgr` and `frame_size` are as in [`FaceDetector::detect_shrunk`].
    ///
    /// # Errors
    /// As there.
    pub fn add(
        &mut self,
        detector: &mut FaceDetector,
        small_bgr: &Mat,
        frame_size: (u32, u32),
        options: &DetectOptions,
        upright: Vec<Face>,
    ) -> Result<Vec<Face>, DetectError> {
        let sure = DetectOptions { score_threshold: options.score_threshold.max(SURE), ..*options };
        let mut look = |turn: QuarterTurn| -> Result<Vec<(QuarterTurn, Face)>, DetectError> {
            let faces = detector.detect_shrunk(&turn.image(small_bgr)?, turn.size(frame_size), &sure)?;
            let standing = faces.iter().filter(|face| is_upright(face));
            Ok(standing.map(|face| (turn, turn.face_back(face, frame_size))).collect())
        };
        let known = self.turn;
        let mut found = known.map_or_else(|| Ok(Vec::new()), &mut look)?;
        let mut standing =
            upright.iter().filter(|face| is_upright(face)).chain(found.iter().map(|(_, face)| face));
        let is_certain = standing.any(|face| face.score >= CERTAIN);
        if self.is_due(is_certain) {
            for turn in QuarterTurn::ALL.into_iter().filter(|turn| Some(*turn) != known) {
                found.extend(look(turn)?);
            }
        }
        let faces = joined(upright, &found, options.max_faces);
        let staying = found.iter().filter(|(_, face)| faces.contains(face));
        self.learn(staying.max_by(|a, b| a.1.score.total_cmp(&b.1.score)).map(|(turn, _)| *turn));
        Ok(faces)
    }

    /// Whether heads have been found lately that do not stand upright: the frame is then turned at each look.
    #[must_use]
    pub fn is_turned(&self) -> bool {
        self.turn.is_some()
    }

    /// Whether the frame is to be turned all ways at this look. `is_certain`: a face certainly stands upright in it, as it is or
    /// turned as it was before.
    fn is_due(&mut self, is_certain: bool) -> bool {
        let since = self.since.map_or(EVERY, |looks| looks.saturating_add(1));
        let is_due = !is_certain && since >= EVERY;
        self.since = Some(if is_due { 0 } else { since });
        is_due
    }

    /// The turn by which this look has found the surest head that no other face outdoes.
    fn learn(&mut self, turn: Option<QuarterTurn>) {
        self.misses = if turn.is_some() { 0 } else { self.misses.saturating_add(1) };
        self.turn = turn.or(self.turn.filter(|_| self.misses < EVERY));
    }
}

/// The faces of all looks, each head once, the largest first.
fn joined(upright: Vec<Face>, turned: &[(QuarterTurn, Face)], most: usize) -> Vec<Face> {
    if turned.is_empty() {
        return upright;
    }
    let mut all = upright;
    all.extend(turned.iter().map(|(_, face)| *face));
    let mut faces = Vec::new();
    add_unknown(&mut faces, all);
    keep_largest(&mut faces, most);
    faces
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many looks turn the frame all ways.
    fn due(search: &mut TurnedSearch, looks: u32, is_certain: bool) -> usize {
        (0..looks).filter(|_| search.is_due(is_certain)).count()
    }

    #[test]
    fn the_frame_is_turned_all_ways_at_once_and_then_seldom() {
        let mut search = TurnedSearch::default();
        assert!(search.is_due(false), "at the first look");
        assert_eq!(due(&mut search, 60, false), 10);
        assert_eq!(due(&mut search, 60, true), 0, "not while somebody certainly stands upright");
        // A score that goes up and down about the threshold brings no more of them.
        let changing = (0..60).filter(|look| search.is_due(look % 2 == 0)).count();
        assert!((8..=10).contains(&changing), "{changing}");
    }

    #[test]
    fn a_turn_is_kept_until_it_has_found_nothing_six_times() {
        let mut search = TurnedSearch::default();
        search.learn(Some(QuarterTurn::Half));
        for _ in 0..2 {
            for _ in 0..EVERY - 1 {
                search.learn(None);
                assert_eq!(search.turn, Some(QuarterTurn::Half));
            }
            search.learn(Some(QuarterTurn::Half));
        }
        (0..EVERY).for_each(|_| search.learn(None));
        assert_eq!(search.turn, None);
        search.learn(Some(QuarterTurn::Clockwise));
        assert_eq!(search.turn, Some(QuarterTurn::Clockwise));
    }
}
