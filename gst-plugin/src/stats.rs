// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counters and stage times behind the property `stats`.

use std::fmt;
use std::time::Duration;

use face_restore::{FramePlan, STAGES};

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Faces were restored in it, drawn or attached.
    Changed,
    /// It passed untouched: no face, or nothing asked for.
    Bypassed,
    /// It passed untouched because the sink was late.
    Late,
    /// It passed untouched because something failed.
    Failed,
}

/// Counters since the element started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    frames: u64,
    faces: u64,
    tracks: u64,
    restored_faces: u64,
    reused_faces: u64,
    bypassed_frames: u64,
    late_frames: u64,
    failures: u64,
    failures_in_a_row: u64,
    stages: [StageTime; STAGES.len()],
    worker: StageTime,
    detail_age: StageTime,
    largest_detail_age: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct StageTime {
    total: Duration,
    last: Duration,
    runs: u64,
}

impl StageTime {
    fn add(&mut self, time: Duration) {
        *self = Self { total: self.total + time, last: time, runs: self.runs + 1 };
    }

    fn mean_ms(&self) -> f64 {
        self.total.as_secs_f64() * 1e3 / self.runs.max(1) as f64
    }
}

impl Stats {
    /// Counts a frame.
    pub fn record(&mut self, outcome: Outcome, plan: &FramePlan) {
        self.frames += 1;
        self.faces += plan.tracks.len() as u64;
        self.tracks += plan.changes.appeared.len() as u64;
        self.restored_faces += plan.changes.restored.len() as u64;
        self.reused_faces += plan.changes.reused.len() as u64;
        match outcome {
            Outcome::Changed => self.failures_in_a_row = 0,
            Outcome::Bypassed => self.bypassed_frames += 1,
            Outcome::Late => self.late_frames += 1,
            Outcome::Failed => {
                self.failures += 1;
                self.failures_in_a_row += 1;
            }
        }
        for (stage, time) in self.stages.iter_mut().zip(plan.timings.all()) {
            time.into_iter().for_each(|time| stage.add(time));
        }
        plan.worker.into_iter().for_each(|time| self.worker.add(time));
        if let Some(age) = plan.oldest_detail {
            self.detail_age.add(age);
            self.largest_detail_age = self.largest_detail_age.max(age);
        }
    }

    /// Counts a failure of the worker; the frame itself counts apart.
    pub fn record_worker_failure(&mut self) {
        self.failures += 1;
    }

    /// Frames that passed untouched because something failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Frames that failed since the last one in which faces were restored.
    #[must_use]
    pub fn failures_in_a_row(&self) -> u64 {
        self.failures_in_a_row
    }

    /// Frames that went through restoration's decision in time, and those that were too late: for QoS messages.
    #[must_use]
    pub fn processed_and_late(&self) -> (u64, u64) {
        (self.frames - self.late_frames, self.late_frames)
    }

    /// The value of the property `stats`.
    #[must_use]
    pub fn structure(&self) -> gst::Structure {
        let mut structure = gst::Structure::builder("facerestore-stats")
            .field("frames", self.frames)
            .field("faces", self.faces)
            .field("tracks", self.tracks)
            .field("restored-faces", self.restored_faces)
            .field("reused-faces", self.reused_faces)
            .field("bypassed-frames", self.bypassed_frames)
            .field("late-frames", self.late_frames)
            .field("failures", self.failures)
            .build();
        for (stage, name) in STAGES {
            let time = &self.stages[stage as usize];
            structure.set(format!("{name}-ms"), time.mean_ms());
            structure.set(format!("{name}-ms-last"), time.last.as_secs_f64() * 1e3);
        }
        structure.set("restorations", self.worker.runs);
        structure.set("worker-ms", self.worker.mean_ms());
        structure.set("detail-age-ms", self.detail_age.mean_ms());
        structure.set("detail-age-ms-last", self.detail_age.last.as_secs_f64() * 1e3);
        structure.set("detail-age-ms-max", self.largest_detail_age.as_secs_f64() * 1e3);
        structure
    }
}

/// One line for the log and for `scripts/demo`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} faces restored", self.frames, self.restored_faces)?;
        let mut separator = "; ms per frame:";
        for (stage, name) in STAGES {
            write!(f, "{separator} {name} {:.1}", self.stages[stage as usize].mean_ms())?;
            separator = ",";
        }
        if self.worker.runs > 0 {
            let (mean, largest) = (self.detail_age.mean_ms(), self.largest_detail_age.as_millis());
            write!(
                f,
                "; worker {:.1} ms, detail {mean:.0} ms old, at most {largest}",
                self.worker.mean_ms()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use face_restore::{Changes, Timings};

    use super::*;

    #[test]
    fn stage_times_are_means_over_the_frames_where_the_stage_ran() {
        gst::init().unwrap();
        let mut stats = Stats::default();
        let plan = |detect: u64, restore: Option<u64>| {
            let millis = |value| Duration::from_millis(value);
            let timings = Timings::from_all([Some(millis(detect)), None, None, restore.map(millis), None]);
            FramePlan { timings, ..FramePlan::default() }
        };
        let mut first = plan(10, Some(100));
        first.changes =
            Changes { appeared: vec![1, 2, 3], lost: vec![], restored: vec![1, 2], reused: vec![2] };
        first.worker = Some(Duration::from_millis(40));
        first.oldest_detail = Some(Duration::from_millis(90));
        stats.record(Outcome::Changed, &first);
        stats.record(Outcome::Bypassed, &plan(20, None));
        stats.record(Outcome::Late, &FramePlan::default());
        let mut last = plan(30, Some(50));
        last.oldest_detail = Some(Duration::from_millis(30));
        stats.record(Outcome::Failed, &last);
        let structure = stats.structure();
        for (field, value) in [
            ("frames", 4),
            ("tracks", 3),
            ("restored-faces", 2),
            ("reused-faces", 1),
            ("restorations", 1),
            ("bypassed-frames", 1),
            ("late-frames", 1),
            ("failures", 1),
        ] {
            assert_eq!(structure.get::<u64>(field), Ok(value), "{field}");
        }
        for (field, value) in [
            ("detect-ms", 20.0),
            ("detect-ms-last", 30.0),
            ("restore-ms", 75.0),
            ("restore-ms-last", 50.0),
            ("align-ms", 0.0),
            ("worker-ms", 40.0),
            ("detail-age-ms", 60.0),
            ("detail-age-ms-last", 30.0),
            ("detail-age-ms-max", 90.0),
        ] {
            assert!((structure.get::<f64>(field).unwrap() - value).abs() < 1e-9, "{field}");
        }
        assert_eq!(
            stats.to_string(),
            "4 frames, 2 faces restored; ms per frame: detect 20.0, track 0.0, align 0.0, restore 75.0, paste 0.0; \
             worker 40.0 ms, detail 60 ms old, at most 90"
        );
    }
}
