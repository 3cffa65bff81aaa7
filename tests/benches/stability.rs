// SPDX-License-Identifier: MIT OR Apache-2.0
//! Does the restored face flicker? Prints, for clips made by moving a photograph by a known smooth transform and coding
//! it as H.264 at a low bitrate, and for the talking man of `tests/data`, the warping error and the PSNR of the input, of
//! frame-by-frame restoration with fresh noise and of the element's temporal modes:
//!
//! `cargo bench -p facerestore-tests --bench stability`
//!
//! With `-- --recording FILE.mp4` it writes the first still's clip at the lower bitrate instead: input, frame by frame and
//! the element's default side by side, the face enlarged.
//!
//! The warping error is the mean squared difference between a frame and the one before it carried to it, over the face: in
//! levels², and as a share of the local variance of the frame itself (in thousandths), since a face with more contrast
//! changes by more levels wherever it does not move quite as it is thought to. Photographs are carried by the known motion.
//! (Both frames are carried to the photograph's own coordinates, where the motion is undone.) The man, who talks and turns his
//! head, is carried by optical flow between the clean frames. Each has a floor: the clean clip's own error. He also shows what
//! persistence costs in true motion.

use facerestore_tests::{
    FRAME_TIME, FilmMotion, Frame, Picture, Region, Rig, WarpingError, coded, decoded, play_to_end,
    shipped_element,
};
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

/// The first frames of the talking man in a file of `tests/data`, enlarged to the size of the other clips.
fn talking_clip(file: &str) -> Vec<Picture> {
    let file = facerestore_tests::data(file);
    let line = format!("filesrc location={} ! decodebin ! videoconvert ! videoscale", file.display());
    let mut clip = decoded(&line, (WIDTH, HEIGHT));
    clip.truncate(FRAMES);
    clip
}

/// What the element makes of a clip; `fresh` draws other noise for every frame.
fn restored(clip: &[Picture], properties: &[(&str, &dyn ToValue)], fresh: bool) -> Vec<Picture> {
    let mut rig = Rig::of(shipped_element(properties));
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

/// Warping error, and PSNR against the clean clip in dB, over the face.
type Measures = (WarpingError, f64);

fn measures(still: &Still, clip: &[Picture], clean: &[Picture]) -> Measures {
    let size = (still.picture.width, still.picture.height);
    let undone: Vec<Picture> = clip
        .iter()
        .enumerate()
        .map(|(index, frame)| warped(frame, &motion(still, index), size, true))
        .collect();
    let error = |pair: &[Picture]| WarpingError::between(&pair[0], &pair[1], still.face, |_, _| true);
    let pairs: Vec<WarpingError> = undone[SETTLED..].windows(2).map(error).collect();
    let errors: Vec<f64> = (SETTLED..FRAMES)
        .map(|index| {
            let truth = warped(&clean[index], &motion(still, index), size, true);
            undone[index].squared_difference(&truth, still.face)
        })
        .collect();
    (WarpingError::mean(&pairs), psnr(&errors))
}

/// The same of the talking man; `motion` is that of the clean clip.
fn talking_measures(motion: &FilmMotion, clip: &[Picture], clean: &[Picture]) -> Measures {
    let pairs: Vec<WarpingError> =
        (SETTLED + 1..clip.len()).map(|index| motion.error(clip, index, TALKING_FACE)).collect();
    let frames = clip.iter().zip(clean).skip(SETTLED);
    let errors: Vec<f64> =
        frames.map(|(frame, truth)| frame.squared_difference(truth, TALKING_FACE)).collect();
    (WarpingError::mean(&pairs), psnr(&errors))
}

/// In dB, from the mean squared differences of the frames.
fn psnr(errors: &[f64]) -> f64 {
    10.0 * (255.0_f64.powi(2) * errors.len() as f64 / errors.iter().sum::<f64>()).log10()
}

/// Restores every frame as if it were alone.
const ALONE: [(&str, &dyn ToValue); 2] = [("temporal", &0.0), ("detection-interval", &1_u32)];
const BITRATES: [u32; 2] = [400, 150];
/// The talking man's face, wherever it is in the clip.
const TALKING_FACE: Region = Region { x: 110, y: 110, width: 290, height: 230 };
/// Width and height of the part of a frame that the recording shows, and how far it is enlarged.
const SHOWN: (usize, usize) = (216, 240);
const ENLARGED: usize = 2;

/// Writes three clips side by side as an H.264 video, and prints their names.
fn record(clips: &[(&str, Vec<Picture>); 3], file: &str) {
    let (width, height) = (SHOWN.0 * ENLARGED, SHOWN.1 * ENLARGED);
    let mut bytes = Vec::new();
    for index in 0..FRAMES {
        let mut frame = Picture::plain(3 * width, height, [0; 3]);
        for (column, (_, clip)) in clips.iter().enumerate() {
            let shown =
                clip[index].crop((WIDTH - SHOWN.0) / 2, (HEIGHT - SHOWN.1) / 2 - 10, SHOWN.0, SHOWN.1);
            frame.put(&shown.resized(width, height), (column * width) as i32, 0);
        }
        bytes.extend(frame.rgb);
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    std::fs::write(&raw, bytes).unwrap();
    let line = format!(
        "filesrc location={} ! rawvideoparse format=rgb width={} height={height} framerate=25/1 ! videoconvert \
         ! video/x-raw,format=I420 ! x264enc pass=quant quantizer=22 speed-preset=veryslow ! h264parse ! mp4mux \
         ! filesink location={file}",
        raw.display(),
        3 * width
    );
    play_to_end(&gst::parse::launch(&line).unwrap().downcast().unwrap());
    println!("{file}: {}", clips.each_ref().map(|(name, _)| *name).join(" | "));
}

/// The value of `--recording`. Paths are relative to the workspace, as cargo runs a bench in its package's folder.
fn recording() -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--recording");
    let file = arguments.nth(1)?;
    Some(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file).display().to_string())
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
    if let Some(file) = recording() {
        let input = coded(&clean_clip(&stills[0]), BITRATES[1]);
        let alone = restored(&input, &ALONE, true);
        let temporal = restored(&input, &[], false);
        return record(
            &[("input, 150 kbit/s", input), ("frame by frame", alone), ("facerestore", temporal)],
            &file,
        );
    }
    for still in &stills {
        let clean = clean_clip(still);
        for kilobits in BITRATES {
            print_head(&format!("{} at {kilobits} kbit/s", still.name));
            report("clean clip (floor)", measures(still, &clean, &clean));
            print_systems(&coded(&clean, kilobits), |clip| measures(still, clip, &clean));
        }
    }
    let clean = talking_clip("carphone_pristine.mp4");
    let motion = FilmMotion::of(&clean);
    let measure = |clip: &[Picture]| talking_measures(&motion, clip, &clean);
    for kilobits in BITRATES {
        print_head(&format!("talking man at {kilobits} kbit/s"));
        report("clean clip (floor)", measure(&clean));
        print_systems(&coded(&clean, kilobits), measure);
    }
    for file in ["carphone_pristine.mp4", "carphone_distorted.mp4"] {
        print_head(file);
        print_systems(&talking_clip(file), measure);
    }
}

fn print_head(clip: &str) {
    let clip = format!("{clip}, {WIDTH}×{HEIGHT}");
    println!("\n{clip:<48}warping error    relative, ‰        PSNR");
}

fn report(name: &str, (error, psnr): Measures) {
    println!("  {name:<48}{:>8.2}    {:>13.2}    {psnr:>8.2} dB", error.absolute, error.relative * 1e3);
}

/// The rows of a clip: itself and what the element makes of it.
fn print_systems(input: &[Picture], measure: impl Fn(&[Picture]) -> Measures) {
    report("input", measure(input));
    report("frame by frame, fresh noise", measure(&restored(input, &ALONE, true)));
    for temporal in [0.0, 0.4, 0.6] {
        let clip = restored(input, &[("temporal", &temporal)], false);
        report(&format!("temporal={temporal}"), measure(&clip));
    }
}
