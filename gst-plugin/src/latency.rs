// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a live element adds to the latency: measured, with a margin, in steps that seldom change.

use std::collections::VecDeque;
use std::time::Duration;

/// Frames of this last time count.
const WINDOW: Duration = Duration::from_secs(1);
/// A smaller answer is given only after so long without need for the present one.
const PATIENCE: Duration = Duration::from_secs(10);
/// The answer is at least this many times as long as the slowest of the frames that count took.
const MARGIN: f64 = 1.25;
/// The first answer, before any frame, is so many times the rehearsed detection, since the worker computes beside it.
const REHEARSAL_MARGIN: u32 = 2;
/// And so much more, for following and pasting a few faces.
const FOLLOWING: Duration = Duration::from_millis(15);
/// The answers there are, in milliseconds. A stream that needs more than the last has too slow a machine, not too short a
/// latency.
const STEPS: [u64; 11] = [5, 10, 15, 20, 30, 40, 60, 80, 120, 160, 200];

/// Watches how long frames take, from when they could have begun until they leave.
///
/// A frame that comes while an earlier one is still under way waits for it, so what a frame needs is what the one before
/// still needed when it came, and its own time (Lindley's recursion for a queue of one server).
#[derive(Debug)]
pub struct LatencyMeter {
    answer: Duration,
    /// Time and need of the frames within the window.
    needs: VecDeque<(Duration, Duration)>,
    /// Since when a smaller answer would do.
    is_generous_since: Option<Duration>,
}

impl LatencyMeter {
    /// A meter that has seen no frame; `rehearsed` is how long the detector takes.
    #[must_use]
    pub fn new(rehearsed: Duration) -> Self {
        let answer = step(rehearsed * REHEARSAL_MARGIN + FOLLOWING);
        Self { answer, needs: VecDeque::new(), is_generous_since: None }
    }

    /// What the element adds to the latency.
    #[must_use]
    pub fn answer(&self) -> Duration {
        self.answer
    }

    /// A frame took so long; `time` grows from frame to frame, as running time does. Returns whether the answer has changed.
    pub fn record(&mut self, time: Duration, took: Duration) -> bool {
        let waited = self
            .needs
            .back()
            .map_or(Duration::ZERO, |&(last, need)| need.saturating_sub(time.saturating_sub(last)));
        let largest = Duration::from_millis(STEPS[STEPS.len() - 1]);
        self.needs.push_back((time, (waited + took).min(largest)));
        while self.needs.front().is_some_and(|&(first, _)| time.saturating_sub(first) > WINDOW) {
            self.needs.pop_front();
        }
        let most = self.needs.iter().map(|&(_, need)| need).max().unwrap_or_default();
        let before = self.answer;
        self.renew(time, step(most.mul_f64(MARGIN)));
        self.answer != before
    }

    fn renew(&mut self, time: Duration, needed: Duration) {
        if needed >= self.answer {
            self.answer = needed;
            self.is_generous_since = None;
            return;
        }
        let since = *self.is_generous_since.get_or_insert(time);
        if time.saturating_sub(since) >= PATIENCE {
            self.answer = needed;
            self.is_generous_since = None;
        }
    }
}

/// The least of [`STEPS`] that is not less than `time`; the largest one where there is none.
fn step(time: Duration) -> Duration {
    let steps = STEPS.map(Duration::from_millis);
    steps.into_iter().find(|step| *step >= time).unwrap_or(steps[steps.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FrameClock;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Records `count` frames from `frame` on, `interval` apart, that take `took`; returns how often the answer changed.
    fn frames(meter: &mut LatencyMeter, frame: &mut u64, count: u64, interval: u64, took: u64) -> usize {
        (0..count)
            .filter(|_| {
                *frame += 1;
                meter.record(MS(*frame * interval), MS(took))
            })
            .count()
    }

    #[test]
    fn the_first_answer_follows_from_the_rehearsal() {
        assert_eq!(LatencyMeter::new(Duration::ZERO).answer(), MS(15));
        assert_eq!(LatencyMeter::new(MS(20)).answer(), MS(60));
        assert_eq!(LatencyMeter::new(MS(2000)).answer(), MS(200));
    }

    #[test]
    fn it_rises_at_once_with_a_margin_and_falls_after_ten_seconds() {
        let (mut meter, mut frame) = (LatencyMeter::new(Duration::ZERO), 0);
        assert_eq!(frames(&mut meter, &mut frame, 30, 33, 10), 0, "15 ms hold 10 and a quarter more");
        assert_eq!(frames(&mut meter, &mut frame, 1, 33, 25), 1);
        assert_eq!(meter.answer(), MS(40), "25 ms and a quarter more, rounded up");
        // The slow frame leaves the window after a second; from then on ten seconds of patience.
        assert_eq!(frames(&mut meter, &mut frame, 300, 33, 10), 0);
        assert_eq!(frames(&mut meter, &mut frame, 50, 33, 10), 1);
        assert_eq!(meter.answer(), MS(15));
    }

    #[test]
    fn one_slow_frame_in_ten_seconds_keeps_the_answer() {
        let (mut meter, mut frame) = (LatencyMeter::new(Duration::ZERO), 0);
        frames(&mut meter, &mut frame, 1, 33, 25);
        for _ in 0..5 {
            assert_eq!(frames(&mut meter, &mut frame, 270, 33, 10), 0);
            assert_eq!(frames(&mut meter, &mut frame, 1, 33, 25), 0);
        }
        assert_eq!(meter.answer(), MS(40));
    }

    #[test]
    fn a_frame_waits_for_the_one_before() {
        // 60 frames a second: one of 40 ms makes the next, 17 ms later, wait for 23 ms.
        let (mut meter, mut frame) = (LatencyMeter::new(Duration::ZERO), 0);
        frames(&mut meter, &mut frame, 1, 17, 40);
        assert_eq!(meter.answer(), MS(60), "40 ms and a quarter");
        frames(&mut meter, &mut frame, 1, 17, 30);
        assert_eq!(meter.answer(), MS(80), "23 ms of waiting and 30, and a quarter");
    }

    #[test]
    fn frames_whose_timestamps_stand_still_are_not_taken_for_a_queue() {
        let (mut meter, mut clock) = (LatencyMeter::new(Duration::ZERO), FrameClock::default());
        for _ in 0..1000 {
            meter.record(clock.tick(Some(MS(5000)), MS(33)), MS(20));
        }
        assert_eq!(meter.answer(), MS(30), "20 ms and a quarter, rounded up");
        assert!(meter.needs.len() <= 32, "{} frames in a second", meter.needs.len());
    }

    #[test]
    fn a_machine_that_is_too_slow_gets_a_bounded_answer() {
        let (mut meter, mut frame) = (LatencyMeter::new(Duration::ZERO), 0);
        frames(&mut meter, &mut frame, 1000, 17, 50);
        assert_eq!(meter.answer(), MS(200));
    }
}
