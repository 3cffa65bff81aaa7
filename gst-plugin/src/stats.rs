//! Counters and stage times behind the property `stats`.

use std::fmt;
use std::time::{Duration, Instant};

/// The stages of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Shrinking the frame and finding faces in it.
    Detect,
    /// Reading the faces' pixels and warping them to crops.
    Align,
    /// The restoration network.
    Restore,
    /// Making the corrections and adding them to the frame.
    Paste,
}

const STAGES: [(Stage, &str); 4] = [
    (Stage::Detect, "detect"),
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
}

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
    restored_faces: u64,
    bypassed_frames: u64,
    late_frames: u64,
    failures: u64,
    stages: [StageTime; STAGES.len()],
}

#[derive(Debug, Clone, Copy, Default)]
struct StageTime {
    total: Duration,
    last: Duration,
    runs: u64,
}

impl Stats {
    /// Counts a frame with `found` faces, `restored` of them restored.
    pub fn record(&mut self, outcome: Outcome, found: usize, restored: usize, timings: &Timings) {
        self.frames += 1;
        self.faces += found as u64;
        self.restored_faces += restored as u64;
        match outcome {
            Outcome::Changed => (),
            Outcome::Bypassed => self.bypassed_frames += 1,
            Outcome::Late => self.late_frames += 1,
            Outcome::Failed => self.failures += 1,
        }
        for (stage, time) in self.stages.iter_mut().zip(timings.0) {
            if let Some(time) = time {
                *stage = StageTime { total: stage.total + time, last: time, runs: stage.runs + 1 };
            }
        }
    }

    /// Frames that passed untouched because something failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Frames that went through restoration's decision in time, and those that were too late: for QoS messages.
    #[must_use]
    pub fn processed_and_late(&self) -> (u64, u64) {
        (self.frames - self.late_frames, self.late_frames)
    }

    /// Mean milliseconds of a stage over the frames in which it ran.
    fn mean_ms(&self, stage: Stage) -> f64 {
        let time = self.stages[stage as usize];
        time.total.as_secs_f64() * 1e3 / time.runs.max(1) as f64
    }

    /// The value of the property `stats`.
    #[must_use]
    pub fn structure(&self) -> gst::Structure {
        let mut structure = gst::Structure::builder("facerestore-stats")
            .field("frames", self.frames)
            .field("faces", self.faces)
            .field("restored-faces", self.restored_faces)
            .field("bypassed-frames", self.bypassed_frames)
            .field("late-frames", self.late_frames)
            .field("failures", self.failures)
            .build();
        for (stage, name) in STAGES {
            structure.set(format!("{name}-ms"), self.mean_ms(stage));
            structure.set(format!("{name}-ms-last"), self.stages[stage as usize].last.as_secs_f64() * 1e3);
        }
        structure
    }
}

/// One line for the log and for `scripts/demo`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} faces restored", self.frames, self.restored_faces)?;
        let mut separator = "; ms per frame:";
        for (stage, name) in STAGES {
            write!(f, "{separator} {name} {:.1}", self.mean_ms(stage))?;
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_times_are_means_over_the_frames_where_the_stage_ran() {
        gst::init().unwrap();
        let mut stats = Stats::default();
        let timings = |detect: u64, restore: Option<u64>| {
            let millis = |value| Duration::from_millis(value);
            Timings([Some(millis(detect)), None, restore.map(millis), None])
        };
        stats.record(Outcome::Changed, 3, 2, &timings(10, Some(100)));
        stats.record(Outcome::Bypassed, 0, 0, &timings(20, None));
        stats.record(Outcome::Late, 0, 0, &Timings::default());
        stats.record(Outcome::Failed, 0, 0, &timings(30, Some(50)));
        let structure = stats.structure();
        for (field, value) in [
            ("frames", 4),
            ("faces", 3),
            ("restored-faces", 2),
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
        ] {
            assert!((structure.get::<f64>(field).unwrap() - value).abs() < 1e-9, "{field}");
        }
        assert_eq!(
            stats.to_string(),
            "4 frames, 2 faces restored; ms per frame: detect 20.0, align 0.0, restore 75.0, paste 0.0"
        );
    }
}
