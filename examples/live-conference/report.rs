// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the user sees: a line each second, and a summary at the end.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gst::prelude::*;

use crate::sender::Sender;

const INTERVAL: Duration = Duration::from_secs(1);

/// How old each frame was when it was shown.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Arc<Mutex<Vec<Duration>>>);

impl Latencies {
    /// Records the frames that leave `element`; `age` knows how long ago one was captured.
    ///
    /// # Errors
    /// When the element has no output.
    pub fn record(
        &self,
        element: &gst::Element,
        age: impl Fn(&gst::BufferRef) -> Option<Duration> + Send + Sync + 'static,
    ) -> Result<()> {
        let ages = self.0.clone();
        let pad = element.static_pad("src").context("a filter has an output")?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &probe.data {
                ages.lock().unwrap().extend(age(buffer));
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    fn since(&self, frame: usize) -> Vec<Duration> {
        self.0.lock().unwrap()[frame..].to_vec()
    }
}

/// Prints what happens.
#[derive(Debug)]
pub struct Reporter<'a> {
    sender: &'a Sender,
    shown: &'a Latencies,
    last: Counters,
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    time: Instant,
    captured: u64,
    shown: usize,
    restorations: u64,
}

impl<'a> Reporter<'a> {
    /// Of a call that begins now.
    #[must_use]
    pub fn new(sender: &'a Sender, shown: &'a Latencies) -> Self {
        println!(
            "second by second: captured and shown frames, glass to glass (mean, 95 %, largest), restorations, detail"
        );
        Self {
            sender,
            shown,
            last: Counters { time: Instant::now(), captured: 0, shown: 0, restorations: 0 },
        }
    }

    /// Prints a line if a second is over.
    pub fn tick(&mut self) {
        let seconds = self.last.time.elapsed();
        if seconds < INTERVAL {
            return;
        }
        let stats = self.sender.restorer.property::<gst::Structure>("stats");
        let restorations = stats.get::<u64>("restorations").unwrap_or(0);
        let ages = self.shown.since(self.last.shown);
        let captured = self.sender.captured();
        let rate = |count: u64| count as f64 / seconds.as_secs_f64();
        println!(
            "{:.1} fps in, {:.1} fps shown; {}; {:.1} restorations/s, detail {:.0} ms old",
            rate(captured - self.last.captured),
            rate(ages.len() as u64),
            summary(&ages),
            rate(restorations - self.last.restorations),
            stats.get::<f64>("detail-age-ms-last").unwrap_or(0.0)
        );
        let shown = self.last.shown + ages.len();
        self.last = Counters { time: Instant::now(), captured, shown, restorations };
    }

    /// Prints the summary of the call.
    pub fn conclude(&self) {
        let ages = self.shown.since(0);
        println!("{} frames captured, {} shown; {}", self.sender.captured(), ages.len(), summary(&ages));
    }
}

/// Mean, 95th percentile and largest.
fn summary(ages: &[Duration]) -> String {
    let mut sorted = ages.to_vec();
    sorted.sort_unstable();
    let Some(largest) = sorted.last() else { return "latency unknown: nothing was shown here".to_owned() };
    let mean = sorted.iter().sum::<Duration>() / sorted.len() as u32;
    let percentile = sorted[(sorted.len() * 95).div_ceil(100) - 1];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("glass to glass {:.0} ms, {:.0}, {:.0}", ms(mean), ms(percentile), ms(*largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_mean_percentile_and_largest() {
        let ages: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(summary(&ages), "glass to glass 50 ms, 95, 100");
        assert_eq!(summary(&ages[..1]), "glass to glass 1 ms, 1, 1");
        assert!(summary(&[]).contains("unknown"));
    }
}
