// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm enhance` as a user runs it: the copy can take the data set's place; shards, kills and full disks change nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use image::{DynamicImage, ImageFormat, ImageReader, RgbImage};
use restore_core::Checkpoint;
use training::picture;

use crate::common::several::{animated_webp, apng};
use crate::common::{
    faces, failed, idm, idm_command, idm_on_small_disk, kill_9_when, names, succeeded, test_data,
    untrained_model,
};

/// A model whose answer depends on all that it sees: the untrained one, whose last layer is zero, a little off.
fn busy_model(folder: &Path) -> PathBuf {
    let untrained = untrained_model(folder, true);
    let mut model = Checkpoint::open(&untrained).unwrap();
    for weight in model.weights.values_mut() {
        let count = weight.numel() as i64;
        let waves = tch::Tensor::arange(count, (tch::Kind::Float, tch::Device::Cpu)).sin() * 0.05;
        *weight = weight.totype(tch::Kind::Float) + waves.view_(weight.size());
    }
    let file = folder.join("busy.safetensors");
    model.save(&file, tch::Kind::Float).unwrap();
    file
}

#[expect(clippy::ptr_arg, reason = "a trait object needs a sized type")]
fn enhance_args<'a>(
    model: &'a PathBuf,
    input: &'a PathBuf,
    output: &'a PathBuf,
    more: &'a [&'a str],
) -> Vec<&'a dyn AsRef<OsStr>> {
    let mut args: Vec<&dyn AsRef<OsStr>> = vec![
        &"enhance",
        &"--model",
        model,
        &"--input",
        input,
        &"--output",
        output,
        &"--device",
        &"cpu",
        &"--precision",
        &"fp32",
    ];
    args.extend(more.iter().map(|arg| arg as &dyn AsRef<OsStr>));
    args
}

/// The bytes of every file anywhere below `folder` by relative path, hidden ones too.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            let inner = tree(&path).into_iter().map(|(file, bytes)| (Path::new(&name).join(file), bytes));
            files.extend(inner);
        } else {
            files.insert(name.into(), std::fs::read(path).unwrap());
        }
    }
    files
}

fn opened(path: &Path) -> DynamicImage {
    ImageReader::open(path).unwrap().with_guessed_format().unwrap().decode().unwrap()
}

fn cut(x: u32, y: u32, width: u32, height: u32) -> DynamicImage {
    opened(&test_data("astronaut.png")).crop_imm(x, y, width, height)
}

/// `count` small faces in two folders.
fn small_faces(folder: &Path, count: u32) -> PathBuf {
    let input = folder.join("data");
    for index in 0..count {
        let sub = input.join(if index % 2 == 0 { "even" } else { "odd" });
        std::fs::create_dir_all(&sub).unwrap();
        cut(100 + 3 * index, 10 + index, 40 + index, 40 + index)
            .save(sub.join(format!("{index:02}.png")))
            .unwrap();
    }
    input
}

/// The network is the identity, so what comes out must be what went in, whatever its format, size and name.
#[test]
fn the_copy_keeps_tree_names_sizes_and_formats() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained_model(folder.path(), true);
    let (input, output) = (folder.path().join("a data set"), folder.path().join("copy"));
    let deep = input.join("n01 café.v2/deep");
    std::fs::create_dir_all(&deep).unwrap();
    let face = cut(170, 50, 96, 96);
    face.save(deep.join("ünïcode name.x.png")).unwrap();
    face.save(deep.join("photo.JPG")).unwrap();
    DynamicImage::ImageLuma8(face.to_luma8()).save(deep.join("grey.png")).unwrap();
    DynamicImage::ImageLuma8(face.to_luma8()).save(deep.join("grey.jpeg")).unwrap();
    DynamicImage::ImageLumaA16(face.to_luma_alpha16()).save(input.join("both.png")).unwrap();
    face.save(input.join("both.jpg")).unwrap();
    face.save_with_format(input.join("a png.jpg"), ImageFormat::Png).unwrap();
    std::fs::write(input.join("labels.csv"), "both.png,1\n").unwrap();
    std::fs::write(deep.join("README"), "faces").unwrap();
    std::fs::write(input.join(".hidden"), "not copied").unwrap();

    let said = succeeded(&idm(&enhance_args(&model, &input, &output, &[])));
    assert!(said.contains("7 pictures enhanced") && said.contains("1 .csv, 1 without ending"), "{said}");
    let (before, mut after) = (tree(&input), tree(&output));
    assert!(after.remove(Path::new("enhance.json")).is_some());
    let visible = || before.iter().filter(|(file, _)| *file != Path::new(".hidden"));
    assert!(visible().map(|(file, _)| file).eq(after.keys()), "{:?}", after.keys());
    for (file, bytes) in visible() {
        if !file.extension().is_some_and(|ending| {
            picture::EXTENSIONS.contains(&ending.to_str().unwrap().to_lowercase().as_str())
        }) {
            assert_eq!(bytes, &after[file], "{file:?}");
            continue;
        }
        let (original, copy) = (opened(&input.join(file)), opened(&output.join(file)));
        assert_eq!((original.color(), original.width()), (copy.color(), copy.width()), "{file:?}");
        assert_eq!(
            image::guess_format(bytes).unwrap(),
            image::guess_format(&after[file]).unwrap(),
            "{file:?}"
        );
        let lossy = image::guess_format(bytes).unwrap() == ImageFormat::Jpeg;
        let (original, copy) = (original.to_rgb8(), copy.to_rgb8());
        let mean: f64 = original.iter().zip(copy.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>()
            / original.len() as f64;
        assert!(if lossy { mean < 2.0 } else { mean == 0.0 }, "{file:?} changed by {mean}");
    }
}

/// Pictures that are no faces: tiles of the identity give the identity; those of a network that answers mid-grey grey.
#[test]
fn pictures_of_any_size_are_seen_in_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, grey) = (untrained_model(folder.path(), true), untrained_model(folder.path(), false));
    let input = folder.path().join("pictures");
    std::fs::create_dir(&input).unwrap();
    for (width, height) in [(201, 67), (13, 90), (64, 64), (1, 1)] {
        cut(100, 10, width, height).save(input.join(format!("{width}x{height}.png"))).unwrap();
    }
    let (same, changed) = (folder.path().join("same"), folder.path().join("changed"));
    succeeded(&idm(&enhance_args(&identity, &input, &same, &["--pictures", "--steps", "2"])));
    succeeded(&idm(&enhance_args(&grey, &input, &changed, &["--pictures", "--steps", "1"])));
    for file in picture::list(&input).unwrap() {
        let name = file.file_name().unwrap();
        let original = picture::read(&file).unwrap();
        assert!(picture::read(&same.join(name)).unwrap() == original, "{name:?}");
        let changed: RgbImage = picture::read(&changed.join(name)).unwrap();
        assert_eq!(changed.dimensions(), original.dimensions());
        // A single pixel of hardly any colour keeps the little that it has.
        let grey = if name == "1x1.png" { 120..=135 } else { 127..=128 };
        assert!(changed.iter().all(|value| grey.contains(value)), "{name:?}: {:?}", changed.get_pixel(0, 0));
    }
    let refused = idm(&enhance_args(&identity, &input, &folder.path().join("faces"), &[]));
    failed(&refused, &["13x90.png", "not square", "--pictures", "2 of 4 pictures could not be enhanced"]);
}

/// Three jobs of an array at the same time, one of them killed and started again, make the bytes that one run makes.
#[test]
fn shards_together_make_what_one_run_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (busy_model(folder.path()), small_faces(folder.path(), 30));
    for index in 0..5 {
        std::fs::write(input.join(format!("{index}.txt")), format!("label {index}")).unwrap();
    }
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    succeeded(&idm(&enhance_args(&model, &input, &whole, &["--steps", "3"])));
    // 30 faces in batches of 8: the first job has two batches.
    let first = enhance_args(&model, &input, &parts, &["--steps", "3", "--shard", "1/3"]);
    let begun = || parts.is_dir() && !picture::list_tree(&parts).unwrap().is_empty();
    kill_9_when(&first, begun);
    // What a sibling is writing at this moment is not the first job's to clear away, its own is. Batch 2 is the second
    // job's: even/08 to even/22.
    std::fs::create_dir_all(parts.join("even")).unwrap();
    let left = [parts.join("even/.00.pngAbCdEf.part"), parts.join("even/.16.pngAbCdEf.part")];
    left.iter().for_each(|file| std::fs::write(file, b"half").unwrap());
    succeeded(&idm(&first));
    assert!(!left[0].exists() && left[1].exists());

    let others = ["2/3", "3/3"].map(|shard| ["--steps", "3", "--shard", shard]);
    let start = |more: &[&str]| -> Child {
        idm_command(&enhance_args(&model, &input, &parts, more)).stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<Child> = others.iter().map(|more| start(more)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(tree(&whole) == tree(&parts), "{:?}", tree(&parts).keys());
    let changed = picture::list_tree(&input).unwrap().into_iter().filter(|file| {
        picture::read(&input.join(file)).unwrap() != picture::read(&whole.join(file)).unwrap()
    });
    assert_eq!(changed.count(), 30, "the model changes every picture");
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (busy_model(folder.path()), small_faces(folder.path(), 30));
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    succeeded(&idm(&enhance_args(&model, &input, &whole, &["--steps", "3"])));
    let args = enhance_args(&model, &input, &killed, &["--steps", "3"]);
    let done = || if killed.is_dir() { picture::list_tree(&killed).unwrap().len() } else { 0 };
    for least in [1, 12] {
        kill_9_when(&args, || done() >= least);
    }
    // Whatever the moment: a batch of which the kill left a part.
    for name in ["even/02.png", "odd/29.png"] {
        let _ = std::fs::remove_file(killed.join(name));
    }
    succeeded(&idm(&args));
    assert!(tree(&whole) == tree(&killed));
    assert!(succeeded(&idm(&args)).contains("0 pictures enhanced"));
}

#[test]
fn a_full_disk_leaves_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let model = busy_model(folder.path());
    let input = faces(folder.path());
    let output = folder.path().join("disk");
    std::fs::create_dir(&output).unwrap();
    let args = enhance_args(&model, &input, &output, &["--steps", "1"]);
    let full = idm_on_small_disk(&output, 48, &args);
    failed(&full, &["cannot write", "No space left on device"]);
    for name in names(&output).iter().filter(|name| name.ends_with(".png")) {
        picture::read(&output.join(name)).unwrap();
    }
    assert!(names(&output).iter().all(|name| !name.ends_with(".part")));
    succeeded(&idm(&args));
    assert_eq!(picture::list(&output).unwrap().len(), 5);
}

#[test]
fn broken_pictures_are_skipped_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (untrained_model(folder.path(), true), faces(folder.path()));
    let whole = std::fs::read(input.join("1.png")).unwrap();
    std::fs::write(input.join("1.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(input.join("empty.jpg"), b"").unwrap();
    let output = folder.path().join("copy");
    let args = enhance_args(&model, &input, &output, &["--steps", "1"]);
    failed(&idm(&args), &["1.png", "empty.jpg", "not a readable picture", "2 of 6 pictures could not be"]);
    assert_eq!(names(&output), ["0.png", "2.png", "3.png", "4.png", "enhance.json"]);
    std::fs::write(input.join("1.png"), &whole).unwrap();
    std::fs::remove_file(input.join("empty.jpg")).unwrap();
    assert!(succeeded(&idm(&args)).contains("1 picture enhanced into"));
}

/// What cannot be enhanced is in the copy as it is, since the copy takes the data set's place, and is named each time.
#[test]
fn pictures_that_cannot_be_enhanced_are_copied_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (untrained_model(folder.path(), true), folder.path().join("data"));
    std::fs::create_dir(&input).unwrap();
    let output = folder.path().join("copy");
    let left: [(&str, Vec<u8>, &str); 3] = [
        ("phone.heic", b"\0\0\0\x10ftypheic\0\0\0\0".to_vec(), "phone.heic cannot be read: it is HEIC"),
        ("turning.png", apng(), "it is an animation"),
        ("turning.webp", animated_webp(), "it is an animation"),
    ];
    for (name, bytes, _) in &left {
        std::fs::write(input.join(name), bytes).unwrap();
    }
    cut(170, 50, 64, 64).save(input.join("raster.bmp")).unwrap();
    cut(170, 60, 64, 64).save(input.join("raster.bmp.png")).unwrap();
    let args = enhance_args(&model, &input, &output, &["--steps", "1"]);
    for said in ["2 pictures enhanced", "0 pictures enhanced"] {
        let enhanced = idm(&args);
        failed(&enhanced, &["3 of 5 pictures could not be enhanced"]);
        failed(&enhanced, &left.clone().map(|(_, _, reason)| reason));
        assert!(crate::common::text(&enhanced.stdout).contains(said));
    }
    let expected =
        ["enhance.json", "phone.heic", "raster.bmp.png", "raster.bmp.png.png", "turning.png", "turning.webp"];
    assert_eq!(names(&output), expected);
    for (name, bytes, _) in &left {
        assert_eq!(&std::fs::read(output.join(name)).unwrap(), bytes, "{name}");
    }
    for (original, copy) in [("raster.bmp.png", "raster.bmp.png"), ("raster.bmp", "raster.bmp.png.png")] {
        assert!(opened(&output.join(copy)) == opened(&input.join(original)), "{original}");
    }
}

#[test]
fn wrong_arguments_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (model, input) = (untrained_model(folder.path(), true), faces(folder.path()));
    let output = folder.path().join("copy");
    for shard in ["0/4", "5/4", "1/0", "1", "a/b", "-1/2", "+1/2", "1/2/3", "1.5/2", "", "/"] {
        let refused = idm(&enhance_args(&model, &input, &output, &[&format!("--shard={shard}")]));
        let message = crate::common::text(&refused.stderr);
        assert!(
            refused.status.code() == Some(2) && message.contains("1/8 for the first"),
            "{shard}: {message}"
        );
    }
    assert!(!output.exists());
    succeeded(&idm(&enhance_args(&model, &input, &output, &["--steps", "1", "--shard", "7/9"])));
    let other = busy_model(folder.path());
    let args = enhance_args(&other, &input, &output, &["--steps", "1"]);
    failed(&idm(&args), &["enhance.json", "another --output"]);
    let args = enhance_args(&model, &input, &output, &["--steps", "2"]);
    failed(&idm(&args), &["enhance.json", "--steps 1", "--steps 2"]);
    for output in [input.clone(), input.join("new/copy")] {
        failed(&idm(&enhance_args(&model, &input, &output, &[])), &["lies in", "choose another one"]);
    }
    failed(&idm(&enhance_args(&model, &input.join("0.png"), &output, &[])), &["is no folder"]);
    failed(
        &idm(&enhance_args(&model, &folder.path().join("copy"), &folder.path().join("b"), &[])),
        &["no PNG or JPEG"],
    );
}

/// `idm restore` and `idm degrade` take trees, too. Results of two pictures of one name up to the ending have names of their own.
#[test]
fn restore_and_degrade_keep_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained_model(folder.path(), true);
    let input = folder.path().join("data");
    std::fs::create_dir_all(input.join("a b/c.d")).unwrap();
    let face = cut(170, 50, 64, 64);
    face.save(input.join("a b/c.d/x.y.jpg")).unwrap();
    face.save(input.join("top.png")).unwrap();
    for command in ["restore", "degrade"] {
        let output = folder.path().join(command);
        let mut args: Vec<&dyn AsRef<OsStr>> = vec![&command, &"--input", &input, &"--output", &output];
        if command == "restore" {
            args.extend([&"--model" as &dyn AsRef<OsStr>, &model, &"--aligned", &"--device", &"cpu"]);
        }
        succeeded(&idm(&args));
        let found = picture::list_tree(&output).unwrap();
        assert_eq!(found, [PathBuf::from("a b/c.d/x.y.png"), PathBuf::from("top.png")]);
        face.save(input.join("a b/c.d/x.y.png")).unwrap();
        succeeded(&idm(&args));
        let names = ["a b/c.d/x.y.jpg.png", "a b/c.d/x.y.png", "a b/c.d/x.y.png.png", "top.png"];
        assert_eq!(picture::list_tree(&output).unwrap(), names.map(PathBuf::from));
        assert!(succeeded(&idm(&args)).contains("3 pictures there before"));
        std::fs::remove_file(input.join("a b/c.d/x.y.png")).unwrap();
    }
}
