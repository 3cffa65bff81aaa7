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
        temporal: TemporalOptions { seed: 7, persistence: 0.0, detail: 1.0, most_reuse: 0 },
        match_size: false,
        paste: PasteOptions { strength: 1.0, keep_color: false },
        max_age: Duration::from_millis(500),
    }
}

fn with_persistence() -> FrameOptions {
    let options = options();
    FrameOptions { temporal: TemporalOptions { persistence: 0.6, ..options.temporal }, ..options }
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
    assert_eq!(first.changes, Changes { appeared: vec![id], restored: vec![id], ..Changes::default() });
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

/// The options, with answers that are shown again in so many frames.
fn reusing(most_reuse: u32) -> FrameOptions {
    let options = options();
    FrameOptions { temporal: TemporalOptions { most_reuse, ..options.temporal }, ..options }
}

#[test]
fn a_still_face_is_restored_in_every_fifth_frame_and_its_answer_shown_in_the_others() {
    let (mut stream, restored) = remembering();
    let reused: Vec<usize> = (0..12)
        .map(|frame| {
            let plan = plan(&mut stream, frame, &astronaut(), &reusing(4));
            assert_eq!((plan.corrections.len(), plan.changes.restored.len()), (1, 1), "frame {frame}");
            plan.changes.reused.len()
        })
        .collect();
    assert_eq!(reused, [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1]);
    assert_eq!(restored(), (3, 0));
    for frame in 12..16 {
        assert!(plan(&mut stream, frame, &astronaut(), &reusing(0)).changes.reused.is_empty());
    }
    assert_eq!(restored(), (4, 0), "none is reused where that is not wanted");
}

#[test]
fn a_face_in_which_something_moves_is_restored_in_each_frame() {
    let (mut stream, restored) = remembering();
    for frame in 0..8 {
        let mut rgb = fixtures::astronaut();
        // A finger that goes down the cheek.
        let finger = Rect::new(258, 90 + 7 * frame, 24, 8);
        Mat::roi_mut(&mut rgb, finger).unwrap().set_to_def(&Scalar::all(30.0)).unwrap();
        let plan = plan(&mut stream, frame as u32, &fixtures::picture(&rgb), &reusing(1000));
        assert_eq!(plan.tracks.len(), 1);
    }
    assert_eq!(restored(), (8, 0));
}

#[test]
fn a_face_that_changes_slowly_does_not_freeze() {
    let (mut stream, restored) = remembering();
    for frame in 0..24 {
        let mut rgb = Mat::default();
        let brighter = Scalar::all(f64::from(frame));
        opencv::core::add(&fixtures::astronaut(), &brighter, &mut rgb, &opencv::core::no_array(), -1)
            .unwrap();
        plan(&mut stream, frame, &fixtures::picture(&rgb), &reusing(1000));
    }
    let (runs, _) = restored();
    // Each fourth level is one too many.
    assert!((5..=9).contains(&runs), "{runs} of 24 frames");
}

/// Takes crops of 512 and of 256 pixels, and notes how many there are of which.
#[derive(Default)]
struct TwoSizes(Arc<Mutex<Vec<(i64, usize)>>>);

impl Restorer for TwoSizes {
    fn crop_size(&self) -> u32 {
        512
    }

    fn takes(&self, size: u32) -> bool {
        [256, 512].contains(&size)
    }

    fn description(&self) -> String {
        "of two sizes".to_owned()
    }

    fn restore_with(
        &self,
        faces: &Tensor,
        seeds: &[u64],
        _: &RestoreOptions,
    ) -> Result<Tensor, RestoreError> {
        self.0.lock().unwrap().push((faces.size()[3], seeds.len()));
        Ok(faces.neg())
    }
}

/// The astronaut twice, the left one `scale` times as large as the photograph and the right one as it is.
fn large_and_small(scale: i32) -> RgbPicture {
    let rgb = fixtures::astronaut();
    let (mut large, side) = (Mat::default(), 512 * scale);
    let size = opencv::core::Size::new(side, side);
    opencv::imgproc::resize(&rgb, &mut large, size, 0.0, 0.0, opencv::imgproc::INTER_CUBIC).unwrap();
    let mut wide = Mat::new_rows_cols_with_default(side, side + 512, rgb.typ(), Scalar::all(90.0)).unwrap();
    large.copy_to(&mut Mat::roi_mut(&mut wide, Rect::new(0, 0, side, side)).unwrap()).unwrap();
    rgb.copy_to(&mut Mat::roi_mut(&mut wide, Rect::new(side, 0, 512, 512)).unwrap()).unwrap();
    fixtures::picture(&wide)
}

#[test]
fn two_sizes_of_crops_are_restored_in_one_stream() {
    let network = TwoSizes::default();
    let batches = Arc::clone(&network.0);
    let mut stream = offline(network);
    let picture = large_and_small(2);
    let matched = FrameOptions { match_size: true, ..with_persistence() };
    for (frame, options, expected) in [
        (0, matched, vec![(256, 1), (512, 1)]),
        (1, matched, vec![(256, 1), (512, 1)]),
        // What was shown in half a crop goes on in a whole one, and back.
        (2, with_persistence(), vec![(512, 2)]),
        (3, matched, vec![(256, 1), (512, 1)]),
    ] {
        let plan = plan(&mut stream, frame, &picture, &options);
        assert_eq!((plan.tracks.len(), plan.corrections.len()), (2, 2), "frame {frame}");
        assert_eq!(std::mem::take(&mut *batches.lock().unwrap()), expected, "frame {frame}");
    }
}

#[test]
fn the_shipped_network_takes_crops_of_half_its_size() {
    let mut stream =
        FaceStream::offline(fixtures::scene(), TemporalRestorer::new(fixtures::network()).unwrap());
    // The small one is 96 pixels of crop in this picture.
    let mut rgb =
        Mat::new_rows_cols_with_default(512, 768, opencv::core::CV_8UC3, Scalar::all(90.0)).unwrap();
    let (photo, mut small) = (fixtures::astronaut(), Mat::default());
    let size = opencv::core::Size::new(256, 256);
    opencv::imgproc::resize(&photo, &mut small, size, 0.0, 0.0, opencv::imgproc::INTER_AREA).unwrap();
    photo.copy_to(&mut Mat::roi_mut(&mut rgb, Rect::new(0, 0, 512, 512)).unwrap()).unwrap();
    small.copy_to(&mut Mat::roi_mut(&mut rgb, Rect::new(512, 0, 256, 256)).unwrap()).unwrap();
    // A sharp face is left alone.
    let mut soft = Mat::default();
    let of_sigma = opencv::core::Size::default();
    opencv::imgproc::gaussian_blur_def(&rgb, &mut soft, of_sigma, 2.0).unwrap();
    let options = FrameOptions { match_size: true, ..options() };
    let plan = plan(&mut stream, 0, &fixtures::picture(&soft), &options);
    assert_eq!((plan.tracks.len(), plan.corrections.len()), (2, 2));
    let Mode::Offline(restorer) = &stream.mode else { unreachable!("it is offline") };
    assert_eq!([0, 1].map(|face| restorer.last_side(plan.tracks[face].id)), [Some(256), Some(128)]);
    for correction in &plan.corrections {
        let delta = correction.delta.data_typed::<Vec3f>().unwrap();
        let mean =
            delta.iter().flat_map(|pixel| pixel.0).map(f32::abs).sum::<f32>() / (3 * delta.len()) as f32;
        // It neither destroys it nor leaves it alone.
        assert!((0.05..20.0).contains(&mean), "{mean} levels");
    }
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
fn a_live_face_that_has_not_changed_needs_no_network() {
    let mut gated = Gated::new();
    gated.options = reusing(1000);
    gated.next(&astronaut());
    gated.permit(Permit::Restore);
    // No permit is given any more: what arrives was not asked of the network.
    let reused = (0..2000).any(|_| {
        std::thread::sleep(Duration::from_millis(2));
        !gated.next(&astronaut()).changes.reused.is_empty()
    });
    assert!(reused);
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
