// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm degrade`, `idm restore` and `idm evaluate` on real faces, with networks whose answer is known: an untrained
//! one gives x0 = 0, mid-grey, or, when it is residual, the picture that it got.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Output;

use image::RgbImage;
use serde_json::Value;
use training::data::degradation::DegradationParams;
use training::picture;

use crate::common::{faces, failed, idm, names, succeeded, test_data, text, untrained_model};

/// The arguments of `idm restore` on the CPU.
pub(crate) fn restore_arguments<'a>(
    model: &'a impl AsRef<OsStr>,
    input: &'a impl AsRef<OsStr>,
    output: &'a impl AsRef<OsStr>,
    more: &'a [&'a str],
) -> Vec<&'a dyn AsRef<OsStr>> {
    let mut arguments: Vec<&dyn AsRef<OsStr>> =
        vec![&"restore", &"--model", model, &"--input", input, &"--output", output];
    arguments.extend([&"--device" as &dyn AsRef<OsStr>, &"cpu", &"--precision", &"fp32"]);
    arguments.extend(more.iter().map(|argument| argument as &dyn AsRef<OsStr>));
    arguments
}

/// Runs it.
pub(crate) fn restore(
    model: &impl AsRef<OsStr>,
    input: &impl AsRef<OsStr>,
    output: &impl AsRef<OsStr>,
    more: &[&str],
) -> Output {
    idm(&restore_arguments(model, input, output, more))
}

/// The arguments for photos with the detector of the repository.
#[cfg(feature = "detect")]
pub(crate) const PHOTOS: [&str; 2] =
    ["--detector", concat!(env!("CARGO_MANIFEST_DIR"), "/../models/face_detection_yunet_2023mar.onnx")];

#[test]
fn degraded_pictures_follow_from_their_records_and_runs_resume() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (faces(folder.path()), folder.path().join("degraded"));
    let degrade = |seed: &str| idm(&[&"degrade", &"--input", &input, &"--output", &output, &"--seed", &seed]);
    assert!(succeeded(&degrade("4")).contains("5 pictures degraded"));
    let records = std::fs::read_to_string(output.join("degradations.jsonl")).unwrap();
    assert_eq!(records.lines().count(), 5);
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let params: DegradationParams = serde_json::from_str(&record["params"].to_string()).unwrap();
        let file = record["file"].as_str().unwrap();
        let clean = picture::read(&input.join(file)).unwrap();
        assert_eq!(picture::read(&output.join(file)).unwrap(), params.apply(&clean).unwrap(), "{file}");
    }

    let before = std::fs::read(output.join("2.png")).unwrap();
    std::fs::remove_file(output.join("2.png")).unwrap();
    std::fs::write(output.join(".2.pngAbCdEf.part"), &before[..20]).unwrap();
    let modified = |name: &str| std::fs::metadata(output.join(name)).unwrap().modified().unwrap();
    let untouched = modified("1.png");
    assert!(succeeded(&degrade("4")).contains("1 picture degraded"));
    assert_eq!(std::fs::read(output.join("2.png")).unwrap(), before);
    assert_eq!(modified("1.png"), untouched);
    assert_eq!(names(&output), ["0.png", "1.png", "2.png", "3.png", "4.png", "degradations.jsonl"]);
    failed(&degrade("5"), &["0.png", "other settings", "--seed 4"]);
}

#[test]
fn broken_pictures_are_skipped_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (faces(folder.path()), folder.path().join("degraded"));
    let whole = std::fs::read(input.join("1.png")).unwrap();
    std::fs::write(input.join("1.png"), &whole[..whole.len() / 2]).unwrap();
    let degraded = idm(&[&"degrade", &"--input", &input, &"--output", &output, &"--size", &"64"]);
    failed(&degraded, &["1.png", "not a readable picture", "1 of 5 pictures could not be degraded"]);
    assert_eq!(names(&output), ["0.png", "2.png", "3.png", "4.png", "degradations.jsonl"]);
    assert_eq!(std::fs::read_to_string(output.join("degradations.jsonl")).unwrap().lines().count(), 4);
    assert_eq!(picture::read(&output.join("3.png")).unwrap().dimensions(), (64, 64));
    let model = untrained_model(folder.path(), true);
    let output = folder.path().join("restored");
    let restored = restore(&model, &input, &output, &["--aligned"]);
    failed(&restored, &["1.png", "1 of 5 pictures could not be restored"]);
    assert_eq!(names(&output), ["0.png", "2.png", "3.png", "4.png"]);
}

/// A batch is restored whole when one of its results is missing, so pictures are read whose results are there.
#[test]
fn more_pictures_may_be_broken_than_results_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (input, model) = (faces(folder.path()), untrained_model(folder.path(), true));
    let output = folder.path().join("output");
    succeeded(&restore(&model, &input, &output, &["--aligned"]));
    std::fs::remove_file(output.join("0.png")).unwrap();
    for broken in ["1.png", "2.png"] {
        std::fs::write(input.join(broken), "no picture").unwrap();
    }
    let restored = restore(&model, &input, &output, &["--aligned"]);
    failed(&restored, &["1.png", "2.png", "2 of 5 pictures could not be restored"]);
    let said = text(&restored.stdout);
    assert!(said.contains("1 picture restored into") && said.contains("4 pictures there before"), "{said}");
    assert_eq!(names(&output).len(), 5);
}

#[test]
fn aligned_faces_get_the_networks_change_at_their_own_size() {
    let folder = tempfile::tempdir().unwrap();
    let input = faces(folder.path());
    let restore = |model: &Path, name: &str, strength: &str| {
        let output = folder.path().join(name);
        succeeded(&restore(&model, &input, &output, &["--aligned", "--strength", strength]));
        picture::list(&input).unwrap().into_iter().map(move |file| {
            let restored = output.join(file.file_name().unwrap());
            (picture::read(&file).unwrap(), picture::read(&restored).unwrap())
        })
    };
    let (identity, grey) = (untrained_model(folder.path(), true), untrained_model(folder.path(), false));
    for (face, restored) in restore(&identity, "same", "1").chain(restore(&grey, "none", "0")) {
        assert!(face == restored, "a face of {:?} pixels changed", face.dimensions());
    }
    for (face, restored) in restore(&grey, "grey", "1") {
        if face.width() == 64 {
            // Mid-grey is 127.5.
            assert!(restored.iter().all(|&value| value == 127 || value == 128));
            continue;
        }
        // A larger face keeps its detail: what is left is grey plus the face less its smooth version.
        let mean = restored.iter().map(|&value| f64::from(value)).sum::<f64>() / restored.len() as f64;
        assert!((mean - 127.5).abs() < 3.0, "{mean}");
        let smooth = picture::resize_antialiased(&face, 64, 64).unwrap();
        let expected = picture::resize_bilinear(&smooth, face.width(), face.height()).unwrap();
        let (mut product, mut detail) = (0.0, 0.0);
        for ((&value, &original), &low) in restored.iter().zip(face.iter()).zip(expected.iter()) {
            let fine = f64::from(original) - f64::from(low);
            product += fine * (f64::from(value) - 127.5);
            detail += fine * fine;
        }
        assert!((product / detail - 1.0).abs() < 0.3, "{} of the detail is left", product / detail);
    }
}

/// With an untrained residual network f is the identity, so every figure is known from the input's alone.
#[test]
fn evaluation_of_the_identity_is_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (faces(folder.path()), untrained_model(folder.path(), true));
    let (json, grid) = (folder.path().join("report.json"), folder.path().join("grid.png"));
    let evaluate = |more: &[&dyn AsRef<std::ffi::OsStr>]| {
        let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![
            &"evaluate",
            &"--model",
            &model,
            &"--data",
            &data,
            &"--device",
            &"cpu",
            &"--precision",
            &"fp32",
            &"--seed",
            &"3",
            &"--json",
            &json,
        ];
        args.extend(more);
        let table = succeeded(&idm(&args));
        let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        (table, report)
    };
    let (table, report) = evaluate(&[&"--steps", &"1,3", &"--grid", &grid]);
    assert!(table.contains("5 faces of 64×64 pixels") && table.contains("| 3 steps, ddpm"), "{table}");
    assert_eq!(report["faces"].as_array().unwrap().len(), 5);
    for step in report["systems"].as_array().unwrap() {
        assert_eq!(step["restored"], report["input"]);
        assert_eq!(step["twice"], report["input"]);
        assert_eq!(step["gain"]["psnr"]["mean"], 0.0);
        assert_eq!(step["of_clean"]["psnr"]["low"], 100.0);
        assert!((step["of_clean"]["ssim"]["mean"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
    let scores =
        report["faces"].as_array().unwrap().iter().map(|face| face["input"]["psnr"].as_f64().unwrap());
    let mean = scores.sum::<f64>() / 5.0;
    assert!((report["input"]["psnr"]["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    let (low, high) = (&report["input"]["psnr"]["low"], &report["input"]["psnr"]["high"]);
    assert!(low.as_f64().unwrap() < mean && mean < high.as_f64().unwrap());

    // A row for each face: input, two outputs, truth.
    let grid: RgbImage = picture::read(&grid).unwrap();
    assert_eq!(grid.dimensions(), (4 * 64, 5 * 64));
    let tile = |column: u32| image::imageops::crop_imm(&grid, column * 64, 0, 64, 64).to_image();
    assert_eq!(tile(3), picture::read(&data.join("0.png")).unwrap());
    assert!(tile(0) == tile(1) && tile(0) != tile(3));

    // The folder that `idm degrade` makes from the same seed holds the same pairs.
    let degraded = folder.path().join("degraded");
    succeeded(&idm(&[
        &"degrade",
        &"--input",
        &data,
        &"--output",
        &degraded,
        &"--seed",
        &"3",
        &"--size",
        &"64",
    ]));
    let (_, from_folder) = evaluate(&[&"--steps", &"1", &"--degraded", &degraded]);
    assert_eq!(from_folder["input"], report["input"]);
    let (table, _) = evaluate(&[&"--steps", &"1", &"--size", &"96", &"--limit", &"2"]);
    assert!(table.contains("2 faces of 96×96 pixels"), "{table}");
}

#[test]
fn wrong_arguments_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (faces(folder.path()), untrained_model(folder.path(), true));
    let (empty, output) = (folder.path().join("empty"), folder.path().join("out"));
    std::fs::create_dir(&empty).unwrap();
    let nowhere = folder.path().join("nowhere");
    failed(&idm(&[&"evaluate", &"--model", &nowhere, &"--data", &data]), &["nowhere"]);
    failed(&idm(&[&"evaluate", &"--model", &model, &"--data", &nowhere]), &["cannot read", "nowhere"]);
    failed(
        &idm(&[&"evaluate", &"--model", &model, &"--data", &empty]),
        &["no pictures (PNG, JPEG, WebP", "empty"],
    );
    failed(
        &idm(&[&"evaluate", &"--model", &model, &"--data", &data, &"--degraded", &empty]),
        &["no degraded picture for", "0.png", "empty"],
    );
    failed(&idm(&[&"degrade", &"--input", &empty, &"--output", &output]), &["no PNG or JPEG pictures"]);
    failed(&idm(&[&"degrade", &"--input", &nowhere, &"--output", &output]), &["cannot find", "nowhere"]);
    failed(&idm(&[&"degrade", &"--input", &data, &"--output", &data]), &["choose another"]);
    let wide =
        image::imageops::crop_imm(&picture::read(&data.join("0.png")).unwrap(), 0, 0, 64, 40).to_image();
    picture::write(&data.join("0.png"), &wide).unwrap();
    failed(&idm(&[&"evaluate", &"--model", &model, &"--data", &data]), &["0.png", "64×40", "square"]);
    failed(&restore(&model, &data, &output, &["--aligned"]), &["0.png", "64×40", "1 of 5"]);
}

#[cfg(not(feature = "detect"))]
#[test]
fn photos_need_the_feature_detect() {
    let folder = tempfile::tempdir().unwrap();
    let (model, output) = (untrained_model(folder.path(), true), folder.path().join("out"));
    let photo = test_data("biden.jpg");
    failed(&restore(&model, &photo, &output, &[]), &["feature `detect`", "--aligned"]);
    assert!(!output.exists());
}

#[cfg(feature = "detect")]
#[test]
fn photos_change_at_their_faces_only() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    std::fs::create_dir(&photos).unwrap();
    let portrait = picture::read(&test_data("astronaut.png")).unwrap();
    picture::write(&photos.join("portrait.png"), &portrait).unwrap();
    // The lower corner of the same picture: a suit, no face.
    let suit = image::imageops::crop_imm(&portrait, 0, 300, 200, 200).to_image();
    picture::write(&photos.join("suit.png"), &suit).unwrap();
    let restored = |model: &Path, name: &str| {
        let output = folder.path().join(name);
        let said = succeeded(&restore(&model, &photos, &output, &PHOTOS));
        assert!(said.contains("portrait.png: 1 face") && said.contains("suit.png: no face found"), "{said}");
        let read = |name: &str| picture::read(&output.join(name)).unwrap();
        (read("portrait.png"), read("suit.png"))
    };
    assert!(restored(&untrained_model(folder.path(), true), "same") == (portrait.clone(), suit.clone()));

    let (changed, unchanged) = restored(&untrained_model(folder.path(), false), "grey");
    assert!(unchanged == suit);
    // The astronaut's face lies about (225, 115), 90 pixels wide.
    let differs = |x, y| changed.get_pixel(x, y) != portrait.get_pixel(x, y);
    let face = (0..90 * 90).filter(|index| differs(180 + index % 90, 70 + index / 90)).count();
    assert!(face > 90 * 90 / 2, "{face} of the face's pixels changed");
    assert!((0..512).all(|x| (350..512).all(|y| !differs(x, y))), "the suit changed");
    assert!((400..512).all(|x| (0..512).all(|y| !differs(x, y))), "the background changed");

    let model = untrained_model(folder.path(), true);
    let output = folder.path().join("out");
    failed(&restore(&model, &photos, &output, &["--detector", "nowhere.onnx"]), &["nowhere.onnx"]);
}

/// Depth, transparency, format and what follows a JPEG's picture are kept; without a face all bytes are. What cannot be read is
/// named, and ends nothing.
#[cfg(feature = "detect")]
#[test]
fn photos_keep_what_their_files_hold() {
    use image::{ColorType, DynamicImage, ImageFormat};

    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = (folder.path().join("photos"), folder.path().join("out"));
    std::fs::create_dir(&photos).unwrap();
    let portrait = DynamicImage::ImageRgb8(picture::read(&test_data("astronaut.png")).unwrap());
    let mut deep = portrait.to_rgba16();
    deep.enumerate_pixels_mut().for_each(|(x, y, pixel)| pixel[3] = (x * 90 + y) as u16);
    deep.save(photos.join("deep.png")).unwrap();
    portrait.save(photos.join("raster.BMP")).unwrap();
    let film = b"ftypmp42: a film behind the picture, \xff\xda and all";
    let with_film = |name: &str, picture: &DynamicImage| {
        let path = photos.join(name);
        picture.save_with_format(&path, ImageFormat::Jpeg).unwrap();
        let bytes = [std::fs::read(&path).unwrap(), film.to_vec()].concat();
        std::fs::write(&path, bytes).unwrap();
    };
    with_film("motion.jfif", &portrait);
    // 250 bytes: longer than a temporary file's name can hold beside its own.
    let long = format!("{}.jpg", "suit ".repeat(50).split_at(246).0);
    with_film(&long, &portrait.crop_imm(0, 300, 200, 200));
    std::fs::write(photos.join("phone.HEIC"), b"\0\0\0\x10ftypheic\0\0\0\0").unwrap();

    let model = untrained_model(folder.path(), false);
    let restored = restore(&model, &photos, &output, &PHOTOS);
    failed(&restored, &["phone.HEIC", "it is HEIC", "convert it", "1 of 5 pictures could not be restored"]);

    assert_eq!(names(&output), ["deep.png", "motion.jfif", "raster.BMP.png", long.as_str()]);
    let bytes = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
    assert!(bytes(&output, &long) == bytes(&photos, &long), "a photo without a face is not copied");
    let restored = image::open(output.join("deep.png")).unwrap();
    assert_eq!(restored.color(), ColorType::Rgba16);
    let restored = restored.to_rgba16();
    assert!(restored.pixels().zip(deep.pixels()).all(|(a, b)| a[3] == b[3]), "transparency changed");
    assert!(restored.get_pixel(225, 115) != deep.get_pixel(225, 115), "the face is as it was");
    assert!(restored.get_pixel(40, 480) == deep.get_pixel(40, 480), "16 bits became 8");
    let motion = bytes(&output, "motion.jfif");
    assert!(
        motion.starts_with(&[0xff, 0xd8]) && motion.ends_with(film),
        "the film behind the picture is lost"
    );
    assert!(motion != bytes(&photos, "motion.jfif"), "the face is as it was");
    let raster = image::open(output.join("raster.BMP.png")).unwrap();
    assert_eq!((raster.width(), raster.height()), (512, 512));
}

/// A child's face before the cheek of a larger one, whose masks overlap.
#[cfg(feature = "detect")]
fn overlapping_faces() -> RgbImage {
    let portrait = picture::read(&test_data("astronaut.png")).unwrap();
    let head = |x, y, width, height| image::imageops::crop_imm(&portrait, x, y, width, height).to_image();
    let mut scene = RgbImage::from_pixel(512, 400, image::Rgb([150; 3]));
    let large = picture::resize_antialiased(&head(140, 30, 160, 160), 320, 320).unwrap();
    image::imageops::replace(&mut scene, &large, 60, 40);
    image::imageops::replace(&mut scene, &head(170, 55, 100, 120), 262, 190);
    scene
}

#[cfg(feature = "detect")]
#[test]
fn overlapping_faces_of_a_photo_are_weighed() {
    use face_detect::PasteOptions;
    use face_restore::{FramePixels, PhotoFinder, PhotoRestorer, RgbPicture, every_face};
    use restore_core::{DeviceChoice, DiffusionOptions, DiffusionRestorer, Precision};

    let folder = tempfile::tempdir().unwrap();
    let (photo, output) = (folder.path().join("two.png"), folder.path().join("out"));
    let scene = overlapping_faces();
    picture::write(&photo, &scene).unwrap();
    let model = untrained_model(folder.path(), false);
    let said = succeeded(&restore(&model, &photo, &output, &PHOTOS));
    assert!(said.contains("2 faces"), "{said}");
    let restored = picture::read(&output.join("two.png")).unwrap();

    // The sum of both faces' changes, each taken alone, is more than what the photo got where both are.
    let options = DiffusionOptions {
        device: DeviceChoice::Cpu,
        precision: Some(Precision::Fp32),
        ..DiffusionOptions::default()
    };
    let network = DiffusionRestorer::open(&model, &options).unwrap();
    let alone = |max_faces| {
        let detect = face_detect::DetectOptions { max_faces, ..every_face() };
        let finder = PhotoFinder::open(Path::new(PHOTOS[1]), detect).unwrap();
        let mut picture = RgbPicture::from_bytes(512, 400, scene.as_raw()).unwrap();
        PhotoRestorer::new(finder, &network, PasteOptions::default()).restore(&mut picture, 0).unwrap();
        assert_eq!(picture.size(), (512, 400));
        picture.bytes().unwrap().to_vec()
    };
    // The larger face has precedence: where it was restored in full, the smaller one changes nothing.
    let (large, both) = (alone(1), alone(2));
    assert!(both == *restored.as_raw(), "idm restores as face-restore does");
    let at = |x: usize, y: usize| 3 * (512 * y + x);
    let core = (160..230).flat_map(|y| (180..260).map(move |x| (x, y)));
    let unlike = core.filter(|&(x, y)| large[at(x, y)..][..3] != both[at(x, y)..][..3]).count();
    assert!(unlike < 80, "{unlike} of 5600 pixels in the middle of the larger face");
    let child = (230..280).flat_map(|y| (290..335).map(move |x| (x, y)));
    let own = child.filter(|&(x, y)| large[at(x, y)..][..3] != both[at(x, y)..][..3]).count();
    assert!(own > 1000, "{own} pixels of the smaller face");
}
