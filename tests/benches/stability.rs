//! Does the restored face flicker? Prints, for clips made by moving a photograph by a known smooth transform and coding
//! it as H.264 at a low bitrate, the warping error and the PSNR of the input, of frame-by-frame restoration with fresh
//! noise and of the element's temporal modes:
//!
//! `cargo bench -p facerestore-tests --bench stability`
//!
//! The warping error is the mean squared difference, in levels², between a frame and the one before it carried to it
//! by the known motion, over the face. (Both are carried to the photograph's own coordinates, where the motion is undone.)
//! It has a floor: what resampling costs the clean clip.

use facerestore_tests::{FRAME_TIME, Frame, Picture, Region, Rig, play_to_end};
use gst::prelude::*;
use gst_video::VideoFormat;
use opencv::core::{BORDER_REFLECT_101, Mat, MatTraitConst, Scalar, Size};
use opencv::imgproc::{INTER_CUBIC, WARP_INVERSE_MAP, warp_affine};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const FRAMES: usize = 60;
/// Frames before this one are not counted: the encoder's first frames are better than the rest.
const SETTLED: usize = 10;

/// A photograph and the middle of its face, from brows to mouth, where a restored face is shown in full.
struct Still {
    name: &'static str,
    picture: Picture,
    face: Region,
    /// Frame pixels per photograph pixel.
    scale: f64,
}

/// Frame `index` of the motion: a slow sway, nod and zoom about the face, as photograph → frame (row-major 2×3).
fn motion(still: &Still, index: usize) -> [f64; 6] {
    let time = index as f64 * FRAME_TIME.seconds_f64();
    let scale = still.scale * (1.0 + 0.04 * (1.7 * time).sin());
    let (sin, cos) = (0.05 * (1.1 * time).sin()).sin_cos();
    let (a, b) = (scale * cos, scale * sin);
    let centre = (
        f64::from(still.face.x) + f64::from(still.face.width) / 2.0,
        f64::from(still.face.y) + f64::from(still.face.height) / 2.0,
    );
    let x = WIDTH as f64 / 2.0 + 14.0 * (2.3 * time).sin();
    let y = HEIGHT as f64 / 2.0 + 8.0 * (1.9 * time).cos();
    [a, -b, x - a * centre.0 + b * centre.1, b, a, y - b * centre.0 - a * centre.1]
}

fn warped(picture: &Picture, matrix: &[f64; 6], (width, height): (usize, usize), inverse: bool) -> Picture {
    let matrix = Mat::new_rows_cols_with_data(2, 3, matrix).unwrap();
    let mut result = Mat::default();
    let size = Size::new(width as i32, height as i32);
    let flags = INTER_CUBIC | if inverse { WARP_INVERSE_MAP } else { 0 };
    warp_affine(&picture.to_bgr(), &mut result, &matrix, size, flags, BORDER_REFLECT_101, Scalar::default())
        .unwrap();
    assert_eq!(result.cols() as usize, width);
    Picture::from_bgr(&result)
}

/// The clip as it left the camera.
fn clean_clip(still: &Still) -> Vec<Picture> {
    (0..FRAMES).map(|index| warped(&still.picture, &motion(still, index), (WIDTH, HEIGHT), false)).collect()
}

/// Through x264 and back.
fn coded(clip: &[Picture], kilobits: u32) -> Vec<Picture> {
    let folder = tempfile::tempdir().unwrap();
    let (raw, decoded) = (folder.path().join("raw"), folder.path().join("decoded"));
    std::fs::write(&raw, clip.iter().flat_map(|frame| frame.rgb.iter().copied()).collect::<Vec<u8>>())
        .unwrap();
    let line = format!(
        "filesrc location={} ! rawvideoparse format=rgb width={WIDTH} height={HEIGHT} framerate=25/1 ! videoconvert \
         ! video/x-raw,format=I420 ! x264enc bitrate={kilobits} speed-preset=veryfast tune=zerolatency threads=1 \
         ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=RGB ! filesink location={}",
        raw.display(),
        decoded.display()
    );
    play_to_end(&gst::parse::launch(&line).unwrap().downcast().unwrap());
    let bytes = std::fs::read(&decoded).unwrap();
    let frames = bytes.chunks_exact(WIDTH * HEIGHT * 3);
    assert_eq!(frames.len(), clip.len());
    frames.map(|rgb| Picture { width: WIDTH, height: HEIGHT, rgb: rgb.to_vec() }).collect()
}

/// What the element makes of a clip; `fresh` draws other noise for every frame.
fn restored(clip: &[Picture], properties: &[(&str, &dyn ToValue)], fresh: bool) -> Vec<Picture> {
    let mut rig = Rig::new(properties);
    let mut result = Vec::new();
    for (index, picture) in clip.iter().enumerate() {
        if fresh {
            rig.set("seed", index as u64);
        }
        let frame = rig.restore(&Frame::new(picture, VideoFormat::Rgb));
        result.push(Picture { rgb: frame.bytes, ..picture.clone() });
    }
    result
}

/// Warping error in levels², and PSNR against the clean clip in dB, over the face.
fn measures(still: &Still, clip: &[Picture], clean: &[Picture]) -> (f64, f64) {
    let size = (still.picture.width, still.picture.height);
    let undone: Vec<Picture> = clip
        .iter()
        .enumerate()
        .map(|(index, frame)| warped(frame, &motion(still, index), size, true))
        .collect();
    let squares = |pair: &[Picture]| pair[0].squared_difference(&pair[1], still.face);
    let pairs: Vec<f64> = undone[SETTLED..].windows(2).map(squares).collect();
    let warping = pairs.iter().sum::<f64>() / pairs.len() as f64;
    let errors: Vec<f64> = (SETTLED..FRAMES)
        .map(|index| {
            let truth = warped(&clean[index], &motion(still, index), size, true);
            undone[index].squared_difference(&truth, still.face)
        })
        .collect();
    let error = errors.iter().sum::<f64>() / errors.len() as f64;
    (warping, 10.0 * (255.0_f64.powi(2) / error).log10())
}

fn main() {
    facerestore_tests::init();
    let stills = [
        Still {
            name: "astronaut",
            picture: Picture::sharp(),
            face: Region { x: 192, y: 90, width: 64, height: 76 },
            scale: 1.5,
        },
        Still {
            name: "biden",
            picture: Picture::load("biden.jpg"),
            face: Region { x: 490, y: 270, width: 170, height: 230 },
            scale: 0.5,
        },
    ];
    for still in &stills {
        let clean = clean_clip(still);
        for kilobits in [400, 150] {
            let input = coded(&clean, kilobits);
            println!(
                "\n{} at {kilobits} kbit/s, {WIDTH}×{HEIGHT}          warping error        PSNR",
                still.name
            );
            let report = |name: &str, clip: &[Picture]| {
                let (warping, psnr) = measures(still, clip, &clean);
                println!("  {name:<42}{warping:>8.2}    {psnr:>8.2} dB");
            };
            report("clean clip (floor)", &clean);
            report("input", &input);
            let alone: [(&str, &dyn ToValue); 2] = [("temporal", &0.0), ("detection-interval", &1_u32)];
            report("frame by frame, fresh noise", &restored(&input, &alone, true));
            for temporal in [0.0, 0.3, 0.6, 0.9] {
                report(&format!("temporal={temporal}"), &restored(&input, &[("temporal", &temporal)], false));
            }
        }
    }
}
