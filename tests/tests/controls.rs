// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the properties do to the picture: strength and detail (set, and controlled over time), keep-color, seed, steps.

use facerestore_tests::{
    FRAME_TIME, Frame, Picture, Region, Rig, SKIN, element, lightening, negative, traced,
};
use gst::prelude::*;
use gst_controller::prelude::*;
use gst_controller::{DirectControlBinding, InterpolationControlSource, InterpolationMode};
use gst_video::VideoFormat;
use tch::Tensor;

fn face() -> Frame {
    Frame::new(&Picture::astronaut(), VideoFormat::Rgb)
}

#[test]
fn strength_scales_the_change() {
    let frame = face();
    let input = frame.to_picture();
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::frame_by_frame(&[("model", &negative(folder.path()))]);
    let full = rig.restore(&frame).to_picture();
    rig.set("strength", 0.5);
    let half = rig.restore(&frame).to_picture();
    // The half change is half the full change within rounding, sample by sample, where that was not clipped.
    let worst = (0..input.rgb.len())
        .filter(|&i| (1..=254).contains(&full.rgb[i]))
        .map(|i| {
            let full = f64::from(full.rgb[i]) - f64::from(input.rgb[i]);
            let half = f64::from(half.rgb[i]) - f64::from(input.rgb[i]);
            (half - full / 2.0).abs()
        })
        .fold(0.0, f64::max);
    assert!(worst <= 1.0, "half strength is {worst} levels from half the change");
    assert!(full.difference(&input, SKIN) > 5.0, "the change is {} levels", full.difference(&input, SKIN));
    rig.set("strength", 0.0);
    assert!(rig.restore(&frame).bytes == frame.bytes);
}

#[test]
fn a_controller_moves_strength_over_time() {
    let frame = face();
    let input = frame.to_picture();
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::frame_by_frame(&[("model", &negative(folder.path()))]);
    let source = InterpolationControlSource::new();
    source.set_mode(InterpolationMode::Linear);
    // From 0 at the first frame to 1 at the fifth.
    assert!(source.set(gst::ClockTime::ZERO, 0.0) && source.set(FRAME_TIME * 4, 1.0));
    let binding = DirectControlBinding::new(&rig.element, "strength", &source);
    rig.element.add_control_binding(&binding).unwrap();
    let changes: Vec<f64> =
        (0..5).map(|_| rig.restore(&frame).to_picture().difference(&input, SKIN)).collect();
    println!("mean change at strength 0, 0.25, … 1: {changes:.4?}");
    assert_eq!(changes[0], 0.0, "strength 0");
    for (index, change) in changes.iter().enumerate() {
        let share = change / changes[4];
        let expected = index as f64 / 4.0;
        assert!((share - expected).abs() < 0.02, "frame {index} has {share:.3} of the full change");
    }
}

/// Mean of each channel over a region.
fn mean(picture: &Picture, area: Region) -> [f64; 3] {
    let part = picture.crop(area.x as usize, area.y as usize, area.width as usize, area.height as usize);
    let pixels = (area.width * area.height) as f64;
    std::array::from_fn(|channel| {
        part.rgb.iter().skip(channel).step_by(3).map(|&value| f64::from(value)).sum::<f64>() / pixels
    })
}

#[test]
fn keep_color_keeps_the_inputs_tone() {
    // A network that does nothing but redden shows what is kept.
    let folder = tempfile::tempdir().unwrap();
    let redden = traced(folder.path(), "redden.pt", |faces| {
        let channels = faces.split(1, 1);
        Tensor::cat(&[&channels[0] + 0.2, &channels[1] * 1.0, &channels[2] - 0.2], 1)
    });
    let frame = face();
    let before = mean(&frame.to_picture(), SKIN);
    let mut rig = Rig::frame_by_frame(&[("model", &redden), ("keep-color", &false)]);
    let reddened = mean(&rig.restore(&frame).to_picture(), SKIN);
    assert!(reddened[0] > before[0] + 15.0 && reddened[2] < before[2] - 15.0, "{before:?} → {reddened:?}");
    rig.set("keep-color", true);
    let kept = mean(&rig.restore(&frame).to_picture(), SKIN);
    println!("mean RGB {before:.2?}, with keep-color {kept:.2?}, without {reddened:.2?}");
    for channel in 0..3 {
        assert!((kept[channel] - before[channel]).abs() < 3.0, "{before:?} → {kept:?}");
    }
}

#[test]
fn the_shipped_model_keeps_the_tone_of_the_face() {
    let frame = face();
    let before = mean(&frame.to_picture(), SKIN);
    let after = mean(&Rig::new(&[]).restore(&frame).to_picture(), SKIN);
    for channel in 0..3 {
        assert!((after[channel] - before[channel]).abs() < 2.0, "{before:?} → {after:?}");
    }
}

/// A model whose sharp face is lighter by 20 levels than its mean, which is the input: the change is 20 levels times `detail`,
/// and `detail=0` is the mean.
#[test]
fn detail_goes_from_the_mean_to_the_sharp_face_while_playing() {
    let frame = face();
    let before = mean(&frame.to_picture(), SKIN);
    let folder = tempfile::tempdir().unwrap();
    let model = lightening(folder.path(), 20.0 / 127.5);
    let mut rig = Rig::frame_by_frame(&[("model", &model), ("keep-color", &false)]);
    let lighter = |rig: &mut Rig| {
        let after = mean(&rig.restore(&frame).to_picture(), SKIN);
        (0..3).map(|channel| after[channel] - before[channel]).sum::<f64>() / 3.0
    };
    assert!((lighter(&mut rig) - 20.0).abs() < 1.0, "all of it is the default");
    for detail in [0.75, 0.5, 0.25] {
        rig.set("detail", detail);
        let change = lighter(&mut rig);
        assert!((change - 20.0 * detail).abs() < 1.0, "{change} levels at {detail}");
    }
    rig.set("detail", 0.0);
    assert!(rig.restore(&frame).bytes == frame.bytes, "the mean is the input");
}

#[test]
fn the_same_seed_gives_the_same_pixels_and_another_seed_others() {
    let frame = face();
    let restore = |seed: u64| Rig::new(&[("seed", &seed)]).restore(&frame).bytes;
    let first = restore(7);
    assert!(first == restore(7), "two runs differ");
    assert!(first != restore(8), "the seed has no effect");
    let mut rig = Rig::frame_by_frame(&[("seed", &7_u64)]);
    assert!(first == rig.restore(&frame).bytes && first == rig.restore(&frame).bytes, "the noise flickers");
    rig.set("seed", 8_u64);
    assert!(first != rig.restore(&frame).bytes, "the seed cannot be changed while playing");
}

#[test]
fn steps_sampler_and_precision_reach_the_model() {
    let frame = face();
    let default = Rig::new(&[]).restore(&frame).bytes;
    let element = element(&[("steps", &3_u32)]);
    element.set_property_from_str("sampler", "ddpm");
    element.set_property_from_str("precision", "fp32");
    let mut rig = Rig::of(element);
    assert!(rig.restore(&frame).bytes != default);
    assert_eq!(rig.stat("restored-faces"), 1);
}
