// SPDX-License-Identifier: MIT OR Apache-2.0
//! H.264 as a degradation: really coded, aligned with the clean picture, reproducible, at every size and from many threads.

use std::path::Path;

use image::RgbImage;
use training::data::degradation::{Degradation, DegradationParams, H264, H264Params, Rate};
use training::metrics::psnr;
use training::picture;

use crate::common::distribution::{assert_share, assert_uniform_whole};

fn astronaut() -> RgbImage {
    picture::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"))).unwrap()
}

/// H.264 and nothing else, at the picture's own size.
fn only(h264: H264Params) -> DegradationParams {
    DegradationParams {
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 1.0,
        noise: 0.0,
        h264: Some(h264),
        ..Degradation::default().params_for(0, "h264")
    }
}

fn clip(rate: Rate, kept: u8) -> H264Params {
    H264Params { rate, frames: 5, kept, shift: [2.7, -1.3], zoom: 1.006, deblock: None, again: None }
}

#[test]
fn quality_falls_as_the_rate_factor_rises_and_as_bits_are_taken_away() {
    let face = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    let quality = |rate| psnr(&only(clip(rate, 2)).apply(&face).unwrap(), &face).unwrap();
    let by_factor = [10, 20, 30, 40, 50].map(|crf| quality(Rate::Crf(crf)));
    assert!(by_factor.is_sorted_by(|better, worse| *better > worse + 1.5), "{by_factor:?}");
    // 4:2:0 alone leaves about 35 dB of this picture.
    assert!(by_factor[0] > 34.0 && by_factor[4] < 28.0, "{by_factor:?}");
    let by_bits = [2.0, 0.5, 0.1, 0.02].map(|bits| quality(Rate::BitsPerPixel(bits)));
    assert!(by_bits.is_sorted_by(|better, worse| *better > worse + 1.0), "{by_bits:?}");
}

/// Every frame of the clip can be the kept one, and the still is where it was in it: any other shift of the truth, by as
/// little as half a pixel, fits worse. In the neighbouring frames it is 3 pixels off.
#[test]
fn the_kept_frame_lies_where_the_clean_picture_does() {
    let picture = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    let large = picture::resize_bilinear(&picture, 512, 512).unwrap();
    for kept in 0..5 {
        let coded = only(clip(Rate::Crf(24), kept)).apply(&picture).unwrap();
        let coded = picture::resize_bilinear(&coded, 512, 512).unwrap();
        // Shifts in half pixels of the picture.
        let difference = |dx: i64, dy: i64| -> f64 {
            let mut sum = 0.0;
            for y in 32..480_u32 {
                for x in 32..480_u32 {
                    let truth = large.get_pixel((i64::from(x) + dx) as u32, (i64::from(y) + dy) as u32);
                    let own = coded.get_pixel(x, y);
                    sum += (f64::from(truth[1]) - f64::from(own[1])).powi(2);
                }
            }
            sum
        };
        let here = difference(0, 0);
        for (dx, dy) in (-3..=3).flat_map(|dx| (-3..=3).map(move |dy| (dx, dy))) {
            assert!(
                (dx, dy) == (0, 0) || difference(dx, dy) > 1.2 * here,
                "kept {kept}: {dx}, {dy} fits as well"
            );
        }
    }
}

/// A frame that can be predicted from its neighbours is another one than the same frame coded alone, and a longer clip codes the
/// frame at the same rate factor about as well.
#[test]
fn frames_are_predicted_from_the_others() {
    let face = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    let alone = H264Params { frames: 1, kept: 0, ..clip(Rate::Crf(30), 0) };
    let alone = only(alone).apply(&face).unwrap();
    for kept in 1..5 {
        let predicted = only(clip(Rate::Crf(30), kept)).apply(&face).unwrap();
        assert_ne!(predicted, alone);
        let (predicted, alone) = (psnr(&predicted, &face).unwrap(), psnr(&alone, &face).unwrap());
        assert!((predicted - alone).abs() < 4.0, "frame {kept}: {predicted} dB, alone {alone} dB");
    }
}

#[test]
fn deblocking_and_the_second_coding_are_drawn_after_all_else() {
    const DRAWS: usize = 20_000;
    let draws = |h264: H264| -> Vec<Option<H264Params>> {
        let recipe = Degradation { h264: Some(h264), ..Degradation::default() };
        (0..DRAWS).map(|seed| recipe.params_for(seed as u64, "again").h264).collect()
    };
    let crf = |rate| if let Rate::Crf(crf) = rate { crf } else { panic!("{rate:?}") };
    let plain = draws(H264::default());
    let all = draws(H264 { deblock: Some([-2, 2]), twice: 0.3, ..H264::default() });
    let coded: Vec<&H264Params> = all.iter().flatten().collect();
    assert_uniform_whole("offset", coded.iter().map(|clip| (clip.deblock.unwrap() + 2) as u8), [0, 4]);
    let again: Vec<_> = coded.iter().filter(|clip| clip.again.is_some()).collect();
    assert_share("twice", again.len(), coded.len(), 0.3);
    assert_uniform_whole("second rate", again.iter().map(|clip| crf(clip.again.unwrap())), [18, 40]);
    let alike = again.iter().filter(|clip| clip.again == Some(clip.rate)).count();
    assert_share("the two rates alike", alike, again.len(), 1.0 / 23.0);
    for (with, without) in all.into_iter().zip(plain) {
        assert_eq!(with.map(|clip| H264Params { deblock: None, again: None, ..clip }), without);
    }
}

/// Without the filter the steps between two columns are larger at the borders of blocks than within; an offset of 0 is x264's
/// own filter.
#[test]
fn the_deblocking_filter_takes_blocks_away() {
    let face = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    let coded = |deblock| {
        only(H264Params { deblock, frames: 1, kept: 0, ..clip(Rate::Crf(42), 0) }).apply(&face).unwrap()
    };
    assert!(coded(Some(0)) == coded(None) && coded(Some(6)) != coded(None));
    let blocks = |deblock| {
        let coded = coded(deblock);
        let (mut border, mut inside) = (0.0_f64, 0.0_f64);
        for (x, y, pixel) in coded.enumerate_pixels().filter(|(x, ..)| *x > 0) {
            let step = (f64::from(pixel[1]) - f64::from(coded.get_pixel(x - 1, y)[1])).abs();
            *(if x % 8 == 0 { &mut border } else { &mut inside }) += step;
        }
        7.0 * border / inside
    };
    let [none, own, strong] = [Some(-6), None, Some(6)].map(blocks);
    assert!(none > 1.05 * own.max(strong), "{none}, {own}, {strong}");
}

#[test]
fn a_second_coding_loses_more_and_the_worse_of_the_two_counts() {
    let face = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    for kept in [0, 3] {
        let quality = |first: u8, again: Option<u8>| {
            let h264 = H264Params { again: again.map(Rate::Crf), ..clip(Rate::Crf(first), kept) };
            psnr(&only(h264).apply(&face).unwrap(), &face).unwrap()
        };
        let (good, bad) = (quality(12, None), quality(36, None));
        let (twice, upload, copy) = (quality(36, Some(36)), quality(12, Some(36)), quality(36, Some(12)));
        assert!(twice < bad, "frame {kept}: {bad} dB, and once more {twice} dB");
        for after in [upload, copy] {
            // The good coding of the two costs up to 1.1 dB here beside the bad one.
            assert!((after - bad).abs() < 2.0 && after < good - 3.0, "{after} dB, {bad} dB alone");
        }
    }
}

#[test]
fn odd_and_tiny_sizes_come_back_as_they_were() {
    let picture = astronaut();
    for (width, height) in [(1, 1), (2, 7), (33, 20), (255, 257), (101, 512)] {
        let part = image::imageops::crop_imm(&picture, 150, 0, width, height).to_image();
        let coded = only(clip(Rate::Crf(18), 2)).apply(&part).unwrap();
        assert_eq!(coded.dimensions(), (width, height));
        let quality = psnr(&coded, &part).unwrap();
        assert!(quality > 26.0, "{width}×{height}: {quality} dB");
    }
}

/// As the loader's workers do.
#[test]
fn a_recorded_draw_gives_the_same_bytes_in_every_thread() {
    let face = image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image();
    let recipe =
        Degradation { h264: Some(H264 { probability: 1.0, ..H264::default() }), ..Degradation::default() };
    let draws: Vec<_> = (0..6).map(|seed| recipe.params_for(seed, "thread")).collect();
    let degrade = || draws.iter().map(|draw| draw.apply(&face).unwrap()).collect::<Vec<_>>();
    let expected = degrade();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(degrade)).collect();
        for thread in threads {
            assert!(thread.join().unwrap() == expected);
        }
    });
    for (draw, expected) in draws.iter().zip(&expected) {
        let recorded: DegradationParams =
            serde_json::from_str(&serde_json::to_string(draw).unwrap()).unwrap();
        assert_eq!(&recorded, draw);
        assert!(recorded.apply(&face).unwrap() == *expected);
        let jpeg = DegradationParams { h264: None, ..recorded };
        assert!(jpeg.apply(&face).unwrap() != *expected);
    }
}

/// tiny.toml with this H.264 in its degradation.
fn recipe(folder: &Path, h264: &str) -> std::path::PathBuf {
    let tiny = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/tiny.toml")).unwrap();
    let path = folder.join("recipe.toml");
    std::fs::write(&path, tiny.replace("[degradation]", &format!("[degradation]\nh264 = {h264}"))).unwrap();
    path
}

/// Elements that are missing are named with the package that brings them. The registry of a GStreamer without plugins is
/// made by a program of its own.
#[test]
fn a_missing_encoder_is_named_with_its_package() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = recipe(folder.path(), "{}");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_idm"))
        .args(["degrade", "--input", "none", "--output", "none", "--config"])
        .arg(&recipe)
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", folder.path())
        .env("GST_REGISTRY", folder.path().join("registry"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && message.contains("apt-get install gstreamer1.0-plugins-base"),
        "{message}"
    );
}

/// On a machine without libav; another profile of H.264, so another coding of the same picture.
#[test]
fn openh264_decodes_where_libav_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let [plugins, faces] = ["plugins", "faces"].map(|name| folder.path().join(name));
    std::fs::create_dir(&plugins).unwrap();
    std::fs::create_dir(&faces).unwrap();
    gst::init().unwrap();
    for name in ["app", "coreelements", "videoconvertscale", "x264", "openh264"] {
        let plugin = gst::Registry::get().find_plugin(name).unwrap().filename().unwrap();
        std::os::unix::fs::symlink(&plugin, plugins.join(plugin.file_name().unwrap())).unwrap();
    }
    image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image().save(faces.join("face.png")).unwrap();
    let recipe = recipe(folder.path(), "{ probability = 1.0, crf = [30, 30], frames = [8, 8] }");
    let degraded = |system: Option<&Path>, name: &str| {
        let output = folder.path().join(name);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_idm"));
        command.args(["degrade", "--seed", "1", "--config"]).arg(&recipe);
        command.arg("--input").arg(&faces).arg("--output").arg(&output);
        command.env("GST_REGISTRY", folder.path().join(format!("{name}.registry")));
        if let Some(system) = system {
            command.env("GST_PLUGIN_SYSTEM_PATH_1_0", system);
        }
        let result = command.output().unwrap();
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        picture::read(&output.join("face.png")).unwrap()
    };
    let quality = psnr(&degraded(Some(&plugins), "openh264"), &degraded(None, "libav")).unwrap();
    assert!(quality > 33.0, "{quality} dB");
}
