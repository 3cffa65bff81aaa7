// SPDX-License-Identifier: MIT OR Apache-2.0
//! A still head in a coded video: against its contrast, which restoration raises, it flickers no more than it did.

use facerestore_tests::{Frame, Picture, Region, Rig, WarpingError, coded, sharpening};
use gst::prelude::*;
use gst_video::VideoFormat;

const FRAMES: usize = 24;
/// Frames before this one are not counted: the encoder's first frames are better than the rest.
const SETTLED: usize = 8;
/// The face itself, within the mask.
const SKIN: Region = Region { x: 180, y: 75, width: 90, height: 100 };

/// The astronaut before a camera that rests, with its noise of up to 6 levels.
fn still_head() -> Vec<Picture> {
    let sharp = Picture::sharp();
    let frame = |frame: usize| {
        let mut picture = sharp.clone();
        for (index, value) in picture.rgb.iter_mut().enumerate() {
            let draw = (index as u32 + 1_000_003 * frame as u32).wrapping_mul(2_654_435_761) >> 20;
            *value = (i32::from(*value) + (draw % 13) as i32 - 6).clamp(0, 255) as u8;
        }
        picture
    };
    (0..FRAMES).map(frame).collect()
}

/// The error from frame to frame, over the face, where nothing moves.
fn error(clip: &[Picture]) -> WarpingError {
    let pairs = clip[SETTLED..].windows(2);
    let errors: Vec<WarpingError> =
        pairs.map(|pair| WarpingError::between(&pair[0], &pair[1], SKIN, |_, _| true)).collect();
    WarpingError::mean(&errors)
}

#[test]
fn a_network_that_adds_contrast_adds_no_flicker_to_it() {
    facerestore_tests::init();
    let folder = tempfile::tempdir().unwrap();
    let model = sharpening(folder.path(), 2.0);
    let clean = still_head();
    let by_jpeg: Vec<Picture> = clean.iter().map(|frame| frame.through_jpeg(30)).collect();
    for (codec, input) in [("JPEG", by_jpeg), ("H.264", coded(&clean, 400))] {
        let restored = |properties: &[(&str, &dyn ToValue)]| {
            let model: [(&str, &dyn ToValue); 1] = [("model", &model)];
            let mut rig = Rig::new(&[&model, properties].concat());
            let restored =
                input.iter().map(|picture| rig.restore(&Frame::new(picture, VideoFormat::Rgb)).to_picture());
            let restored: Vec<Picture> = restored.collect();
            assert_eq!(rig.stat("restored-faces"), FRAMES as u64, "{codec}");
            error(&restored)
        };
        let (before, alone, steady) = (error(&input), restored(&[("temporal", &0.0)]), restored(&[]));
        println!("{codec}: {before:?} before, {alone:?} frame by frame, {steady:?} with memory");
        assert!(
            alone.relative > before.relative,
            "{codec}: the network adds flicker, {alone:?} to {before:?}"
        );
        assert!(steady.relative < before.relative, "{codec}: {steady:?}, {before:?} before");
    }
}
