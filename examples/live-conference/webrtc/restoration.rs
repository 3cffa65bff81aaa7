// SPDX-License-Identifier: MIT OR Apache-2.0
//! One restored picture: the element, its controls, and what it tells of itself.

use std::sync::Mutex;
use std::time::Instant;

use gst::prelude::*;

use super::message::ToPage;

/// An element that restores, shared by everybody who sees its picture.
#[derive(Debug)]
pub struct Restoration {
    element: gst::Element,
    last: Mutex<Option<Counters>>,
}

#[derive(Debug, Clone, Copy)]
struct Counters {
    time: Instant,
    frames: u64,
    faces: u64,
    restorations: u64,
}

impl Restoration {
    /// Of `element`, a `facerestore`.
    #[must_use]
    pub fn new(element: gst::Element) -> Self {
        Self { element, last: Mutex::new(None) }
    }

    /// Share of restoration and of detail.
    #[must_use]
    pub fn controls(&self) -> (f64, f64) {
        (self.element.property("strength"), self.element.property("detail"))
    }

    /// Sets both, brought into 0 to 1; what is no number changes nothing.
    pub fn control(&self, strength: f64, detail: f64) {
        for (name, value) in [("strength", strength), ("detail", detail)] {
            if value.is_finite() {
                self.element.set_property(name, value.clamp(0.0, 1.0));
            }
        }
    }

    /// What happened since the last call of this function, none the first time.
    pub fn stats(&self) -> Option<ToPage> {
        let stats = self.element.property::<gst::Structure>("stats");
        let count = |name: &str| stats.get::<u64>(name).unwrap_or(0);
        let measure = |name: &str| stats.get::<f64>(name).unwrap_or(0.0);
        let now = Counters {
            time: Instant::now(),
            frames: count("frames"),
            faces: count("faces"),
            restorations: count("restorations"),
        };
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = last.replace(now)?;
        let seconds = (now.time - before.time).as_secs_f64().max(1e-3);
        let frames = now.frames.saturating_sub(before.frames);
        Some(ToPage::Stats {
            faces: now.faces.saturating_sub(before.faces) as f64 / frames.max(1) as f64,
            frames: frames as f64 / seconds,
            restorations: now.restorations.saturating_sub(before.restorations) as f64 / seconds,
            detail_age: measure("detail-age-ms-last"),
            network: measure("worker-ms"),
        })
    }
}
