// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which faces are restored, and what is told about them: at the border, many, large and small, overlapping; frames of
//! a few pixels; regions of interest, boxes and counters.

use facerestore_tests::{FACE, FORMATS, Frame, Picture, Rig, landmarks};
use gst_video::{VideoFormat, VideoRegionOfInterestMeta};

fn rgb(picture: &Picture) -> Frame {
    Frame::new(picture, VideoFormat::Rgb)
}

/// The astronaut's head alone, 160×160 pixels, the nose tip at (83, 100).
fn head() -> Picture {
    Picture::astronaut().crop(140, 30, 160, 160)
}

#[test]
fn the_restored_face_is_nearer_to_the_sharp_photograph() {
    let (sharp, blurred) = (Picture::sharp(), Picture::astronaut());
    // The face itself, within the mask.
    let skin = facerestore_tests::Region { x: 180, y: 75, width: 90, height: 100 };
    let restored = Rig::new(&[]).restore(&rgb(&blurred)).to_picture();
    let (before, after) = (blurred.psnr(&sharp, skin), restored.psnr(&sharp, skin));
    println!("{before:.2} dB before, {after:.2} dB after");
    assert!(after > before, "{before:.2} dB before, {after:.2} dB after");
}

#[test]
fn a_face_cut_by_the_border_is_restored_up_to_the_border() {
    // Half the face beyond the left, the right and the upper border.
    for (x, y, name) in [(-225, 0, "left"), (287, 0, "right"), (0, -85, "top")] {
        let mut scene = Picture::plain(512, 512, [120; 3]);
        scene.put(&Picture::astronaut(), x, y);
        let mut rig = Rig::frame_by_frame(&[("detection-threshold", &0.3)]);
        for format in [VideoFormat::Rgb, VideoFormat::Nv12] {
            let frame = Frame::new(&scene, format);
            let restored = rig.restore(&frame);
            let (left, top) = ((FACE.x + x).max(0), (FACE.y + y).max(0));
            // The crop is symmetric about the face as the detector sees it, so leave it some play.
            let area = facerestore_tests::Region {
                x: (left - 40).max(0),
                y: (top - 40).max(0),
                width: (FACE.x + FACE.width + x + 40).min(512) - (left - 40).max(0),
                height: FACE.y + FACE.height + y + 40 - (top - 40).max(0),
            };
            let (inside, outside) = restored.changes(&frame, area);
            assert!(inside > 1000 && outside == 0, "{name} {format:?}: {inside} inside, {outside} outside");
        }
        assert_eq!((rig.stat("restored-faces"), rig.stat("failures")), (2, 0), "{name}");
    }
}

#[test]
fn fifty_faces_are_restored_and_max_faces_limits_them() {
    let crowd = rgb(&head().resized(128, 128).tiled(10, 5));
    let mut rig = Rig::frame_by_frame(&[]);
    let restored = rig.restore(&crowd);
    assert_eq!((rig.stat("faces"), rig.stat("restored-faces")), (50, 50));
    let tile = |column: i32, row: i32| facerestore_tests::Region {
        x: 128 * column,
        y: 128 * row,
        width: 128,
        height: 128,
    };
    for (column, row) in (0..5).flat_map(|row| (0..10).map(move |column| (column, row))) {
        assert!(restored.changes(&crowd, tile(column, row)).0 > 500, "face {column}, {row} was left alone");
    }
    rig.set("max-faces", 3_u32);
    rig.restore(&crowd);
    assert_eq!((rig.stat("faces"), rig.stat("restored-faces")), (53, 53));
}

#[test]
fn max_faces_takes_the_largest() {
    let mut scene = Picture::plain(640, 320, [200, 190, 180]);
    scene.put(&head().resized(120, 120), 20, 100);
    scene.put(&head().resized(240, 240), 350, 40);
    let frame = rgb(&scene);
    let mut rig = Rig::frame_by_frame(&[("max-faces", &1_u32)]);
    let right = facerestore_tests::Region { x: 300, y: 0, width: 340, height: 320 };
    let (inside, outside) = rig.restore(&frame).changes(&frame, right);
    assert!(inside > 3000 && outside == 0, "{inside} bytes changed right, {outside} left");
    rig.set("max-faces", 2_u32);
    assert!(rig.restore(&frame).changes(&frame, right).1 > 500, "the second face was left alone");
}

#[test]
fn where_faces_overlap_a_pixel_gets_one_face_worth_of_change() {
    // A child's face before the cheek of a larger one: the masks overlap.
    let mut scene = Picture::plain(512, 400, [150; 3]);
    scene.put(&head().resized(320, 320), 60, 40);
    scene.put(&head().crop(30, 25, 100, 120).resized(100, 120), 262, 190);
    let frame = rgb(&scene);
    let folder = tempfile::tempdir().unwrap();
    let model = facerestore_tests::negative(folder.path());
    let mut rig = Rig::frame_by_frame(&[("model", &model), ("keep-color", &false)]);
    let restored = rig.restore(&frame);
    assert_eq!((rig.stat("restored-faces"), rig.stat("failures")), (2, 0));
    // Between a value and its negative lies every share of the change up to all of it; twice the change lies beyond.
    let beyond = |(before, after): (&u8, &u8)| {
        let (low, high) = (*before.min(&(255 - before)), *before.max(&(255 - before)));
        after.saturating_add(12) < low || *after > high.saturating_add(12)
    };
    let beyond = frame.bytes.iter().zip(&restored.bytes).filter(|pair| beyond(*pair)).count();
    assert!(beyond < 100, "{beyond} bytes changed by more than one face's worth");
    for (x, y, side) in [(190, 170, 60), (295, 230, 40)] {
        let skin = facerestore_tests::Region { x, y, width: side, height: side };
        assert!(restored.changes(&frame, skin).0 > 1000, "the face at {x} was left alone");
    }
}

#[test]
fn min_face_size_and_threshold_leave_faces_out() {
    let frame = rgb(&Picture::astronaut());
    let mut rig = Rig::frame_by_frame(&[("min-face-size", &200_u32)]);
    assert!(rig.restore(&frame).bytes == frame.bytes, "a face of about 110 pixels is smaller than 200");
    rig.set("min-face-size", 60_u32);
    assert!(rig.restore(&frame).bytes != frame.bytes);
    rig.set("detection-threshold", 1.0);
    // No detection is certain; the face that was found is followed for a second.
    let followed = (0..60).take_while(|_| rig.restore(&frame).bytes != frame.bytes).count() as u64;
    assert!(followed <= 30, "{followed} frames");
    assert_eq!((rig.stat("faces"), rig.stat("bypassed-frames")), (1 + followed, 2));
}

#[test]
fn frames_of_a_few_pixels_pass() {
    let mut rig = Rig::frame_by_frame(&[("draw-boxes", &true), ("min-face-size", &1_u32)]);
    let face = head();
    let sizes = [(1, 1), (2, 2), (3, 1), (1, 3), (5, 7), (16, 1), (1, 600)];
    for (format, (width, height)) in FORMATS.into_iter().flat_map(|format| sizes.map(|size| (format, size))) {
        let frame = Frame::new(&face.resized(width, height), format);
        assert!(rig.restore(&frame).bytes == frame.bytes, "{format:?} {width}×{height} changed");
    }
    assert_eq!((rig.stat("frames"), rig.stat("failures")), ((FORMATS.len() * sizes.len()) as u64, 0));
}

#[test]
fn each_face_gets_a_region_of_interest_with_score_and_landmarks() {
    let mut scene = Picture::plain(640, 320, [200, 190, 180]);
    scene.put(&head(), 20, 100);
    scene.put(&head().resized(240, 240), 350, 40);
    let mut rig = Rig::frame_by_frame(&[("attach-meta", &true)]);
    for format in [VideoFormat::Bgrx, VideoFormat::Nv21] {
        let output = rig.push(&Frame::new(&scene, format));
        let metas: Vec<_> = output.iter_meta::<VideoRegionOfInterestMeta>().collect();
        assert_eq!(metas.len(), 2, "{format:?}");
        // The largest first: nose tips at (83, 100), scaled and moved.
        for (meta, (nose_x, nose_y), size) in
            [(&metas[0], (474.0, 190.0), 165.0), (&metas[1], (103.0, 200.0), 110.0)]
        {
            assert_eq!(meta.roi_type(), "face");
            let (x, y, width, height) = meta.rect();
            let holds = |start: u32, length: u32, point: f64| {
                (f64::from(start)..f64::from(start + length)).contains(&point)
            };
            assert!(holds(x, width, nose_x) && holds(y, height, nose_y), "{:?}", meta.rect());
            let side = f64::from(width.max(height));
            assert!(
                (0.7..1.4).contains(&(side / size)),
                "a face of about {size} pixels has the box {:?}",
                meta.rect()
            );
            let parameters = meta.param("face").unwrap();
            let score = parameters.get::<f64>("score").unwrap();
            assert!((0.7..=1.0).contains(&score), "{score}");
            let points = landmarks(parameters);
            assert_eq!(points.len(), 5);
            assert!((points[2].0 - nose_x).abs() < 15.0 && (points[2].1 - nose_y).abs() < 15.0, "{points:?}");
            assert!(points[0].0 < points[1].0 && points[3].0 < points[4].0, "left before right: {points:?}");
            assert!(points[0].1 < points[2].1 && points[2].1 < points[3].1, "eyes, nose, mouth: {points:?}");
        }
    }
}

#[test]
fn boxes_are_drawn_in_every_format() {
    let picture = Picture::astronaut();
    let mut rig = Rig::frame_by_frame(&[("draw-boxes", &true), ("strength", &0.0)]);
    for format in FORMATS {
        let frame = Frame::padded(&picture, format, 3);
        let drawn = rig.restore(&frame);
        let (inside, outside) = drawn.changes(&frame, FACE);
        assert!(inside > 500 && outside == 0, "{format:?}: {inside} bytes changed inside, {outside} outside");
        if gst_video::VideoFormatInfo::from_format(format).is_gray() {
            continue;
        }
        let green = drawn.to_picture();
        let green =
            green.rgb.chunks_exact(3).filter(|rgb| rgb[1] > 200 && rgb[0] < 60 && rgb[2] < 60).count();
        assert!((300..4000).contains(&green), "{format:?}: {green} green pixels");
    }
    assert_eq!((rig.stat("faces"), rig.stat("restored-faces")), (FORMATS.len() as u64, 0));
}
