// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of a detail is shown: it comes in and goes out by a ramp, so that nothing pops.

use std::time::Duration;

/// A detail takes this long from nothing to all of it.
pub(super) const RAMP: Duration = Duration::from_millis(150);

/// The share, 0 to 1, of a detail to show at `now` that `arrived` then, restored from a frame of the time `restored_from`.
///
/// It rises in 150 ms from its *arrival*, since the frame that it was restored from is long past by then; it is full up to
/// half of `max_age` after that frame, and falls to 0 at `max_age`.
pub(super) fn share(now: Duration, arrived: Duration, restored_from: Duration, max_age: Duration) -> f32 {
    let risen = now.saturating_sub(arrived).as_secs_f32() / RAMP.as_secs_f32();
    let left = max_age.as_secs_f32() - now.saturating_sub(restored_from).as_secs_f32();
    let half = (max_age.as_secs_f32() / 2.0).max(1e-6);
    risen.min(left / half).clamp(0.0, 1.0)
}

/// When a detail would have arrived that has risen to `share` by `now`: where a new detail takes over from an old one.
pub(super) fn arrival(now: Duration, share: f32) -> Duration {
    now.saturating_sub(RAMP.mul_f32(share.clamp(0.0, 1.0)))
}

/// What is left of `share` after it was not shown for `hidden`: it goes as it came.
pub(super) fn after_hiding(share: f32, hidden: Duration) -> f32 {
    (share - hidden.as_secs_f32() / RAMP.as_secs_f32()).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// At 30 frames a second a share of a ramp of 150 ms may change by this much, and by as much again for rounding.
    const STEP: f32 = 0.2223;

    #[test]
    fn a_detail_that_arrives_late_rises_from_nothing() {
        // Restored from the frame of 1000 ms, there 300 ms later.
        let at = |now| share(MS(now), MS(1300), MS(1000), MS(1000));
        assert_eq!([at(1300), at(1375), at(1450), at(1500)], [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(at(1200), 0.0, "before its arrival");
    }

    #[test]
    fn it_is_full_up_to_half_of_max_age_and_gone_at_max_age() {
        let at = |now| share(MS(now), MS(0), MS(1000), MS(500));
        assert_eq!([at(1000), at(1250), at(1375), at(1500), at(9000)], [1.0, 1.0, 0.5, 0.0, 0.0]);
        assert_eq!(share(MS(5), MS(0), MS(5), Duration::ZERO), 0.0, "no age is allowed at all");
    }

    #[test]
    fn one_takes_over_from_another_where_that_one_was() {
        for before in [0.0, 0.3, 1.0] {
            let arrived = arrival(MS(2000), before);
            let taken_over = share(MS(2000), arrived, MS(1900), MS(1000));
            assert!((taken_over - before).abs() < 1e-5, "{taken_over} after {before}");
        }
    }

    #[test]
    fn no_frame_to_frame_change_exceeds_the_ramp() {
        // Two details: the second comes while the first fades out. max-age 500 ms falls by 250 ms, slower than the ramp.
        let mut arrived = MS(1200);
        let mut restored_from = MS(1000);
        let mut last = 0.0;
        for frame in 0..60 {
            let now = MS(1200) + Duration::from_nanos(33_333_333) * frame;
            if frame == 14 {
                (arrived, restored_from) = (arrival(now, last), now - MS(100));
            }
            let shown = share(now, arrived, restored_from, MS(500));
            assert!((shown - last).abs() <= STEP, "frame {frame}: {last} → {shown}");
            last = shown;
        }
        assert_eq!(last, 0.0);
    }

    #[test]
    fn what_is_hidden_goes_as_it_came() {
        assert_eq!(after_hiding(1.0, Duration::ZERO), 1.0);
        assert!((after_hiding(1.0, MS(75)) - 0.5).abs() < 1e-6);
        assert_eq!(after_hiding(0.4, MS(150)), 0.0);
    }
}
