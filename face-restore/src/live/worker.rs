// SPDX-License-Identifier: MIT OR Apache-2.0
//! The worker thread of live restoration: crops in, details out, one job at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use face_detect::FaceDetail;

use crate::crop::{AlignedFace, CropSides};
use crate::error::FaceRestoreError;
use crate::temporal::{TemporalOptions, TemporalRestorer};

/// Whoever drops the worker waits so long for the job at hand. A network that hangs is left behind.
const PATIENCE: Duration = Duration::from_secs(1);

/// A job that takes longer is reported: faces restored so long ago are not shown any more, and the network may never answer.
const LONGEST_JOB: Duration = Duration::from_secs(5);

/// How far the worker steps back behind the thread that frames pass through. On few cores the network would else take the
/// time in which faces are followed and pasted, and frames would be late.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Crops for the worker.
pub(super) struct Job {
    /// Results of an earlier epoch (before a seek or a change of format) are thrown away.
    pub epoch: u64,
    /// When the frame that the crops are of is shown.
    pub time: Duration,
    pub faces: Vec<AlignedFace>,
    pub options: TemporalOptions,
    pub keep_color: bool,
    /// The faces there are; others are forgotten.
    pub alive: Vec<u64>,
}

/// What the worker made of a job.
pub(super) struct Finished {
    pub epoch: u64,
    pub time: Duration,
    pub took: Duration,
    pub details: Result<Vec<FinishedFace>, FaceRestoreError>,
}

/// A face of a job.
pub(super) struct FinishedFace {
    pub id: u64,
    pub detail: FaceDetail,
    /// The network was not asked, since nothing had changed.
    pub is_reused: bool,
}

/// A thread that restores crops, one job after the other.
pub struct LiveWorker {
    /// `None` once the thread is told to end.
    jobs: Option<Sender<Job>>,
    finished: Receiver<Finished>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    crop_sides: CropSides,
    /// When the job at hand was handed over; `None` when the worker is idle.
    busy_since: Option<Instant>,
    /// The job at hand was reported to take too long.
    is_reported: bool,
}

impl LiveWorker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(restorer: TemporalRestorer) -> std::io::Result<Self> {
        let crop_sides = restorer.crop_sides();
        let (jobs, incoming) = bounded(1);
        let (outgoing, finished) = bounded(1);
        let (alive, ended) = bounded(0);
        let thread = std::thread::Builder::new().name("facerestore".to_owned()).spawn(move || {
            step_back();
            work(restorer, &incoming, &outgoing);
            drop::<Sender<()>>(alive);
        })?;
        Ok(Self {
            jobs: Some(jobs),
            finished,
            ended,
            thread: Some(thread),
            crop_sides,
            busy_since: None,
            is_reported: false,
        })
    }

    /// Width and height of the crops that its network takes.
    pub(super) fn crop_sides(&self) -> CropSides {
        self.crop_sides
    }

    /// The worker has nothing to do and would start on new crops at once.
    pub(super) fn is_idle(&self) -> bool {
        self.busy_since.is_none() && self.jobs.is_some()
    }

    /// Hands a job to the idle worker.
    pub(super) fn submit(&mut self, job: Job) {
        // Idle means that the queue of one is empty; a worker that is gone takes no more jobs.
        let is_sent = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok());
        self.busy_since = is_sent.then(Instant::now);
        self.is_reported = false;
    }

    /// How long the job at hand takes already, once for each job that takes more than five seconds.
    pub(super) fn take_overdue(&mut self) -> Option<Duration> {
        let took = self.busy_since?.elapsed();
        if self.is_reported || took < LONGEST_JOB {
            return None;
        }
        self.is_reported = true;
        Some(took)
    }

    #[cfg(test)]
    pub(super) fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// What the worker has finished, if anything. Never waits.
    pub(super) fn take_finished(&mut self) -> Option<Finished> {
        let finished = self.finished.try_recv().ok()?;
        self.busy_since = None;
        Some(finished)
    }
}

impl Drop for LiveWorker {
    fn drop(&mut self) {
        // The thread ends when its queue does, after the job at hand.
        self.jobs = None;
        let has_ended = matches!(self.ended.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
        if let Some(thread) = self.thread.take().filter(|_| has_ended) {
            // It catches panics of the network itself; there is nothing to report any more.
            let _ = thread.join();
        }
    }
}

/// Lowers the priority of this thread, and with it that of those which libtorch starts from it. Only on Linux, where threads
/// have priorities of their own.
fn step_back() {
    // Refused where the process may not: the worker then competes with the frames as any thread does.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}

/// The thread: job after job until the queue is closed.
fn work(mut restorer: TemporalRestorer, jobs: &Receiver<Job>, finished: &Sender<Finished>) {
    let mut epoch = 0;
    for job in jobs {
        if job.epoch != epoch {
            restorer.forget();
            epoch = job.epoch;
        }
        restorer.keep(&job.alive);
        let start = Instant::now();
        let details =
            catch_unwind(AssertUnwindSafe(|| restore(&mut restorer, &job))).unwrap_or_else(|panic| {
                // Nobody knows where it stopped.
                restorer.forget();
                Err(FaceRestoreError::from_panic(&*panic))
            });
        let done = Finished { epoch, time: job.time, took: start.elapsed(), details };
        if finished.send(done).is_err() {
            return;
        }
    }
}

fn restore(restorer: &mut TemporalRestorer, job: &Job) -> Result<Vec<FinishedFace>, FaceRestoreError> {
    let restored = restorer.restore(&job.faces, &job.options)?;
    let details = job.faces.iter().zip(&restored).map(|(face, restored)| {
        let detail = FaceDetail::between(&face.crop, &restored.crop, job.keep_color)?;
        Ok(FinishedFace { id: face.id, detail, is_reused: restored.is_reused })
    });
    details.collect()
}
