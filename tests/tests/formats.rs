// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every pixel format, with odd sizes and padded rows: colour near the face changes, no other byte does, and every
//! format shows the same restored face.

use facerestore_tests::{FACE, FORMATS, Frame, Picture, Rig, SKIN, bytes, model, negative};
use gst_video::{VideoFormat, VideoFormatInfo};

/// RGB of 8 bits a channel, which nothing rounds.
fn is_plain_rgb(format: VideoFormat) -> bool {
    let info = VideoFormatInfo::from_format(format);
    info.is_rgb() && info.depth()[0] == 8
}

fn is_grey(format: VideoFormat) -> bool {
    VideoFormatInfo::from_format(format).is_gray()
}

#[test]
fn only_colour_bytes_near_the_face_change_and_strides_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Picture::astronaut();
    let odd = picture.crop(0, 0, 511, 509);
    // One element for all: every frame also is a change of caps in mid-stream.
    let mut rig = Rig::frame_by_frame(&[("model", &negative(folder.path()))]);
    for format in FORMATS {
        let mut changed = |layout: &str, frame: &Frame| {
            let input = frame.buffer();
            // The test holds the buffer too, so the element has to change a copy, strides and all.
            let output = rig.push_buffer(input.clone(), &frame.caps());
            assert!(bytes(&input) == frame.bytes, "{format:?} {layout}: another holder's buffer changed");
            let restored = frame.with_bytes(bytes(&output));
            let (inside, outside) = restored.changes(frame, FACE);
            assert!(inside > 5000, "{format:?} {layout}: {inside} bytes of the face changed");
            assert_eq!(
                outside, 0,
                "{format:?} {layout}: bytes away from the face, of alpha or padding changed"
            );
            restored.to_picture()
        };
        changed("even", &Frame::new(&picture, format));
        let plain = changed("odd", &Frame::new(&odd, format));
        let padded = changed("padded", &Frame::padded(&odd, format, 13));
        assert!(
            plain == padded,
            "{format:?}: padding changes the result, by {} dB",
            plain.psnr(&padded, FACE)
        );
    }
    assert_eq!((rig.stat("restored-faces"), rig.stat("failures")), (3 * FORMATS.len() as u64, 0));
}

#[test]
fn every_format_shows_the_same_restored_face() {
    let folder = tempfile::tempdir().unwrap();
    let picture = Picture::astronaut();
    // What is as near to RGB as this cannot be told from it; deeper formats start with hardly any error, and the negative of 8 bits is
    // 41 dB from theirs.
    const NEAR: f64 = 40.0;
    // Half the chroma resolution alone separates a 4:2:0 frame from the RGB picture by 37 dB. The shipped model adds to
    // that 0.01 dB, the negative, which moves samples by up to 255 levels and doubles every error, 1.4 dB.
    for (model, most_loss) in [(model(), 0.5), (negative(folder.path()), 2.0)] {
        let mut rig = Rig::frame_by_frame(&[("model", &model)]);
        let rgb = rig.restore(&Frame::new(&picture, VideoFormat::Rgb)).to_picture();
        let change = rgb.difference(&picture, SKIN);
        // What a grey format shows is another picture; its arithmetic is measured in the unit tests.
        for format in FORMATS.into_iter().filter(|format| !is_grey(*format)) {
            let frame = Frame::new(&picture, format);
            let restored = rig.restore(&frame).to_picture();
            if is_plain_rgb(format) {
                assert!(restored == rgb, "{format:?} has other pixels than RGB");
                continue;
            }
            let (before, after) = (frame.to_picture().psnr(&picture, SKIN), restored.psnr(&rgb, SKIN));
            let shown = restored.difference(&frame.to_picture(), SKIN);
            let report = format!(
                "{format:?} is {before:.2} dB from RGB before, {after:.2} dB after; it changed by {shown:.3} levels, RGB by {change:.3}"
            );
            println!("{report}");
            assert!(after > (before - most_loss).min(NEAR) && (shown / change - 1.0).abs() < 0.1, "{report}");
        }
    }
}
