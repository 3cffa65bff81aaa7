// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interlaced video: does restoring each field by itself serve the picture? Prints the PSNR of a swaying head, soft and
//! coded, 50 fields a second, as it comes, restored field by field (the element's way), and restored as if a frame were one
//! picture:
//!
//! `cargo bench -p facerestore-tests --bench interlaced`
//!
//! Each field's lines are compared with those of the clean picture of its own moment, over the face.

use facerestore_tests::{Frame, Picture, Region, Rig, bytes, shipped_element};
use gst_video::VideoFormat;

const WIDTH: usize = 720;
const HEIGHT: usize = 576;
const FRAMES: usize = 10;
/// Frames before this one are not counted.
const SETTLED: usize = 3;
/// Where the head is at rest.
const PLACE: (f64, f64) = (200.0, 140.0);
/// Side of the head's picture.
const HEAD: usize = 320;

/// Where the head is in field number `field`, for a sway of so many pixels a field at most.
fn place(field: usize, speed: f64) -> (i32, i32) {
    let phase = 0.14 * field as f64;
    (
        (PLACE.0 + speed / 0.14 * phase.sin()).round() as i32,
        (PLACE.1 + 6.0 * (0.7 * phase).cos()).round() as i32,
    )
}

/// The clean picture of a moment, and what a soft lens and a coder leave of it.
fn moment(head: &Picture, field: usize, speed: f64) -> (Picture, Picture) {
    let mut clean = Picture::plain(WIDTH, HEIGHT, [104, 110, 96]);
    let (x, y) = place(field, speed);
    clean.put(head, x, y);
    let soft = clean.resized(WIDTH * 2 / 5, HEIGHT * 2 / 5).through_jpeg(60).resized(WIDTH, HEIGHT);
    (clean, soft)
}

/// The lines of `top` and `bottom` by turns.
fn interleaved(top: &Picture, bottom: &Picture) -> Picture {
    let mut frame = top.clone();
    let row = 3 * WIDTH;
    for line in (1..HEIGHT).step_by(2) {
        frame.rgb[line * row..][..row].copy_from_slice(&bottom.rgb[line * row..][..row]);
    }
    frame
}

/// Sum of the squared differences of the lines of one field over the face of that moment, and how many values there are.
fn errors(frame: &Picture, clean: &Picture, parity: usize, face: Region) -> (f64, f64) {
    let lines = (face.y..face.y + face.height).filter(|line| *line as usize % 2 == parity);
    let (mut sum, mut count) = (0.0, 0.0);
    for line in lines {
        let start = 3 * (line as usize * WIDTH + face.x as usize);
        let range = start..start + 3 * face.width as usize;
        for (a, b) in frame.rgb[range.clone()].iter().zip(&clean.rgb[range]) {
            sum += (f64::from(*a) - f64::from(*b)).powi(2);
            count += 1.0;
        }
    }
    (sum, count)
}

fn psnr(clip: &[Picture], clean: &[Picture], speed: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for (index, frame) in clip.iter().enumerate().skip(SETTLED) {
        for parity in [0, 1] {
            let field = 2 * index + parity;
            let (x, y) = place(field, speed);
            let face = Region { x: x + 105, y: y + 95, width: 120, height: 145 };
            let of_field = errors(frame, &clean[field], parity, face);
            sum += of_field.0;
            count += of_field.1;
        }
    }
    10.0 * (255.0_f64.powi(2) * count / sum).log10()
}

/// What the element makes of the frames when its caps say that they are interlaced, or not.
fn restored(clip: &[Picture], mode: &str) -> Vec<Picture> {
    let mut rig = Rig::of(shipped_element(&[]));
    let result = clip.iter().map(|picture| {
        let frame = Frame::new(picture, VideoFormat::Rgb);
        let mut caps = frame.caps();
        caps.make_mut().set("interlace-mode", mode);
        Picture { rgb: bytes(&rig.push_buffer(frame.buffer(), &caps)), ..picture.clone() }
    });
    result.collect()
}

fn main() {
    facerestore_tests::init();
    let head = Picture::sharp().crop(60, 0, 330, 330).resized(HEAD, HEAD);
    println!("sway, pixels a field         input    field by field    as one picture");
    for speed in [0.0, 2.0, 6.0] {
        let moments: Vec<_> = (0..2 * FRAMES).map(|field| moment(&head, field, speed)).collect();
        let (clean, soft): (Vec<_>, Vec<_>) = moments.into_iter().unzip();
        let input: Vec<_> = soft.chunks(2).map(|pair| interleaved(&pair[0], &pair[1])).collect();
        let [as_it_is, by_field, as_one] = [
            psnr(&input, &clean, speed),
            psnr(&restored(&input, "interleaved"), &clean, speed),
            psnr(&restored(&input, "progressive"), &clean, speed),
        ];
        println!("{speed:>20.0} {as_it_is:>10.2} dB {by_field:>13.2} dB {as_one:>14.2} dB");
    }
}
