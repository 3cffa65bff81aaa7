// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm prepare` on photos made of the portraits in tests/data: what it keeps and refuses, its manifest, and that neither
//! threads nor `kill -9` nor a full disk change the result.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Output;

use face_detect::{DetectOptions, Face, FaceDetector, template};
use image::imageops::{crop_imm, flip_horizontal, overlay};
use image::{Rgb, RgbImage};
use opencv::core::Mat;
use opencv::imgproc;
use serde_json::Value;
use training::data::blur::Kernel;
use training::picture;

use crate::common::{failed, idm, idm_on_small_disk, kill_9_when, names, repository, succeeded, test_data};

/// Side of the faces.
const SIZE: u32 = 128;

fn detector() -> PathBuf {
    repository().join("models/face_detection_yunet_2023mar.onnx")
}

fn resized(picture: &RgbImage, scale: f64) -> RgbImage {
    let side = |length: u32| (f64::from(length) * scale).round() as u32;
    picture::resize_antialiased(picture, side(picture.width()), side(picture.height())).unwrap()
}

/// A tree of photos, each for one thing that can become of it.
fn photos(folder: &Path) -> PathBuf {
    let photos = folder.join("photos");
    std::fs::create_dir_all(photos.join("deep/er")).unwrap();
    let write = |name: &str, picture: &RgbImage| picture::write(&photos.join(name), picture).unwrap();
    let astronaut = picture::read(&test_data("astronaut.png")).unwrap();
    let portrait = picture::read(&test_data("biden.jpg")).unwrap();
    let head = resized(&crop_imm(&portrait, 150, 100, 760, 760).to_image(), 0.5);
    write("astronaut.png", &astronaut);
    // Smaller copies of it: one comes before it, one after.
    write("a-smaller.png", &resized(&astronaut, 0.8));
    write("deep/smaller.jpg", &resized(&astronaut, 0.9));
    write("deep/portrait.png", &head);
    let blurred = Kernel::isotropic(4.0, 25).apply(&picture::to_f32(&head));
    write("blurred.png", &picture::to_rgb8(&blurred));
    write("tiny.png", &resized(&head, 0.22));
    write("suit.png", &crop_imm(&astronaut, 0, 300, 200, 200).to_image());
    // Two faces, of a photo that has no copy.
    let mut group = RgbImage::from_pixel(800, 520, Rgb([90, 100, 110]));
    overlay(&mut group, &flip_horizontal(&head), 0, 70);
    overlay(
        &mut group,
        &resized(&flip_horizontal(&crop_imm(&astronaut, 120, 0, 220, 220).to_image()), 1.5),
        420,
        60,
    );
    write("deep/er/group.png", &group);
    let whole = std::fs::read(test_data("astronaut.png")).unwrap();
    std::fs::write(photos.join("broken.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(photos.join("notes.txt"), b"no photo").unwrap();
    photos
}

fn arguments(photos: &Path, output: &Path, more: &[&str]) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["prepare", "--size", "128", "--input"].map(OsString::from).into();
    args.extend([photos.into(), "--output".into(), output.into(), "--detector".into(), detector().into()]);
    args.extend(more.iter().map(OsString::from));
    args
}

/// Passes owned arguments to a function that runs `idm`.
fn run<T>(args: &[OsString], program: impl FnOnce(&[&dyn AsRef<OsStr>]) -> T) -> T {
    program(&args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect::<Vec<_>>())
}

fn prepare(photos: &Path, output: &Path, more: &[&str]) -> Output {
    run(&arguments(photos, output, more), idm)
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below a folder with its content, hidden ones too.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            files.extend(
                contents(&path).into_iter().map(|(file, bytes)| (Path::new(&name).join(file), bytes)),
            );
        } else {
            files.insert(PathBuf::from(&name), std::fs::read(&path).unwrap());
        }
    }
    files
}

fn detect(picture: &RgbImage) -> Vec<Face> {
    let rgb = Mat::new_rows_cols_with_bytes::<opencv::core::Vec3b>(
        picture.height() as i32,
        picture.width() as i32,
        picture.as_raw(),
    );
    let mut bgr = Mat::default();
    imgproc::cvt_color_def(&rgb.unwrap(), &mut bgr, imgproc::COLOR_RGB2BGR).unwrap();
    let options = DetectOptions { min_face_size: 32, ..Default::default() };
    FaceDetector::open(&detector()).unwrap().detect(&bgr, &options).unwrap()
}

#[test]
fn good_faces_are_kept_and_every_refusal_has_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = (photos(folder.path()), folder.path().join("faces"));
    let prepared = prepare(&photos, &output, &["--threads", "3"]);
    let said = succeeded(&prepared);
    let complaint = String::from_utf8_lossy(&prepared.stderr).into_owned();
    assert!(said.contains("9 photos, 8 faces: 4 kept, 4 refused"), "{said}");
    for (count, reason) in
        [(1, "not readable"), (1, "no face"), (1, "too few pixels"), (1, "not sharp"), (2, "near-duplicate")]
    {
        let line =
            said.lines().find(|line| line.contains(reason)).unwrap_or_else(|| panic!("{reason}: {said}"));
        assert!(line.trim_start().starts_with(&format!("{count} ")), "{line}");
    }
    assert!(complaint.contains("broken.png") && complaint.matches("skipped").count() == 1, "{complaint}");

    let kept = [
        "astronaut.png-0.png",
        "deep/er/group.png-0.png",
        "deep/er/group.png-1.png",
        "deep/portrait.png-0.png",
    ];
    assert_eq!(picture::list_tree(&output).unwrap(), kept.map(PathBuf::from));
    let manifest = lines(&output.join("manifest.jsonl"));
    assert_eq!(manifest.iter().map(|face| face["file"].as_str().unwrap()).collect::<Vec<_>>(), kept);
    let refused: Vec<String> = lines(&output.join("refused.jsonl"))
        .iter()
        .map(|line| {
            let of = line["face"]["duplicate_of"].as_str().unwrap_or("");
            format!("{} {} {of}", line["source"].as_str().unwrap(), line["reason"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "a-smaller.png near-duplicate astronaut.png-0.png",
        "blurred.png sharpness ",
        "broken.png broken ",
        "deep/smaller.jpg near-duplicate astronaut.png-0.png",
        "suit.png no-face ",
        "tiny.png resolution ",
    ];
    assert_eq!(refused, expected);
}

/// Photos that cannot be read, by their names or by their contents, are named with the reason and counted.
#[test]
fn photos_of_other_formats_are_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = (folder.path().join("photos"), folder.path().join("faces"));
    std::fs::create_dir(&photos).unwrap();
    let heic = b"\0\0\0\x10ftypheic\0\0\0\0";
    for name in ["phone.HEIC", "sent.jpg"] {
        std::fs::write(photos.join(name), heic).unwrap();
    }
    failed(&prepare(&photos.join("none"), &output, &[]), &["none"]);
    std::fs::copy(test_data("astronaut.png"), photos.join("astronaut")).unwrap();
    let prepared = prepare(&photos, &output, &[]);
    let said = succeeded(&prepared);
    assert!(said.contains("3 photos, 1 faces: 1 kept") && said.contains("2  photo not readable"), "{said}");
    let complaint = String::from_utf8_lossy(&prepared.stderr).into_owned();
    assert!(complaint.contains("phone.HEIC cannot be read: it is HEIC; convert it"), "{complaint}");
    assert!(complaint.contains("sent.jpg is not a readable picture: it is HEIC"), "{complaint}");
    let refused = lines(&output.join("refused.jsonl"));
    assert_eq!(
        refused.iter().map(|line| line["source"].as_str().unwrap()).collect::<Vec<_>>(),
        ["phone.HEIC", "sent.jpg"]
    );
    std::fs::remove_file(photos.join("astronaut")).unwrap();
    std::fs::remove_file(photos.join("sent.jpg")).unwrap();
    failed(&prepare(&photos, &output, &[]), &["no PNG or JPEG pictures", "1 of other formats", "phone.HEIC"]);
}

/// The landmarks that a detector finds in the photo are carried onto the template, those that it finds in the written
/// face lie there, and the face's pixels are the photo's at the places that the transform names.
#[test]
fn the_manifest_says_where_a_face_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = (photos(folder.path()), folder.path().join("faces"));
    succeeded(&prepare(&photos, &output, &["--format", "jpg"]));
    let manifest = lines(&output.join("manifest.jsonl"));
    assert_eq!(manifest.len(), 4);
    for line in &manifest {
        let photo = picture::read(&photos.join(line["source"].as_str().unwrap())).unwrap();
        let face = picture::read(&output.join(line["file"].as_str().unwrap())).unwrap();
        assert_eq!(face.dimensions(), (SIZE, SIZE));
        let number = |row: usize, column: usize| line["transform"][row][column].as_f64().unwrap();
        let carried =
            |x: f64, y: f64| [0, 1].map(|row| number(row, 0) * x + number(row, 1) * y + number(row, 2));
        let scale = number(0, 0).hypot(number(1, 0));
        assert!((line["native_scale"].as_f64().unwrap() * scale - 1.0).abs() < 1e-9);

        let misfits = detect(&photo)
            .iter()
            .map(|face| {
                let squares = face.landmarks.iter().zip(template(SIZE)).map(|(point, wanted)| {
                    let [x, y] = carried(f64::from(point.x), f64::from(point.y));
                    (x - f64::from(wanted.x)).powi(2) + (y - f64::from(wanted.y)).powi(2)
                });
                (squares.sum::<f64>() / 5.0).sqrt() / f64::from(SIZE)
            })
            .collect::<Vec<_>>();
        let misfit = line["misfit"].as_f64().unwrap();
        assert!(misfit < 0.04 && misfits.iter().any(|found| (found - misfit).abs() < 1e-6), "{misfits:?}");
        let found = &detect(&face)[0];
        for (point, wanted) in found.landmarks.iter().zip(template(SIZE)) {
            let off = f64::from(point.x - wanted.x).hypot(f64::from(point.y - wanted.y));
            assert!(off < 0.06 * f64::from(SIZE), "{point:?} is {off} pixels away from {wanted:?}");
        }

        // Smooth places of the photo, at the nearest pixel: brightness of a face varies little over half a pixel.
        let (mut error, mut count) = (0.0, 0.0);
        for (x, y) in (0..photo.width()).flat_map(|x| (0..photo.height()).map(move |y| (x, y))) {
            let [to_x, to_y] = carried(f64::from(x), f64::from(y));
            if (32.0..96.0).contains(&to_x) && (32.0..96.0).contains(&to_y) {
                let there = face.get_pixel(to_x.round() as u32, to_y.round() as u32);
                let pixel = photo.get_pixel(x, y);
                error += f64::from(pixel[1].abs_diff(there[1]));
                count += 1.0;
            }
        }
        assert!(count > 1000.0 && error / count < 8.0, "{}: off by {}", line["file"], error / count);
    }
}

#[test]
fn a_killed_run_goes_on_to_what_an_undisturbed_one_makes() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    succeeded(&prepare(&photos, &whole, &["--threads", "1"]));
    let args = arguments(&photos, &parts, &["--threads", "2"]);
    // Killed with the first face there and at each photo after it.
    let mut killed = 0;
    for lines in 0..9 {
        let journal = parts.join(".prepare.jsonl");
        let reached = || {
            std::fs::read(&journal)
                .is_ok_and(|text| text.iter().filter(|&&byte| byte == b'\n').count() > lines)
        };
        killed += usize::from(run(&args, |args| kill_9_when(args, reached)));
    }
    assert!(killed > 2, "only {killed} runs were killed");
    // As if a last line had been cut off, its photo's face half written, and a replaced one not removed yet.
    succeeded(&run(&args, idm));
    let journal = std::fs::read_to_string(parts.join(".prepare.jsonl")).unwrap();
    let line = journal.find("{\"photo\":\"deep/portrait.png\"").unwrap();
    std::fs::write(parts.join(".prepare.jsonl"), &journal[..line + 40]).unwrap();
    std::fs::write(parts.join("deep/.portrait.png-0.pngXyZ.part"), b"half").unwrap();
    std::fs::write(parts.join("a-smaller.png-0.png"), b"replaced").unwrap();
    succeeded(&run(&args, idm));
    assert!(contents(&parts) == contents(&whole), "{:?}", contents(&parts).keys());
    let again = succeeded(&run(&args, idm));
    assert!(again.contains("(8 done before)"), "{again}");
    assert!(contents(&parts) == contents(&whole));

    // Repaired and added photos are taken in: an equal copy is none too many, a larger one takes the place.
    std::fs::copy(test_data("astronaut.png"), photos.join("broken.png")).unwrap();
    let larger = resized(&picture::read(&test_data("astronaut.png")).unwrap(), 1.2);
    picture::write(&photos.join("larger.png"), &larger).unwrap();
    let repaired = succeeded(&run(&args, idm));
    assert!(
        repaired.contains("10 photos (8 done before)") && !repaired.contains("not readable"),
        "{repaired}"
    );
    let portraits =
        ["broken.png-0.png", "astronaut.png-0.png", "larger.png-0.png"].map(|face| parts.join(face).exists());
    assert_eq!(portraits, [false, false, true]);
    failed(&prepare(&photos, &parts, &["--min-score", "0.7"]), &["other settings", "0.8"]);
}

#[test]
fn a_full_disk_is_named_and_can_be_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let photos = photos(folder.path());
    let (whole, small) = (folder.path().join("whole"), folder.path().join("small"));
    succeeded(&prepare(&photos, &whole, &[]));
    std::fs::create_dir(&small).unwrap();
    let args = arguments(&photos, &small, &[]);
    failed(&run(&args, |args| idm_on_small_disk(&small, 64, args)), &["cannot", "small", "No space left"]);
    let left: Vec<String> = contents(&small).into_keys().map(|file| file.display().to_string()).collect();
    assert!(left.iter().all(|file| !file.ends_with(".part")), "{left:?}");
    succeeded(&run(&args, idm));
    assert!(contents(&small) == contents(&whole));
}

#[test]
fn wrong_arguments_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (photos, output) = (photos(folder.path()), folder.path().join("out"));
    failed(&prepare(&photos, &photos.join("faces"), &[]), &["--output", "choose another"]);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    failed(&prepare(&empty, &output, &[]), &["no PNG or JPEG pictures", "empty"]);
    let nowhere = folder.path().join("nowhere.onnx");
    let detector: [&dyn AsRef<OsStr>; 2] = [&"--detector", &nowhere];
    let prepare_with = [&"prepare" as &dyn AsRef<OsStr>, &"--input", &photos, &"--output", &output];
    failed(&idm(&[&prepare_with[..], &detector].concat()), &["nowhere.onnx"]);
    std::fs::write(output.join(".prepare.jsonl"), b"{\"other\": 1}\n").unwrap();
    failed(&prepare(&photos, &output, &[]), &[".prepare.jsonl, line 1", "choose another --output"]);
}
