//! The pipeline on a photograph: real detector, a real network with untrained weights.

use gst_video::{VideoFormat, VideoInfo};
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use restore_core::{DeviceChoice, DiffusionRestorer, RestorerOptions};

use super::*;
use crate::fixtures;
use crate::pixels::Layout;

fn pipeline() -> Pipeline {
    let folder = tempfile::tempdir().unwrap();
    let model = fixtures::untrained_model(folder.path());
    let options = RestorerOptions { device: DeviceChoice::Cpu, ..Default::default() };
    let restorer = DiffusionRestorer::open(&model, &options).unwrap();
    Pipeline::new(FaceDetector::open(&fixtures::detector()).unwrap(), Box::new(restorer))
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
        seed: 7,
        paste: PasteOptions { strength: 1.0, keep_color: false },
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
    let plan = pipeline().plan(&Picture::astronaut().view(), &options()).unwrap();
    assert_eq!((plan.faces.len(), plan.corrections.len()), (1, 1));
    // Nose tip and outline read off the picture by eye.
    let nose = plan.faces[0].landmarks[2];
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
    let plan = pipeline().plan(&Picture::astronaut().view(), &options).unwrap();
    assert_eq!((plan.faces.len(), plan.corrections.len()), (1, 0));
}

#[test]
fn faces_are_reused_within_the_detection_interval_only() {
    let mut pipeline = pipeline();
    let mut options = options();
    options.detection_interval = 3;
    let (astronaut, grey) = (Picture::astronaut(), Picture::grey());
    let mut count = |picture: &Picture| pipeline.plan(&picture.view(), &options).unwrap().faces.len();
    assert_eq!(count(&astronaut), 1);
    assert_eq!(
        [count(&grey), count(&grey), count(&grey)],
        [1, 1, 0],
        "frames 2 and 3 reuse, frame 4 is searched"
    );
    assert_eq!([count(&astronaut), count(&astronaut), count(&astronaut)], [0, 0, 1]);
    pipeline.reset();
    assert!(pipeline.plan(&grey.view(), &options).unwrap().faces.is_empty(), "reset forgets the faces");
}
