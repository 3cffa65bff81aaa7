// SPDX-License-Identifier: MIT OR Apache-2.0
//! Streams of a photograph: the real detector, and networks whose answer the tests know.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use opencv::core::{Mat, MatTrait, MatTraitConst, MatTraitConstManual, Rect, Scalar, Vec3f};
use restore_core::{RestoreError, RestoreOptions, Restorer};
use tch::Tensor;

use super::*;
use crate::fixtures::{self, Answering};
use crate::picture::RgbPicture;

const FRAME: Duration = Duration::from_millis(40);

fn offline(restorer: impl Restorer + 'static) -> FaceStream {
    FaceStream::offline(fixtures::scene(), TemporalRestorer::new(Box::new(restorer)).unwrap())
}

fn negative() -> impl Restorer {
    Answering(|faces: &Tensor| Ok(faces.neg()))
}

/// The plan of frame number `frame`, at 25 a second.
fn plan(stream: &mut FaceStream, frame: u32, picture: &RgbPicture, options: &FrameOptions) -> FramePlan {
    stream.plan(picture, &[], FRAME * frame, options).unwrap()
}

fn options() -> FrameOptions {
    FrameOptions {
        detect: DetectOptions {
            score_threshold: 0.7,
            min_face_size: 32,
            max_faces: 10,
            ..Default::default()
        },
        detection_interval: 1,
        temporal: TemporalOptions { seed: 7, persistence: 0.0, detail: 1.0 },
        paste: PasteOptions { strength: 1.0, keep_color: false },
        max_age: Duration::from_millis(500),
    }
}

fn with_persistence() -> FrameOptions {
    FrameOptions { temporal: TemporalOptions { seed: 7, persistence: 0.6, detail: 1.0 }, ..options() }
}

fn astronaut() -> RgbPicture {
    fixtures::picture(&fixtures::astronaut())
}

fn grey() -> RgbPicture {
    RgbPicture::from_bytes(512, 512, &[128; 512 * 512 * 3]).unwrap()
}

/// The astronaut, her face behind a grey card: nothing else changes, so it is no cut.
fn covered() -> RgbPicture {
    let mut rgb = fixtures::astronaut();
    let mut card = Mat::roi_mut(&mut rgb, Rect::new(160, 50, 130, 140)).unwrap();
    card.set_to_def(&Scalar::all(150.0)).unwrap();
    fixtures::picture(&rgb)
}

/// Two astronauts, the right one a little smaller.
fn couple() -> RgbPicture {
    let rgb = fixtures::astronaut();
    let mut small = Mat::default();
    let size = opencv::core::Size::new(440, 440);
    opencv::imgproc::resize(&rgb, &mut small, size, 0.0, 0.0, opencv::imgproc::INTER_AREA).unwrap();
    let mut wide = Mat::new_rows_cols_with_default(512, 960, rgb.typ(), Scalar::all(90.0)).unwrap();
    rgb.copy_to(&mut Mat::roi_mut(&mut wide, Rect::new(0, 0, 512, 512)).unwrap()).unwrap();
    small.copy_to(&mut Mat::roi_mut(&mut wide, Rect::new(520, 40, 440, 440)).unwrap()).unwrap();
    fixtures::picture(&wide)
}

#[test]
fn the_face_of_a_photograph_is_found_and_corrected_where_it_is() {
    let plan = plan(&mut offline(negative()), 0, &astronaut(), &options());
    assert_eq!((plan.tracks.len(), plan.corrections.len()), (1, 1));
    // Nose tip and outline read off the picture by eye.
    let nose = plan.tracks[0].face.landmarks[2];
    assert!((nose.x - 223.0).abs() < 12.0 && (nose.y - 130.0).abs() < 15.0, "{nose:?}");
    let region = plan.corrections[0].region;
    let holds = |x, y| {
        (region.x..region.x + region.width).contains(&x) && (region.y..region.y + region.height).contains(&y)
    };
    assert!(holds(223, 120) && holds(195, 100) && holds(250, 100), "{region:?}");
    assert!(!holds(20, 20) && !holds(223, 400), "{region:?}");
    let largest = plan.corrections[0].delta.data_typed::<Vec3f>().unwrap();
    let largest = largest.iter().flat_map(|pixel| pixel.0).fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(largest > 50.0, "the negative changes a face by {largest} levels at most");
}

#[test]
fn strength_0_finds_faces_and_restores_none() {
    let mut options = options();
    options.paste.strength = 0.0;
    let plan = plan(&mut offline(negative()), 0, &astronaut(), &options);
    assert_eq!((plan.tracks.len(), plan.corrections.len()), (1, 0));
}

#[test]
fn a_face_keeps_its_track_and_comes_back_with_another_after_a_reset() {
    let mut stream = offline(negative());
    let options = options();
    let first = plan(&mut stream, 0, &astronaut(), &options);
    let id = first.tracks[0].id;
    assert_eq!(first.changes, Changes { appeared: vec![id], lost: vec![], restored: vec![id] });
    for frame in 1..4 {
        let plan = plan(&mut stream, frame, &astronaut(), &options);
        assert_eq!(plan.changes, Changes { restored: vec![id], ..Changes::default() });
    }
    let gone = plan(&mut stream, 4, &grey(), &options);
    assert_eq!(gone.changes, Changes { lost: vec![id], ..Changes::default() });
    let back = plan(&mut stream, 5, &astronaut(), &options);
    assert_eq!(back.changes.appeared.len(), 1, "after a cut to something else and back");
    stream.reset();
    let other = plan(&mut stream, 6, &astronaut(), &options);
    assert_eq!(other.changes.lost, back.changes.appeared);
    assert_ne!(other.tracks[0].id, back.tracks[0].id, "after a reset it is another track");
}

#[test]
fn faces_named_upstream_are_restored_without_a_detector() {
    let found = plan(&mut offline(negative()), 0, &astronaut(), &options());
    let restorer = TemporalRestorer::new(Box::new(negative())).unwrap();
    let mut told = FaceStream::offline(Scene::new(crate::Finder::Upstream), restorer);
    assert!(told.is_told_faces());
    let first = told.plan(&astronaut(), &[found.tracks[0].face], Duration::ZERO, &options()).unwrap();
    assert_eq!(first.corrections.len(), 1);
    assert_eq!(first.corrections[0].region, found.corrections[0].region);
    let second = told.plan(&astronaut(), &[], FRAME, &options()).unwrap();
    assert!(second.timings.of(Stage::Detect).is_none());
}

/// Notes which of its faces began at what was shown last.
#[derive(Default)]
struct Remembering {
    cold: Arc<AtomicUsize>,
    warm: Arc<AtomicUsize>,
}

impl Restorer for Remembering {
    fn crop_size(&self) -> u32 {
        64
    }

    fn description(&self) -> String {
        "remembering".to_owned()
    }

    fn restore_with(
        &self,
        faces: &Tensor,
        seeds: &[u64],
        options: &RestoreOptions,
    ) -> Result<Tensor, RestoreError> {
        let counted = if options.start.is_some() { &self.warm } else { &self.cold };
        counted.fetch_add(seeds.len(), Ordering::SeqCst);
        Ok(faces.shallow_clone())
    }
}

/// An offline stream, and a function that says how many faces were restored without and with memory since it was asked last.
fn remembering() -> (FaceStream, impl Fn() -> (usize, usize)) {
    let network = Remembering::default();
    let (cold, warm) = (Arc::clone(&network.cold), Arc::clone(&network.warm));
    (offline(network), move || (cold.swap(0, Ordering::SeqCst), warm.swap(0, Ordering::SeqCst)))
}

#[test]
fn a_face_that_is_hidden_for_a_moment_is_remembered() {
    let (mut stream, restored) = remembering();
    let options = with_persistence();
    let id = plan(&mut stream, 0, &astronaut(), &options).tracks[0].id;
    assert_eq!(restored(), (1, 0));
    let hidden = plan(&mut stream, 1, &covered(), &options);
    assert_eq!((hidden.tracks.len(), hidden.changes.lost, restored()), (0, vec![id], (0, 0)));
    let back = plan(&mut stream, 2, &astronaut(), &options);
    assert_eq!((back.tracks[0].id, restored()), (id, (0, 1)), "it begins at what was shown last");
}

#[test]
fn a_face_beyond_the_number_asked_for_is_remembered() {
    let (mut stream, restored) = remembering();
    let two = with_persistence();
    let one = FrameOptions { detect: DetectOptions { max_faces: 1, ..two.detect }, ..two };
    let both = plan(&mut stream, 0, &couple(), &two);
    assert_eq!((both.tracks.len(), restored()), (2, (2, 0)));
    for frame in 1..4 {
        assert_eq!(plan(&mut stream, frame, &couple(), &one).tracks.len(), 1);
    }
    assert_eq!(restored(), (0, 3));
    let again = plan(&mut stream, 4, &couple(), &two);
    assert_eq!(again.tracks[1].id, both.tracks[1].id);
    assert_eq!(restored(), (0, 2), "both begin at what was shown last");
}

#[test]
fn a_frame_that_fails_is_a_pause() {
    let fails = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fails);
    let mut stream = offline(Answering(move |faces: &Tensor| {
        let error = || RestoreError::Shape("made to fail".to_owned());
        if failing.load(Ordering::SeqCst) { Err(error()) } else { Ok(faces.neg()) }
    }));
    let mut at = |frame: u32, picture: &RgbPicture| stream.plan(picture, &[], FRAME * frame, &options());
    assert!(at(0, &astronaut()).is_err());
    fails.store(false, Ordering::SeqCst);
    let first = at(1, &astronaut()).unwrap();
    assert_eq!(first.changes.appeared.len(), 1, "nobody was told of the face before");
    let id = first.tracks[0].id;
    fails.store(true, Ordering::SeqCst);
    assert!(at(2, &astronaut()).is_err());
    fails.store(false, Ordering::SeqCst);
    let next = at(3, &astronaut()).unwrap();
    assert_eq!((next.tracks[0].id, next.changes.appeared.len(), next.changes.lost.len()), (id, 0, 0));
    // What appeared and went while every frame failed was never heard of.
    stream.reset();
    fails.store(true, Ordering::SeqCst);
    assert!(stream.plan(&astronaut(), &[], FRAME * 4, &options()).is_err());
    let empty = stream.plan(&grey(), &[], FRAME * 5, &options()).unwrap();
    assert_eq!(empty.changes, Changes { lost: vec![id], ..Changes::default() });
}

#[test]
fn a_panic_is_an_error_and_the_next_frame_is_restored() {
    let panics = Arc::new(AtomicBool::new(true));
    let panicking = Arc::clone(&panics);
    let mut stream = offline(Answering(move |faces: &Tensor| {
        assert!(!panicking.load(Ordering::SeqCst), "made to panic");
        Ok(faces.neg())
    }));
    let error = stream.plan(&astronaut(), &[], Duration::ZERO, &options()).err().unwrap();
    assert!(matches!(&error, FaceRestoreError::Panic(text) if text.contains("made to panic")), "{error}");
    panics.store(false, Ordering::SeqCst);
    assert_eq!(plan(&mut stream, 1, &astronaut(), &options()).corrections.len(), 1);
}

/// What a gated network does with the next job.
#[derive(Clone, Copy)]
enum Permit {
    Restore,
    Fail,
}

/// A live stream whose network waits for a permit before each job.
struct Gated {
    stream: FaceStream,
    permits: Sender<Permit>,
    options: FrameOptions,
    frame: u32,
}

impl Gated {
    fn new() -> Self {
        let (permits, incoming) = channel();
        let worker = LiveWorker::start(TemporalRestorer::new(Box::new(gate(incoming))).unwrap()).unwrap();
        let stream = FaceStream::live(fixtures::scene(), worker);
        Self { stream, permits, options: options(), frame: 0 }
    }

    /// The next frame.
    fn next(&mut self, picture: &RgbPicture) -> FramePlan {
        self.frame += 1;
        plan(&mut self.stream, self.frame, picture, &self.options)
    }

    /// Lets the job at hand be done, and waits until it is.
    fn permit(&self, permit: Permit) {
        self.permits.send(permit).unwrap();
        let Mode::Live(live) = &self.stream.mode else { unreachable!("it is live") };
        while !live.has_news() {
            std::thread::yield_now();
        }
    }

    /// Frames of the picture until its detail is shown in full.
    fn settled(picture: &RgbPicture) -> Self {
        let mut gated = Self::new();
        gated.next(picture);
        gated.permit(Permit::Restore);
        // 150 ms of ramp are four frames and the one in which it arrives.
        for _ in 0..5 {
            gated.next(picture);
        }
        gated
    }
}

fn gate(permits: Receiver<Permit>) -> impl Restorer {
    let permits = Mutex::new(permits);
    Answering(move |faces: &Tensor| match permits.lock().unwrap().recv() {
        Ok(Permit::Restore) => Ok(faces.neg()),
        Ok(Permit::Fail) | Err(_) => Err(RestoreError::Shape("made to fail".to_owned())),
    })
}

/// How strong the plan's correction is.
fn strength(plan: &FramePlan) -> f64 {
    plan.corrections.iter().map(|correction| opencv::core::norm_def(&correction.delta).unwrap()).sum()
}

#[test]
fn live_frames_do_not_wait_and_the_detail_comes_in_by_degrees() {
    let mut gated = Gated::new();
    gated.options.max_age = Duration::from_secs(2);
    let first = gated.next(&astronaut());
    assert_eq!((first.tracks.len(), first.corrections.len()), (1, 0), "nothing is restored yet");
    // The network takes a third of a second of the stream's time.
    for _ in 0..8 {
        assert!(gated.next(&astronaut()).corrections.is_empty());
    }
    gated.permit(Permit::Restore);
    let arrived = gated.next(&astronaut());
    assert_eq!((arrived.changes.restored.len(), arrived.corrections.len()), (1, 0), "it begins at nothing");
    let strengths: Vec<f64> = (0..5).map(|_| strength(&gated.next(&astronaut()))).collect();
    for (share, strength) in [40.0 / 150.0, 80.0 / 150.0, 120.0 / 150.0, 1.0].into_iter().zip(&strengths) {
        assert!((strength / strengths[4] - share).abs() < 0.01, "{share} of {strengths:?}");
    }
}

#[test]
fn after_a_cut_the_detail_of_the_face_that_is_gone_is_shown_no_more() {
    let mut gated = Gated::settled(&astronaut());
    let shown = gated.next(&astronaut());
    assert_eq!(shown.corrections.len(), 1);
    assert!(shown.oldest_detail.is_some());
    let cut = gated.next(&grey());
    assert_eq!((cut.tracks.len(), cut.corrections.len()), (0, 0));
}

#[test]
fn a_live_face_that_is_hidden_for_a_frame_keeps_its_detail() {
    let mut gated = Gated::settled(&astronaut());
    let before = strength(&gated.next(&astronaut()));
    assert!(gated.next(&covered()).corrections.is_empty());
    let back = strength(&gated.next(&astronaut()));
    // Two frames of the ramp: the hidden one and this one's way back.
    assert!(back > 0.3 * before, "{back} after {before}");
}

#[test]
fn a_failing_worker_is_reported_and_goes_on_when_it_can() {
    let mut gated = Gated::settled(&astronaut());
    let before = strength(&gated.next(&astronaut()));
    gated.permit(Permit::Fail);
    let failed = gated.next(&astronaut());
    assert!(failed.worker_failure.as_ref().unwrap().to_string().contains("made to fail"));
    assert!(strength(&failed) > 0.5 * before, "what was shown stays");
    gated.permit(Permit::Restore);
    assert_eq!(gated.next(&astronaut()).changes.restored.len(), 1);
}

#[test]
fn a_detail_fades_out_when_nothing_new_comes() {
    let mut gated = Gated::settled(&astronaut());
    // It is 6 frames old now; max-age is 12.5 frames, and fading takes the second half of them.
    let strengths: Vec<f64> = (0..8).map(|_| strength(&gated.next(&astronaut()))).collect();
    assert!(strengths.windows(2).all(|pair| pair[1] <= pair[0] + 1e-6), "{strengths:?}");
    assert!(strengths[0] > 0.0 && strengths[7] == 0.0, "{strengths:?}");
}

#[test]
fn a_detail_from_before_a_reset_is_thrown_away() {
    let mut gated = Gated::new();
    gated.next(&astronaut());
    gated.stream.reset();
    assert_eq!(gated.next(&astronaut()).changes.appeared.len(), 1);
    gated.permit(Permit::Restore);
    let after = gated.next(&astronaut());
    assert_eq!(
        (after.corrections.len(), after.changes.restored.len()),
        (0, 0),
        "that job was of the stream before"
    );
}

#[test]
fn time_stamps_that_stand_still_or_run_backwards_do_not_stop_a_live_stream() {
    for time in [|_: u32| FRAME * 9, |frame: u32| FRAME * (100 - frame)] {
        let mut gated = Gated::new();
        let at = |frame: u32, gated: &mut Gated| {
            gated.stream.plan(&astronaut(), &[], time(frame), &options()).unwrap()
        };
        at(0, &mut gated);
        gated.permit(Permit::Restore);
        let shown = (1..6).map(|frame| strength(&at(frame, &mut gated))).fold(0.0, f64::max);
        assert!(shown > 0.0);
    }
}

#[test]
fn a_network_that_hangs_does_not_hold_up_the_end() {
    let (permits, incoming) = channel::<Permit>();
    let worker = LiveWorker::start(TemporalRestorer::new(Box::new(gate(incoming))).unwrap()).unwrap();
    let mut stream = FaceStream::live(fixtures::scene(), worker);
    plan(&mut stream, 0, &astronaut(), &options());
    drop(stream);
    // Only now may it end; a stream that waited for it would never have come here.
    drop(permits);
}
