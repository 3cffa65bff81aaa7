// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quality of service: which buffers are too late to be worth restoring.

/// What the last QoS event from downstream said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Qos {
    earliest: Option<gst::ClockTime>,
    proportion: f64,
    /// Running time of the last buffer that had one.
    last: Option<gst::ClockTime>,
}

impl Qos {
    /// Takes in a QoS event: buffers with a running time up to timestamp + jitter are late, as in `GstBaseTransform`.
    pub fn update(&mut self, event: &gst::event::Qos) {
        let (_, proportion, jitter, timestamp) = event.get();
        self.proportion = proportion;
        self.earliest = timestamp.map(|timestamp| {
            let earliest = timestamp.nseconds().saturating_add_signed(jitter);
            gst::ClockTime::from_nseconds(earliest.min(gst::ClockTime::MAX.nseconds()))
        });
    }

    /// How late the next buffer, of this running time, would be, in ns; `None` when it is in time. A time that does not
    /// grow says nothing: of a stream whose timestamps stand still every buffer would be late for ever.
    pub fn lateness(&mut self, running_time: Option<gst::ClockTime>) -> Option<i64> {
        let last = self.last;
        self.last = running_time.or(last);
        let stands_still = last.is_some() && running_time <= last;
        let late = self.earliest.filter(|_| !stands_still)?.checked_sub(running_time?)?;
        Some(i64::try_from(late.nseconds()).unwrap_or(i64::MAX))
    }

    /// The sink's estimate of how much faster than now the data should be processed.
    #[must_use]
    pub fn proportion(&self) -> f64 {
        self.proportion
    }
}

#[cfg(test)]
mod tests {
    use gst::prelude::*;

    use super::*;

    fn after(jitter: i64) -> Qos {
        gst::init().unwrap();
        let mut qos = Qos::default();
        let event = gst::event::Qos::new(gst::QOSType::Underflow, 2.0, jitter, 100.mseconds());
        let gst::EventView::Qos(event) = event.view() else { unreachable!() };
        qos.update(event);
        qos
    }

    #[test]
    fn buffers_up_to_timestamp_plus_jitter_are_late() {
        let mut qos = after(40_000_000);
        assert_eq!(qos.lateness(Some(120.mseconds())), Some(20_000_000));
        assert_eq!(qos.lateness(Some(140.mseconds())), Some(0));
        assert_eq!(qos.lateness(Some(141.mseconds())), None);
        assert_eq!(qos.lateness(None), None, "a buffer without a time is never late");
        assert_eq!(qos.proportion(), 2.0);
    }

    #[test]
    fn a_time_that_stands_still_makes_no_buffer_late() {
        let mut qos = after(40_000_000);
        let late = [100, 100, 100, 90, 95].map(|ms: u64| qos.lateness(Some(ms.mseconds())).is_some());
        assert_eq!(
            late,
            [true, false, false, false, true],
            "the first of them may be late, and one that goes on"
        );
    }

    #[test]
    fn an_early_sink_makes_no_later_buffer_late() {
        assert_eq!(after(-40_000_000).lateness(Some(100.mseconds())), None);
        assert_eq!(after(-100_000_000).lateness(Some(1.mseconds())), None);
        assert_eq!(Qos::default().lateness(Some(1.mseconds())), None);
    }
}
