// SPDX-License-Identifier: MIT OR Apache-2.0
//! The newest detail of each face: which faces to restore next, and what of a detail a frame shows.

use std::collections::HashMap;
use std::time::Duration;

use face_detect::FaceDetail;

use super::fade;

/// The newest detail of a face.
struct Newest {
    detail: FaceDetail,
    /// The time of the frame that it was restored from.
    restored_from: Duration,
    /// When its share began to rise.
    arrived: Duration,
    /// The share that was shown last, and when.
    shown: (f32, Duration),
    /// Frames have passed in which its face was not to be seen.
    is_hidden: bool,
}

impl Newest {
    /// The share that a frame at `now` would show.
    fn share(&self, now: Duration, max_age: Duration) -> f32 {
        fade::share(now, self.arrival(now), self.restored_from, max_age)
    }

    fn arrival(&self, now: Duration) -> Duration {
        if !self.is_hidden {
            return self.arrived;
        }
        let (share, at) = self.shown;
        fade::arrival(now, fade::after_hiding(share, now.saturating_sub(at)))
    }
}

/// What a frame shows of a face.
pub(super) struct Shown<'a> {
    pub detail: &'a FaceDetail,
    /// 0 to 1.
    pub share: f32,
    /// Since the frame that it was restored from.
    pub age: Duration,
}

/// The newest details by the ids of their faces.
#[derive(Default)]
pub(super) struct LiveDetails {
    newest: HashMap<u64, Newest>,
}

impl LiveDetails {
    /// Forgets every face: after a seek, a flush or a change of format.
    pub fn clear(&mut self) {
        self.newest.clear();
    }

    /// Forgets the faces that are not alive any more, and notes which of the others are not `visible`.
    pub fn follow(&mut self, alive: &[u64], visible: impl Fn(u64) -> bool) {
        self.newest.retain(|id, _| alive.contains(id));
        for (&id, newest) in &mut self.newest {
            newest.is_hidden |= !visible(id);
        }
    }

    /// A detail restored from the frame of the time `restored_from` has arrived. It takes over from the one before.
    pub fn arrive(
        &mut self,
        id: u64,
        detail: FaceDetail,
        restored_from: Duration,
        now: Duration,
        max_age: Duration,
    ) {
        let before = self.newest.get(&id);
        let share = before.map_or(0.0, |newest| newest.share(now, max_age));
        let newest = Newest {
            detail,
            restored_from,
            arrived: fade::arrival(now, share),
            shown: (share, now),
            is_hidden: before.is_some_and(|newest| newest.is_hidden),
        };
        self.newest.insert(id, newest);
    }

    /// Width and height of the crop that the newest detail of a face was made in.
    pub fn crop_size(&self, id: u64) -> Option<u32> {
        self.newest.get(&id).map(|newest| newest.detail.crop_size())
    }

    /// What the frame at `now` shows of a visible face.
    pub fn show(&mut self, id: u64, now: Duration, max_age: Duration) -> Option<Shown<'_>> {
        let newest = self.newest.get_mut(&id)?;
        newest.arrived = newest.arrival(now);
        newest.is_hidden = false;
        let share = newest.share(now, max_age);
        newest.shown = (share, now);
        let age = now.saturating_sub(newest.restored_from);
        Some(Shown { detail: &newest.detail, share, age })
    }

    /// Which of the `faces` (id, area in pixels) to restore next: those whose size times the age of their detail is largest,
    /// as many as are restored in half of `max_age` at `time_per_face`, at least one; one where that time is not known yet.
    pub fn choose(
        &self,
        faces: &[(u64, f32)],
        now: Duration,
        max_age: Duration,
        time_per_face: Option<Duration>,
    ) -> Vec<u64> {
        let count = time_per_face.map_or(1, |each| {
            (max_age.as_secs_f64() / 2.0 / each.as_secs_f64().max(1e-4)).floor().clamp(1.0, 1e6) as usize
        });
        let urgency = |&(id, area): &(u64, f32)| {
            let age = self.newest.get(&id).map_or(max_age, |newest| now.saturating_sub(newest.restored_from));
            area * age.min(max_age).as_secs_f32()
        };
        let mut by_urgency: Vec<&(u64, f32)> = faces.iter().collect();
        by_urgency.sort_by(|a, b| urgency(b).total_cmp(&urgency(a)));
        by_urgency.into_iter().take(count).map(|&(id, _)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use opencv::core::{CV_8UC3, Mat, Scalar};

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const MAX_AGE: Duration = Duration::from_millis(1000);

    fn detail() -> FaceDetail {
        let crop = |value| Mat::new_rows_cols_with_default(64, 64, CV_8UC3, Scalar::all(value)).unwrap();
        FaceDetail::between(&crop(100.0), &crop(140.0), false).unwrap()
    }

    fn arrive(details: &mut LiveDetails, id: u64, restored_from: u64, now: u64) {
        details.arrive(id, detail(), MS(restored_from), MS(now), MAX_AGE);
    }

    fn share(details: &mut LiveDetails, id: u64, now: u64) -> Option<f32> {
        details.show(id, MS(now), MAX_AGE).map(|shown| shown.share)
    }

    #[test]
    fn a_new_face_comes_in_by_the_ramp_however_late_its_detail_is() {
        let mut details = LiveDetails::default();
        arrive(&mut details, 1, 0, 300);
        let shares = [300, 330, 375, 450].map(|now| share(&mut details, 1, now).unwrap());
        assert_eq!([shares[0], shares[2], shares[3]], [0.0, 0.5, 1.0]);
        assert!((shares[1] - 0.2).abs() < 1e-6);
        // The next detail of the same face does not begin anew.
        arrive(&mut details, 1, 400, 480);
        assert!((share(&mut details, 1, 480).unwrap() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_face_that_is_missing_for_a_frame_keeps_its_detail_and_most_of_its_share() {
        let mut details = LiveDetails::default();
        arrive(&mut details, 1, 0, 0);
        assert_eq!(share(&mut details, 1, 150), Some(1.0));
        details.follow(&[1], |_| false);
        let back = share(&mut details, 1, 180).unwrap();
        assert!((back - 0.8).abs() < 1e-5, "{back}");
        let next = share(&mut details, 1, 210).unwrap();
        assert!((next - 1.0).abs() < 1e-5, "it rises on from there: {next}");
        // Out of sight for longer than the ramp, it comes in from nothing.
        details.follow(&[1], |_| false);
        assert_eq!(share(&mut details, 1, 400), Some(0.0));
        details.follow(&[2], |_| true);
        assert_eq!(share(&mut details, 1, 410), None, "its track has ended");
    }

    #[test]
    fn a_detail_that_arrives_while_its_face_is_hidden_waits_for_it() {
        let mut details = LiveDetails::default();
        arrive(&mut details, 1, 0, 0);
        share(&mut details, 1, 150);
        details.follow(&[1], |_| false);
        arrive(&mut details, 1, 100, 400);
        details.follow(&[1], |_| true);
        assert_eq!(share(&mut details, 1, 400), Some(0.0));
    }

    #[test]
    fn large_faces_with_old_details_are_restored_first() {
        let mut details = LiveDetails::default();
        arrive(&mut details, 1, 900, 950);
        arrive(&mut details, 2, 500, 950);
        let faces = [(1, 400.0), (2, 300.0), (3, 100.0), (4, 90.0)];
        let chosen = |each| details.choose(&faces, MS(1000), MAX_AGE, each);
        // Area × age: 40, 150, 100 and 90; without a detail the age counts as max-age.
        assert_eq!(chosen(None), [2]);
        assert_eq!(chosen(Some(MS(200))), [2, 3], "500 ms hold two of 200");
        assert_eq!(chosen(Some(MS(3000))), [2], "at least one");
        assert_eq!(chosen(Some(Duration::ZERO)), [2, 3, 4, 1]);
        assert!(details.choose(&[], MS(0), MAX_AGE, None).is_empty());
    }
}
