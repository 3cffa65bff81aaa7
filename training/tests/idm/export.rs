// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm export` as a user runs it; what it writes is read by the rules that the loaders of StyleGAN2-ADA and BigGAN-PyTorch have.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use serde_json::Value;
use training::picture;
use zip::{CompressionMethod, ZipArchive};

use crate::common::{faces, faces_of_sizes, failed, idm, idm_on_small_disk, names, succeeded};

/// An archive as `ImageFolderDataset` sees it: its pictures in the order of their names, and their labels.
struct Archive {
    pictures: Vec<(String, RgbImage)>,
    labels: Option<Vec<u64>>,
}

/// Every entry is stored; every entry but `dataset.json` is a PNG file whose pixels are not compressed, and its labels name each.
fn read(path: &Path) -> Archive {
    let mut archive = ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        assert_eq!(entry.compression(), CompressionMethod::Stored);
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        entries.insert(name, bytes);
    }
    let metadata: Value = serde_json::from_slice(&entries.remove("dataset.json").unwrap()).unwrap();
    let pictures: Vec<(String, RgbImage)> = entries
        .into_iter()
        .map(|(name, bytes)| {
            assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::Png);
            let picture = image::load_from_memory(&bytes).unwrap();
            assert_eq!(picture.color(), image::ColorType::Rgb8);
            let pixels = (picture.width() * picture.height() * 3) as usize;
            assert!(
                bytes.len() > pixels && bytes.len() < pixels + pixels / 20 + 200,
                "{} bytes",
                bytes.len()
            );
            (name, picture.into_rgb8())
        })
        .collect();
    let labels = metadata["labels"].as_array().map(|labels| {
        let label = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), pair[1].as_u64().unwrap());
        let labels: HashMap<String, u64> = labels.iter().map(label).collect();
        assert_eq!(labels.len(), pictures.len());
        pictures.iter().map(|(name, _)| labels[name]).collect()
    });
    assert!(labels.is_some() || metadata["labels"].is_null());
    for (index, (name, _)) in pictures.iter().enumerate() {
        assert_eq!(*name, format!("00000/img{index:08}.png"));
    }
    Archive { pictures, labels }
}

/// Five faces, two in the folder `b` and three in `a`.
fn in_classes(folder: &Path) -> PathBuf {
    let faces = faces_of_sizes(folder, [64, 130, 64, 96, 64]);
    for (file, class) in [("0", "b"), ("1", "a"), ("2", "a"), ("3", "b"), ("4", "a")] {
        std::fs::create_dir_all(faces.join(class)).unwrap();
        let name = format!("{file}.png");
        std::fs::rename(faces.join(&name), faces.join(class).join(&name)).unwrap();
    }
    faces
}

#[test]
fn stylegan2_reads_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let data = in_classes(folder.path());
    let (first, second) = (folder.path().join("first.zip"), folder.path().join("second.zip"));
    let export = |output: &PathBuf, more: &[&str]| {
        let mut args: Vec<&dyn AsRef<OsStr>> = vec![&"export", &"--for", &"stylegan2", &data, output];
        args.extend(more.iter().map(|arg| arg as &dyn AsRef<OsStr>));
        idm(&args)
    };
    let said = succeeded(&export(&first, &["--size", "32", "--classes"]));
    assert!(said.contains("5 pictures of 32×32") && said.contains("0 a, 1 b"), "{said}");
    let archive = read(&first);
    assert_eq!(archive.labels, Some(vec![0, 0, 0, 1, 1]));
    let files = ["a/1.png", "a/2.png", "a/4.png", "b/0.png", "b/3.png"];
    assert_eq!(archive.pictures.len(), files.len());
    for ((_, exported), file) in archive.pictures.iter().zip(files) {
        let face = picture::read(&data.join(file)).unwrap();
        assert!(*exported == picture::resize_antialiased(&face, 32, 32).unwrap(), "{file}");
    }
    succeeded(&export(&second, &["--size", "32", "--classes"]));
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap(), "the same bytes");
    succeeded(&export(&second, &["--size", "32"]));
    assert_eq!(read(&second).labels, None);
    failed(&export(&second, &["--size", "48"]), &["48×48", "powers of two", "--size"]);
    failed(&export(&folder.path().join("archive"), &["--size", "32"]), &["archive", ".zip"]);
    // As they are: the first one, a/1.png, has 130 pixels.
    failed(&export(&second, &[]), &["130×130", "powers of two"]);
}

#[test]
fn pictures_that_do_not_fit_are_left_out_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let whole = std::fs::read(data.join("2.png")).unwrap();
    std::fs::write(data.join("2.png"), &whole[..whole.len() / 2]).unwrap();
    let output = folder.path().join("data.zip");
    let export = |more: &[&str]| {
        let mut args: Vec<&dyn AsRef<OsStr>> = vec![&"export", &"--for", &"stylegan2", &data, &output];
        args.extend(more.iter().map(|arg| arg as &dyn AsRef<OsStr>));
        idm(&args)
    };
    failed(
        &export(&[]),
        &[
            "1.png: 130×130",
            "2.png is not a readable",
            "3.png: 96×96",
            "3 of 5 pictures could not be exported",
        ],
    );
    assert_eq!(read(&output).pictures.len(), 2);
    failed(&export(&["--size", "64"]), &["2.png", "1 of 5 pictures could not be exported"]);
    assert_eq!(read(&output).pictures.len(), 4);
    let before = std::fs::read(&output).unwrap();
    failed(&export(&["--size", "64", "--classes"]), &["none of the 5 pictures", "no folder of a class"]);
    assert!(std::fs::read(&output).unwrap() == before, "what was there stays");
    assert_eq!(names(folder.path()), ["data.zip", "faces"]);
}

#[test]
fn a_full_disk_leaves_no_half_archive() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let output = disk.join("data.zip");
    let args: [&dyn AsRef<OsStr>; 7] = [&"export", &"--for", &"stylegan2", &data, &output, &"--size", &"64"];
    // Five pictures of 12 KB.
    failed(&idm_on_small_disk(&disk, 40, &args), &["cannot write", "data.zip", "No space left on device"]);
    assert_eq!(names(&disk), Vec::<String>::new());
    let tree = disk.join("tree");
    let args: [&dyn AsRef<OsStr>; 7] = [&"export", &"--for", &"biggan", &data, &tree, &"--size", &"64"];
    failed(&idm_on_small_disk(&disk, 24, &args), &["cannot write", "No space left on device"]);
    for file in picture::list_tree(&tree).unwrap() {
        picture::read(&tree.join(file)).unwrap();
    }
}

/// As `find_classes` and `make_dataset` in BigGAN-PyTorch's datasets.py: folders are classes by their names' order.
fn class_folders(root: &Path) -> Vec<(String, Vec<PathBuf>)> {
    let classes = names(root).into_iter().filter(|name| root.join(name).is_dir());
    classes
        .map(|class| {
            let folder = root.join(&class);
            let files = picture::list_tree(&folder).unwrap();
            (class, files.into_iter().map(|file| folder.join(file)).collect())
        })
        .collect()
}

#[test]
fn biggan_reads_the_tree() {
    let folder = tempfile::tempdir().unwrap();
    let data = in_classes(folder.path());
    // Two pictures of one name up to the ending stay two.
    std::fs::copy(data.join("a/1.png"), data.join("a/1.jpg")).unwrap();
    let (classes, one) = (folder.path().join("classes"), folder.path().join("one"));
    let export = |output: &PathBuf, more: &[&str]| {
        let mut args: Vec<&dyn AsRef<OsStr>> = vec![&"export", &"--for", &"biggan", &data, output];
        args.extend(more.iter().map(|arg| arg as &dyn AsRef<OsStr>));
        idm(&args)
    };
    let said = succeeded(&export(&classes, &["--size", "32", "--classes"]));
    assert!(said.contains("--dataset I32") && said.contains("6 pictures exported"), "{said}");
    let found = class_folders(&classes.join("ImageNet"));
    let counts: Vec<(&str, usize)> =
        found.iter().map(|(class, files)| (class.as_str(), files.len())).collect();
    assert_eq!(counts, [("a", 4), ("b", 2)]);
    for file in found.iter().flat_map(|(_, files)| files) {
        assert!(file.extension().unwrap() == "png");
        assert_eq!(picture::read(file).unwrap().dimensions(), (32, 32), "{file:?}");
    }
    succeeded(&export(&one, &["--size", "64"]));
    let found = class_folders(&one.join("ImageNet"));
    assert_eq!((found.len(), found[0].0.as_str(), found[0].1.len()), (1, "faces", 6));

    // It goes on, and does not mix sizes.
    std::fs::remove_file(&found[0].1[0]).unwrap();
    assert!(succeeded(&export(&one, &["--size", "64"])).contains("1 picture exported"));
    failed(&export(&one, &["--size", "32"]), &["another size than 32×32", "another output"]);
    failed(&export(&one, &["--size", "512"]), &["512×512", "BigGAN-PyTorch reads 32, 64, 128 and 256"]);
    failed(&export(&data.join("inside"), &["--size", "64"]), &["lies in"]);
    picture::write(&data.join("c.png"), &RgbImage::new(64, 64)).unwrap();
    failed(
        &export(&classes, &["--size", "32", "--classes"]),
        &["c.png: it lies in no folder of a class", "1 of 7 pictures could not be exported"],
    );
}
