// SPDX-License-Identifier: MIT OR Apache-2.0
//! The stages of a frame, and how long each of them takes.

use std::time::{Duration, Instant};

/// The stages of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Finding faces in the shrunk frame.
    Detect,
    /// Shrinking the frame and following faces in it.
    Track,
    /// Reading the faces' pixels and warping them to crops.
    Align,
    /// The restoration network, while a frame waits for it.
    Restore,
    /// Making the corrections and adding them to the frame.
    Paste,
}

/// The stages and their names in statistics.
pub const STAGES: [(Stage, &str); 5] = [
    (Stage::Detect, "detect"),
    (Stage::Track, "track"),
    (Stage::Align, "align"),
    (Stage::Restore, "restore"),
    (Stage::Paste, "paste"),
];

/// How long each stage of one frame took; `None` where it did not run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings([Option<Duration>; STAGES.len()]);

impl Timings {
    /// Runs `work` and adds the time it took to `stage`.
    pub fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        *self.0[stage as usize].get_or_insert_default() += start.elapsed();
        result
    }

    /// Those of [`STAGES`], in their order.
    #[must_use]
    pub fn all(&self) -> [Option<Duration>; STAGES.len()] {
        self.0
    }

    /// Timings by [`STAGES`].
    #[must_use]
    pub fn from_all(all: [Option<Duration>; STAGES.len()]) -> Self {
        Self(all)
    }

    /// How long a stage took; `None` where it did not run.
    #[must_use]
    pub fn of(&self, stage: Stage) -> Option<Duration> {
        self.0[stage as usize]
    }

    /// Adds the times of another frame, or of another part of this one.
    pub fn add(&mut self, other: &Self) {
        for (own, time) in self.0.iter_mut().zip(other.0) {
            if let Some(time) = time {
                *own.get_or_insert_default() += time;
            }
        }
    }

    /// Takes over the stages of `inner`, which ran within `outer`, whose time is now what is left.
    pub(crate) fn move_out(&mut self, outer: Stage, inner: &Self) {
        self.add(inner);
        for time in inner.0.into_iter().flatten() {
            let outer = self.0[outer as usize].get_or_insert_default();
            *outer = outer.saturating_sub(time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_within_a_stage_is_not_counted_twice() {
        let ms = Duration::from_millis;
        let mut outer = Timings([None, Some(ms(10)), None, None, None]);
        outer.move_out(Stage::Track, &Timings([Some(ms(7)), None, None, None, None]));
        assert_eq!((outer.of(Stage::Detect), outer.of(Stage::Track)), (Some(ms(7)), Some(ms(3))));
    }
}
