// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time of frames, from timestamps that may be missing, stand still or run backwards.

use std::time::Duration;

/// Gives each frame a time that is later than that of the frame before, whatever its timestamp says.
///
/// Timestamps count by their differences where they grow. A frame whose own is missing, or not later than the last one
/// seen, comes so long after the one before as its caller says. Where only some frames have a timestamp, the next one that
/// grows puts right what was said for those in between.
#[derive(Debug, Default)]
pub struct FrameClock {
    now: Duration,
    /// The last timestamp that was seen.
    stamp: Option<Duration>,
    /// What has passed since then without a timestamp that grew.
    guessed: Duration,
}

impl FrameClock {
    /// The time of the next frame, of timestamp `stamp`; without one that helps it comes `passed` after the frame before.
    pub fn tick(&mut self, stamp: Option<Duration>, passed: Duration) -> Duration {
        match (self.stamp, stamp) {
            (Some(last), Some(stamp)) if stamp > last => {
                let (told, guessed) = (stamp - last, std::mem::take(&mut self.guessed));
                // Guesses may have run ahead.
                self.now += if told > guessed { told - guessed } else { passed };
            }
            (last, stamp) => {
                let is_new = stamp.is_some() && stamp != last;
                self.guessed = if is_new { Duration::ZERO } else { self.guessed + passed };
                self.now += passed;
            }
        }
        self.stamp = stamp.or(self.stamp);
        self.now
    }

    /// The next timestamp has nothing to do with the last one: after a seek or a flush. Time itself goes on.
    pub fn restart(&mut self) {
        self.stamp = None;
        self.guessed = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// The intervals between frames of these timestamps in ms, where 40 ms pass for a frame without one.
    fn intervals(clock: &mut FrameClock, stamps: &[Option<u64>]) -> Vec<u64> {
        let mut last = clock.now;
        let interval = |stamp: &Option<u64>| {
            let now = clock.tick(stamp.map(MS), MS(40));
            let interval = now - last;
            last = now;
            interval.as_millis() as u64
        };
        stamps.iter().map(interval).collect()
    }

    #[test]
    fn timestamps_that_grow_are_believed() {
        let mut clock = FrameClock::default();
        let stamps = [Some(3_600_000), Some(3_600_033), Some(3_600_066), Some(3_602_000)];
        assert_eq!(intervals(&mut clock, &stamps)[1..], [33, 33, 1934]);
    }

    #[test]
    fn without_them_and_where_they_stand_still_or_run_backwards_time_goes_on() {
        for stamps in [[None; 4], [Some(0); 4], [Some(7000); 4], [Some(400), Some(300), Some(200), Some(100)]]
        {
            assert_eq!(intervals(&mut FrameClock::default(), &stamps), [40; 4], "{stamps:?}");
        }
    }

    #[test]
    fn a_timestamp_now_and_then_puts_right_what_was_guessed() {
        let mut clock = FrameClock::default();
        let stamps = [Some(1000), None, None, Some(1150), Some(1150), Some(1250)];
        // 1150 is 150 after 1000, of which 80 have passed; 1250 is 100 after 1150, of which 40 have.
        assert_eq!(intervals(&mut clock, &stamps)[1..], [40, 40, 70, 40, 60]);
        // 80 were guessed where there were 10: time does not turn back.
        assert_eq!(intervals(&mut clock, &[None, None, Some(1260), Some(1300)]), [40, 40, 40, 40]);
    }

    #[test]
    fn after_a_seek_time_goes_on_from_where_it_was() {
        let mut clock = FrameClock::default();
        intervals(&mut clock, &[Some(9000), Some(9040)]);
        clock.restart();
        assert_eq!(intervals(&mut clock, &[Some(90_000), Some(90_025)]), [40, 25]);
    }
}
