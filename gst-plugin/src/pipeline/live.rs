//! Live restoration: a worker thread restores the newest crops, and every frame shows the newest detail of each face.
//!
//! The streaming thread never waits: it hands a job over when the worker is idle, and takes what the worker has
//! finished. A detail (restored minus input, in crop space) is put where the face is now, and fades out as it ages.
//! Overload lowers the rate of restorations, never that of frames.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};
use face_detect::FaceDetail;

use super::crops::AlignedFace;
use super::restoration::{Restoration, RestoreOptions};
use crate::error::FrameError;

/// A new detail takes this long to come in fully, and the last of one this long to go: no face pops.
const RAMP: Duration = Duration::from_millis(150);

/// Crops for the worker.
struct Job {
    /// Results of an earlier epoch (before a seek or a change of caps) are thrown away.
    epoch: u64,
    /// When the frame is to be shown.
    time: Duration,
    faces: Vec<AlignedFace>,
    options: RestoreOptions,
    keep_color: bool,
    /// The tracks there are; others are forgotten.
    alive: Vec<u64>,
}

/// What the worker made of a job.
struct Finished {
    epoch: u64,
    time: Duration,
    took: Duration,
    details: Result<Vec<(u64, FaceDetail)>, FrameError>,
}

/// The newest detail of a face.
struct Newest {
    detail: FaceDetail,
    /// Of the frame that it was restored from.
    time: Duration,
    /// The share of it that the last frame showed, 0 to 1.
    shown: f32,
    /// When that frame was to be shown.
    shown_at: Duration,
}

/// What [`LiveRestoration::collect`] found.
#[derive(Debug, Default)]
pub struct Collected {
    /// Tracks whose face has been restored anew.
    pub restored: Vec<u64>,
    /// How long the network took for them.
    pub took: Option<Duration>,
    /// What went wrong; the details that there were stay.
    pub failure: Option<FrameError>,
}

/// The worker thread, and the details that it has made so far.
pub struct LiveRestoration {
    /// `None` once the thread is told to end.
    jobs: Option<Sender<Job>>,
    finished: Receiver<Finished>,
    worker: Option<JoinHandle<()>>,
    crop_size: u32,
    busy: bool,
    epoch: u64,
    newest: HashMap<u64, Newest>,
    /// Smoothed time of the network for one face.
    time_per_face: Option<Duration>,
}

impl LiveRestoration {
    /// Starts the worker thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(restoration: Restoration) -> std::io::Result<Self> {
        let crop_size = restoration.crop_size();
        let (jobs, incoming) = bounded(1);
        let (outgoing, finished) = bounded(1);
        let worker = std::thread::Builder::new()
            .name("facerestore".to_owned())
            .spawn(move || work(restoration, &incoming, &outgoing))?;
        Ok(Self {
            jobs: Some(jobs),
            finished,
            worker: Some(worker),
            crop_size,
            busy: false,
            epoch: 0,
            newest: HashMap::new(),
            time_per_face: None,
        })
    }

    /// Width and height of the crops.
    #[must_use]
    pub fn crop_size(&self) -> u32 {
        self.crop_size
    }

    /// Forgets every face; what the worker has at hand is thrown away when it is finished.
    pub fn forget(&mut self) {
        self.epoch += 1;
        self.newest.clear();
    }

    /// Takes what the worker has finished. Never waits.
    pub fn collect(&mut self) -> Collected {
        let mut collected = Collected::default();
        while let Ok(finished) = self.finished.try_recv() {
            self.busy = false;
            if finished.epoch != self.epoch {
                continue;
            }
            match finished.details {
                Ok(details) => {
                    collected.took = Some(finished.took);
                    let each = finished.took / details.len().max(1) as u32;
                    self.time_per_face = Some(self.time_per_face.map_or(each, |mean| (mean * 3 + each) / 4));
                    for (id, detail) in details {
                        let before = self.newest.get(&id).map(|newest| (newest.shown, newest.shown_at));
                        let (shown, shown_at) = before.unwrap_or((0.0, finished.time));
                        let newest = Newest { detail, time: finished.time, shown, shown_at };
                        self.newest.insert(id, newest);
                        collected.restored.push(id);
                    }
                }
                Err(error) => collected.failure = Some(error),
            }
        }
        collected
    }

    /// The worker has nothing to do and would start on new crops at once.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.busy && self.jobs.is_some()
    }

    /// Which of the faces (id, area in pixels) to restore next: those whose size times the age of their detail is largest,
    /// as many as the worker restores in half of `max_age`, at least one.
    #[must_use]
    pub fn choose(&self, faces: &[(u64, f32)], now: Duration, max_age: Duration) -> Vec<u64> {
        let count = self.time_per_face.map_or(1, |each| {
            (max_age.as_secs_f64() / 2.0 / each.as_secs_f64().max(1e-4)).floor().clamp(1.0, 1e6) as usize
        });
        let urgency = |&(id, area): &(u64, f32)| {
            let age = self.newest.get(&id).map_or(max_age, |newest| now.saturating_sub(newest.time));
            area * age.min(max_age).as_secs_f32()
        };
        let mut by_urgency: Vec<&(u64, f32)> = faces.iter().collect();
        by_urgency.sort_by(|a, b| urgency(b).total_cmp(&urgency(a)));
        by_urgency.into_iter().take(count).map(|&(id, _)| id).collect()
    }

    /// Hands crops of the frame to be shown at `time` to the idle worker.
    pub fn submit(
        &mut self,
        faces: Vec<AlignedFace>,
        alive: Vec<u64>,
        time: Duration,
        options: RestoreOptions,
        keep_color: bool,
    ) {
        let job = Job { epoch: self.epoch, time, faces, options, keep_color, alive };
        // Idle means that the queue of one is empty; a worker that is gone takes no more jobs.
        self.busy = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok());
    }

    /// Forgets the details of tracks that have ended.
    pub fn keep_tracks(&mut self, is_alive: impl Fn(u64) -> bool) {
        self.newest.retain(|&id, _| is_alive(id));
    }

    /// The newest detail of a face, the share of it to show at `now`, 0 to 1, and its age. The share is full up to half
    /// of `max_age`, falls to 0 at `max_age`, and changes by no more than a ramp of 150 ms allows.
    pub fn detail(
        &mut self,
        id: u64,
        now: Duration,
        max_age: Duration,
    ) -> Option<(&FaceDetail, f32, Duration)> {
        let newest = self.newest.get_mut(&id)?;
        let age = now.saturating_sub(newest.time);
        let half = max_age.as_secs_f32() / 2.0;
        let target = ((max_age.as_secs_f32() - age.as_secs_f32()) / half.max(1e-6)).clamp(0.0, 1.0);
        let step = now.saturating_sub(newest.shown_at).as_secs_f32() / RAMP.as_secs_f32();
        newest.shown += (target - newest.shown).clamp(-step, step);
        newest.shown_at = now;
        Some((&newest.detail, newest.shown, age))
    }
}

impl Drop for LiveRestoration {
    fn drop(&mut self) {
        // The worker ends when its queue does, after the job at hand.
        self.jobs = None;
        if let Some(worker) = self.worker.take() {
            // It catches panics of the network itself; there is nothing to report any more.
            let _ = worker.join();
        }
    }
}

/// The worker thread: job after job until the queue is closed.
fn work(mut restoration: Restoration, jobs: &Receiver<Job>, finished: &Sender<Finished>) {
    let mut epoch = 0;
    for job in jobs {
        if job.epoch != epoch {
            restoration.forget();
            epoch = job.epoch;
        }
        restoration.keep_tracks(|id| job.alive.contains(&id));
        let start = Instant::now();
        let details = catch_unwind(AssertUnwindSafe(|| restore(&mut restoration, &job)))
            .unwrap_or_else(|panic| Err(FrameError::from_panic(&*panic)));
        if details.is_err() {
            restoration.forget();
        }
        let done = Finished { epoch, time: job.time, took: start.elapsed(), details };
        if finished.send(done).is_err() {
            return;
        }
    }
}

fn restore(restoration: &mut Restoration, job: &Job) -> Result<Vec<(u64, FaceDetail)>, FrameError> {
    let restored = restoration.restore(&job.faces, &job.options)?;
    let details =
        job.faces.iter().zip(&restored).map(|(face, restored)| {
            Ok((face.id, FaceDetail::between(&face.crop, restored, job.keep_color)?))
        });
    details.collect()
}
