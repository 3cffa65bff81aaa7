// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time between frames, from time stamps that may be wrong.

use std::time::Duration;

/// Interval that is taken for granted before any was seen: 30 frames a second.
const USUAL_INTERVAL: Duration = Duration::from_nanos(33_333_333);

/// Turns time stamps into intervals that are positive from the second frame on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameClock {
    last: Option<Duration>,
    interval: Option<Duration>,
}

impl FrameClock {
    /// The interval from the frame before to the one at `time`: 0 for the first, and the interval before it
    /// where time stands still or runs backwards.
    pub(super) fn tick(&mut self, time: Duration) -> Duration {
        let Some(last) = self.last.replace(time) else { return Duration::ZERO };
        if let Some(interval) = time.checked_sub(last).filter(|interval| !interval.is_zero()) {
            self.interval = Some(interval);
        }
        self.interval.unwrap_or(USUAL_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_positive_whatever_the_stamps() {
        let ms = Duration::from_millis;
        let mut clock = FrameClock::default();
        let intervals = [100, 100, 140, 150, 150, 20, 30].map(|time| clock.tick(ms(time)));
        assert_eq!(intervals, [Duration::ZERO, USUAL_INTERVAL, ms(40), ms(10), ms(10), ms(10), ms(10)]);
    }
}
