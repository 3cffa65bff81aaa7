//! Tracking on clips with known motion.

mod common;

use common::clip::*;
use common::photo;
use face_detect::{Point, Similarity, Track};

const BIDEN_FACE: (f64, f64) = (580.0, 390.0);
const ASTRONAUT_FACE: (f64, f64) = (222.0, 120.0);

fn distance(a: Point, b: Point) -> f64 {
    f64::from((a.x - b.x).hypot(a.y - b.y))
}

/// mean‖p_{t+1} − 2p_t + p_{t−1}‖ over landmarks and frames.
fn jitter(frames: &[[Point; 5]]) -> f64 {
    let mut sum = 0.0;
    for three in frames.windows(3) {
        for k in 0..5 {
            let (a, b, c) = (three[0][k], three[1][k], three[2][k]);
            sum += f64::from((a.x - 2.0 * b.x + c.x).hypot(a.y - 2.0 * b.y + c.y));
        }
    }
    sum / (5 * (frames.len() - 2)) as f64
}

#[test]
fn explore() {
    for (name, centre, scale) in [("astronaut.png", ASTRONAUT_FACE, 1.0), ("biden.jpg", BIDEN_FACE, 0.5)] {
        let image = photo(name);
        let image = if scale < 0.9 {
            let mut h = opencv::core::Mat::default();
            opencv::imgproc::resize(
                &image,
                &mut h,
                opencv::core::Size::default(),
                scale,
                scale,
                opencv::imgproc::INTER_AREA,
            )
            .unwrap();
            h
        } else {
            image
        };
        let centre = (centre.0 * scale, centre.1 * scale);
        for sigma in [6.0] {
            for interval in [1, 5, 10] {
                let mut rig = Rig::new(interval);
                let mut raw = SmallDetector::new();
                let (mut raws, mut tracks, mut ids) = (vec![], vec![], vec![]);
                for frame in 0..40 {
                    let small =
                        noisy(&seen(&image, &about(centre, (320.0, 180.0), 1.0, 0.0)), sigma, frame + 1);
                    let faces = raw.faces(&small).unwrap();
                    if faces.len() == 1 {
                        raws.push(faces[0].landmarks)
                    };
                    let now = rig.next(&small);
                    if let [track] = now[..] {
                        tracks.push(track.face.landmarks);
                        ids.push((track.id, track.state));
                    }
                }
                println!(
                    "{name} {scale} σ{sigma} interval {interval}: raw {} n{}, track {} n{} ratio {:.1}; runs {} last id {}",
                    jitter(&raws),
                    raws.len(),
                    jitter(&tracks),
                    tracks.len(),
                    jitter(&raws) / jitter(&tracks),
                    rig.detector.runs,
                    ids.last().unwrap().0
                );
            }
        }
    }
    // motion
    let image = photo("astronaut.png");
    let motions: [(&str, fn(f64) -> Similarity); 5] = [
        ("pan slow", |t| about(ASTRONAUT_FACE, (250.0 + 50.0 * t, 180.0), 1.0, 0.0)),
        ("pan fast", |t| about(ASTRONAUT_FACE, (120.0 + 240.0 * t, 180.0), 1.0, 0.0)),
        ("pan very fast", |t| about(ASTRONAUT_FACE, (320.0 + 200.0 * (t * 6.0).sin(), 180.0), 1.0, 0.0)),
        ("zoom", |t| about(ASTRONAUT_FACE, (320.0, 180.0), 0.8 * (0.4 * t).exp(), 0.0)),
        ("turn", |t| about(ASTRONAUT_FACE, (320.0, 180.0), 1.0, 20.0 * (3.0 * t).sin())),
    ];
    let face = common::only_face(&image);
    for (name, motion) in motions {
        for interval in [1, 5, 10] {
            let mut rig = Rig::new(interval);
            let mut first: Option<(Similarity, Track)> = None;
            let (mut worst, mut sum, mut n) = (0.0_f64, 0.0, 0.0);
            let mut missing = 0;
            let mut lags = vec![];
            let mut ids = std::collections::BTreeSet::new();
            for frame in 0..50 {
                let to_small = motion(f64::from(frame) * 0.04);
                let small = noisy(&seen(&image, &to_small), 3.0, frame + 1);
                let mut ideal = face;
                let full = |p: Point| {
                    let m = to_small.apply(p);
                    in_frame((m.x.into(), m.y.into()))
                };
                ideal.landmarks = face.landmarks.map(full);
                let c = full(Point {
                    x: face.bbox.x + face.bbox.width / 2.0,
                    y: face.bbox.y + face.bbox.height / 2.0,
                });
                let sc = 2.0 * to_small.scale() as f32;
                ideal.bbox = face_detect::BoundingBox {
                    x: c.x - face.bbox.width * sc / 2.0,
                    y: c.y - face.bbox.height * sc / 2.0,
                    width: face.bbox.width * sc,
                    height: face.bbox.height * sc,
                };
                let runs = &mut rig.detector.runs;
                let tracks = rig
                    .tracker
                    .update(
                        &small,
                        FRAME,
                        FRAME_TIME * frame as u32,
                        &rig.options,
                        || -> Result<_, face_detect::DetectError> {
                            *runs += 1;
                            Ok(vec![ideal])
                        },
                    )
                    .unwrap()
                    .to_vec();
                let Some(track) = tracks.first() else {
                    println!("{name} {frame} none");
                    continue;
                };
                ids.insert(track.id);
                if track.state == face_detect::TrackState::Missing {
                    missing += 1;
                }
                let (start, begun) = first.get_or_insert((to_small, *track));
                lags.push(
                    ((track.face.landmarks[2].x - ideal.landmarks[2].x) / ideal.bbox.width * 1000.0).round(),
                );
                let moved = then(&start.inverse(), &to_small);
                for (a, b) in track.face.landmarks.iter().zip(begun.face.landmarks) {
                    let d = distance(*a, carried(b, &moved)) / f64::from(track.face.bbox.width);
                    worst = worst.max(d);
                    sum += d;
                    n += 1.0;
                }
            }
            if interval == 5 {
                println!("{lags:?}");
            }
            println!(
                "{name} {interval}: worst {worst:.4} mean {:.4} of width, runs {} missing {missing} ids {ids:?}",
                sum / n,
                rig.detector.runs
            );
        }
    }
}
