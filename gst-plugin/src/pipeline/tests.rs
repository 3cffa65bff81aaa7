//! The pipeline on a photograph: real detector, a real network with untrained weights.

use gst_video::{VideoFormat, VideoInfo};
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::{DeviceChoice, DiffusionRestorer, RestorerOptions};

use face_detect::FaceDetector;

use super::*;
use crate::fixtures;
use crate::pixels::Layout;

fn pipeline() -> Pipeline {
    let folder = tempfile::tempdir().unwrap();
    let model = fixtures::untrained_model(folder.path());
    let options = RestorerOptions { device: DeviceChoice::Cpu, ..Default::default() };
    let restorer = DiffusionRestorer::open(&model, &options).unwrap();
    Pipeline::new(source(), Restoring::Offline(Box::new(Restoration::new(Box::new(restorer)).unwrap())))
}

fn source() -> FaceSource {
    FaceSource::new(Finder::Detector(Box::new(FaceDetector::open(&fixtures::detector()).unwrap())))
}

/// The plan of one frame, shown 40 ms after the one before.
fn plan(pipeline: &mut Pipeline, frame: u32, picture: &Picture, options: &FrameOptions) -> FramePlan {
    pipeline.plan(&picture.view(), &[], Duration::from_millis(40) * frame, options).unwrap()
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
        restore: RestoreOptions { seed: 7, temporal: 0.0 },
        paste: PasteOptions { strength: 1.0, keep_color: false },
        max_age: Duration::from_millis(500),
    }
}

/// An RGB frame: its caps' layout and bytes.
struct Picture {
    layout: Layout,
    pixels: Mat,
}

impl Picture {
    fn new(pixels: Mat) -> Self {
        gst::init().unwrap();
        let (width, height) = (pixels.cols() as u32, pixels.rows() as u32);
        let layout = Layout::new(&VideoInfo::builder(VideoFormat::Rgb, width, height).build().unwrap());
        Self { layout, pixels }
    }

    fn astronaut() -> Self {
        Self::new(fixtures::astronaut())
    }

    fn grey() -> Self {
        Self::new(Mat::from_slice_2d(&vec![vec![Vec3b::from([128; 3]); 512]; 512]).unwrap())
    }

    fn view(&self) -> FrameView<'_> {
        let stride = self.pixels.cols() as usize * 3;
        let planes = [self.pixels.data_bytes().unwrap(), &[], &[], &[]];
        FrameView::from_planes(&self.layout, planes, [stride, 0, 0, 0]).unwrap()
    }
}

#[test]
fn the_face_of_a_photograph_is_found_and_corrected_where_it_is() {
    let plan = plan(&mut pipeline(), 0, &Picture::astronaut(), &options());
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
    let largest = plan.corrections[0].delta.data_typed::<opencv::core::Vec3f>().unwrap();
    let largest = largest.iter().flat_map(|pixel| pixel.0).fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(largest > 1.0, "an untrained network changes a face, by {largest} levels at most");
}

#[test]
fn strength_0_finds_faces_and_restores_none() {
    let mut options = options();
    options.paste.strength = 0.0;
    let plan = plan(&mut pipeline(), 0, &Picture::astronaut(), &options);
    assert_eq!((plan.tracks.len(), plan.corrections.len()), (1, 0));
}

#[test]
fn a_face_keeps_its_track_and_comes_back_with_its_id() {
    let mut pipeline = pipeline();
    let options = options();
    let (astronaut, grey) = (Picture::astronaut(), Picture::grey());
    let first = plan(&mut pipeline, 0, &astronaut, &options);
    let id = first.tracks[0].id;
    assert_eq!(first.changes, Changes { appeared: vec![id], lost: vec![], restored: vec![id] });
    for frame in 1..4 {
        let plan = plan(&mut pipeline, frame, &astronaut, &options);
        assert_eq!(plan.changes, Changes { restored: vec![id], ..Changes::default() });
    }
    let gone = plan(&mut pipeline, 4, &grey, &options);
    assert_eq!(gone.changes, Changes { lost: vec![id], ..Changes::default() });
    let back = plan(&mut pipeline, 5, &astronaut, &options);
    assert_eq!(back.changes.appeared, [id], "after a frame without it");
    pipeline.reset();
    let other = plan(&mut pipeline, 6, &astronaut, &options);
    assert_eq!(other.changes.lost, [id]);
    assert_ne!(other.tracks[0].id, id, "after a reset it is another track");
}

#[test]
fn faces_named_upstream_are_restored_without_a_detector() {
    let astronaut = Picture::astronaut();
    let found = plan(&mut pipeline(), 0, &astronaut, &options());
    let restoring = match pipeline().restoring {
        Restoring::Offline(restoration) => Restoring::Offline(restoration),
        Restoring::Live(_) => unreachable!("the pipeline above is not live"),
    };
    let mut blind = Pipeline::new(FaceSource::new(Finder::Upstream), restoring);
    assert!(blind.wants_upstream_faces());
    let view = astronaut.view();
    let told = blind.plan(&view, &[found.tracks[0].face], Duration::ZERO, &options()).unwrap();
    assert_eq!(told.corrections.len(), 1);
    assert_eq!(told.corrections[0].region, found.corrections[0].region);
    assert!(
        blind
            .plan(&view, &[], Duration::from_millis(40), &options())
            .unwrap()
            .timings
            .of(Stage::Detect)
            .is_none()
    );
}

/// Restores, after `delay`, to the negative; fails on request.
struct Slow {
    delay: Duration,
    fails: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl restore_core::Restorer for Slow {
    fn crop_size(&self) -> u32 {
        64
    }

    fn description(&self) -> String {
        "slow".to_owned()
    }

    fn restore(
        &self,
        faces: &tch::Tensor,
        _seeds: &[u64],
    ) -> Result<tch::Tensor, restore_core::RestoreError> {
        std::thread::sleep(self.delay);
        if self.fails.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(restore_core::RestoreError::Shape("made to fail".to_owned()));
        }
        Ok(faces.neg())
    }
}

fn live(delay: Duration) -> (Pipeline, std::sync::Arc<std::sync::atomic::AtomicBool>) {
    let fails = std::sync::Arc::default();
    let restoration =
        Restoration::new(Box::new(Slow { delay, fails: std::sync::Arc::clone(&fails) })).unwrap();
    (Pipeline::new(source(), Restoring::Live(LiveRestoration::start(restoration).unwrap())), fails)
}

/// Frames until `reached`, at the pace of a camera, at most 100.
fn run(
    pipeline: &mut Pipeline,
    frames: &mut std::ops::RangeFrom<u32>,
    picture: &Picture,
    reached: impl Fn(&FramePlan) -> bool,
) -> FramePlan {
    for frame in frames.by_ref().take(100) {
        let plan = plan(pipeline, frame, picture, &options());
        if reached(&plan) {
            return plan;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    panic!("not in 100 frames");
}

#[test]
fn live_frames_do_not_wait_and_show_the_detail_when_it_is_there() {
    let (mut pipeline, _) = live(Duration::from_millis(100));
    let astronaut = Picture::astronaut();
    let mut frames = 0_u32..;
    let first = plan(&mut pipeline, frames.next().unwrap(), &astronaut, &options());
    assert_eq!((first.tracks.len(), first.corrections.len()), (1, 0), "nothing is restored yet");
    let shown = run(&mut pipeline, &mut frames, &astronaut, |plan| !plan.corrections.is_empty());
    assert!(shown.oldest_detail.is_some());
    let news = run(&mut pipeline, &mut frames, &astronaut, |plan| !plan.changes.restored.is_empty());
    assert!(news.worker.is_some_and(|took| took >= Duration::from_millis(100)));
    // A cut: the detail of the face that is gone is shown no more.
    let cut = plan(&mut pipeline, frames.next().unwrap(), &Picture::grey(), &options());
    assert_eq!((cut.tracks.len(), cut.corrections.len()), (0, 0));
}

#[test]
fn a_failing_worker_is_reported_and_goes_on_when_it_can() {
    let (mut pipeline, fails) = live(Duration::from_millis(1));
    let astronaut = Picture::astronaut();
    let mut frames = 0_u32..;
    fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let failed = run(&mut pipeline, &mut frames, &astronaut, |plan| plan.worker_failure.is_some());
    assert!(failed.worker_failure.unwrap().to_string().contains("made to fail"));
    fails.store(false, std::sync::atomic::Ordering::SeqCst);
    run(&mut pipeline, &mut frames, &astronaut, |plan| !plan.changes.restored.is_empty());
}

#[test]
fn a_detail_fades_out_when_nothing_new_comes() {
    let (mut pipeline, fails) = live(Duration::from_millis(1));
    let astronaut = Picture::astronaut();
    let strongest = |plan: &FramePlan| {
        let delta = |correction: &Correction| opencv::core::norm_def(&correction.delta).unwrap();
        plan.corrections.iter().map(delta).fold(0.0, f64::max)
    };
    let mut frames = 0_u32..;
    // Long enough for the ramp of 150 ms.
    run(&mut pipeline, &mut frames, &astronaut, |plan| !plan.corrections.is_empty());
    let full =
        (0..6).map(|_| plan(&mut pipeline, frames.next().unwrap(), &astronaut, &options())).last().unwrap();
    fails.store(true, std::sync::atomic::Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(100));
    // 500 ms of age end within 16 frames of 40 ms, and fading takes the second half of them.
    let strengths: Vec<f64> = (0..16)
        .map(|_| strongest(&plan(&mut pipeline, frames.next().unwrap(), &astronaut, &options())))
        .collect();
    assert!(strengths[0] > 0.9 * strongest(&full), "{strengths:?}");
    assert!(strengths.windows(2).skip(2).all(|pair| pair[1] <= pair[0] + 1e-6), "{strengths:?}");
    assert_eq!(strengths[15], 0.0, "{strengths:?}");
}

#[test]
fn a_detail_from_before_a_reset_is_thrown_away() {
    let (mut pipeline, _) = live(Duration::from_millis(200));
    let astronaut = Picture::astronaut();
    plan(&mut pipeline, 0, &astronaut, &options());
    pipeline.reset();
    let next = plan(&mut pipeline, 1, &astronaut, &options());
    assert_eq!(next.changes.appeared.len(), 1);
    std::thread::sleep(Duration::from_millis(300));
    let after = plan(&mut pipeline, 2, &astronaut, &options());
    assert_eq!(
        (after.corrections.len(), after.changes.restored.len()),
        (0, 0),
        "that job was of the stream before"
    );
}
