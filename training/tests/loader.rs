// SPDX-License-Identifier: MIT OR Apache-2.0
//! The training data: large and broken folders, batches that do not depend on threads or processes, crops, targets,
//! balance, general pictures.

mod common;

use std::path::{Path, PathBuf};

use image::imageops::crop_imm;
use image::{Rgb, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use restore_core::{Condition, faces_from_rgb8};
use tch::{Device, Tensor};
use training::data::config::{DataConfig, DataKind};
use training::data::dataset::FaceDataset;
use training::data::degradation::Degradation;
use training::data::pair::{Pair, PairRecipe};
use training::data::realign::{Alignment, realign};
use training::picture;
use training::train::config::TrainConfig;
use training::train::loader::{Loader, LoaderOptions};
use training::train::parallel::Share;

use common::{faces, names, test_data, tiny_config};

fn recipe(crop_size: u32, data: DataConfig) -> PairRecipe {
    PairRecipe { crop_size, flip: 0.5, data, degradation: Default::default() }
}

fn options(recipe: PairRecipe) -> LoaderOptions {
    LoaderOptions {
        recipe,
        condition: Condition::Degraded,
        batch: 4,
        share: Share::WHOLE,
        seed: 7,
        workers: 2,
    }
}

fn open(folder: &Path) -> FaceDataset {
    FaceDataset::open(folder, None, false).unwrap()
}

/// Targets and inputs of `count` batches, each as one tensor.
fn batches(folder: &Path, options: &LoaderOptions, first: u64, count: usize) -> (Tensor, Tensor) {
    let mut loader = Loader::start(open(folder), options, first);
    let (targets, inputs): (Vec<_>, Vec<_>) =
        (0..count).map(|_| loader.next_batch(Device::Cpu).unwrap()).unzip();
    (Tensor::cat(&targets, 0), Tensor::cat(&inputs, 0))
}

fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A picture whose pixels tell where they are: red is the column, green the row.
fn map_of(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 128]))
}

/// Three in four files are empty; each that is opened is broken and counted once, so the count tells how many were opened.
#[test]
fn a_folder_of_100_000_files_gives_a_batch_after_opening_a_few() {
    let folder = tempfile::tempdir().unwrap();
    let face = faces(folder.path()).join("0.png");
    let data = folder.path().join("data");
    for part in 0..100 {
        let part = data.join(part.to_string());
        std::fs::create_dir_all(&part).unwrap();
        let empty = part.join("0.png");
        std::fs::write(&empty, b"").unwrap();
        for number in 1..1000 {
            let source = if number % 4 == 0 { &face } else { &empty };
            std::fs::hard_link(source, part.join(format!("{number}.png"))).unwrap();
        }
    }
    let mut loader = Loader::start(open(&data), &options(recipe(64, DataConfig::default())), 0);
    let _ = loader.next_batch(Device::Cpu).unwrap();
    let opened = loader.broken_pictures();
    assert!((1..2000).contains(&opened), "{opened} files were opened");
}

#[test]
fn batches_depend_neither_on_the_workers_nor_on_where_a_run_begins_nor_on_the_processes() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    // A broken picture is replaced by the same other one everywhere.
    std::fs::write(data.join("broken.png"), b"").unwrap();
    let reference = options(recipe(64, DataConfig { crop: Some(32), jitter: 0.05, ..Default::default() }));
    let (targets, inputs) = batches(&data, &reference, 0, 6);
    assert_eq!(targets.size(), [24, 3, 32, 32]);
    for (workers, first) in [(1, 0), (5, 0), (3, 2), (2, 5)] {
        let (again, inputs_again) =
            batches(&data, &LoaderOptions { workers, ..reference.clone() }, first, 6 - first as usize);
        let skipped = 4 * first as i64;
        assert!(again.equal(&targets.narrow(0, skipped, 24 - skipped)), "{workers} workers from {first}");
        assert!(inputs_again.equal(&inputs.narrow(0, skipped, 24 - skipped)));
    }
    let shares = [0, 1].map(|rank| {
        let share = Share { rank, count: 2 };
        batches(&data, &LoaderOptions { batch: 2, share, ..reference.clone() }, 0, 6).1
    });
    for batch in 0..6 {
        let parts = [0, 1].map(|rank: usize| shares[rank].narrow(0, 2 * batch, 2));
        assert!(Tensor::cat(&parts, 0).equal(&inputs.narrow(0, 4 * batch, 4)), "batch {batch}");
    }
    assert!(
        !batches(&data, &LoaderOptions { seed: 8, ..reference.clone() }, 0, 1)
            .0
            .equal(&targets.narrow(0, 0, 4))
    );
}

#[test]
fn faces_of_all_sizes_in_all_folders_come_at_the_crop_size() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    std::fs::create_dir(data.join("deep")).unwrap();
    std::fs::rename(data.join("3.png"), data.join("deep/3.png")).unwrap();
    let expected = ["0.png", "1.png", "2.png", "4.png", "deep/3.png"].map(|name| {
        let face = picture::read(&data.join(name)).unwrap();
        let face = picture::resize_antialiased(&face, 64, 64).unwrap();
        faces_from_rgb8(&[face.as_raw()], 64).unwrap()
    });
    let unflipped = PairRecipe { flip: 0.0, ..recipe(64, DataConfig::default()) };
    let (targets, _) = batches(&data, &options(unflipped), 0, 10);
    let mut seen = [0; 5];
    for index in 0..40 {
        let face = targets.narrow(0, index, 1);
        seen[expected.iter().position(|expected| expected.equal(&face)).expect("a face of the folder")] += 1;
    }
    assert!(seen.iter().all(|&count| count > 1), "{seen:?}");
}

/// The draws of the window come last, so the pair without `crop` is the one that was cut.
#[test]
fn crops_are_one_window_of_the_whole_pair() {
    let photo = picture::read(&test_data("astronaut.png")).unwrap();
    let data = |crop| DataConfig { crop, jitter: 0.03, ..Default::default() };
    let mut corners = Vec::new();
    for seed in 0..8 {
        let make = |crop, picture| recipe(128, data(crop)).make(picture, None, &mut generator(seed)).unwrap();
        let (whole, cut) = (make(None, &photo), make(Some(48), &photo));
        assert_eq!((whole.target.width(), cut.target.width()), (128, 48));
        let window = |picture: &RgbImage, at: (u32, u32)| crop_imm(picture, at.0, at.1, 48, 48).to_image();
        let places = (0..81 * 81).map(|index| (index % 81, index / 81));
        let places: Vec<_> = places.filter(|&at| window(&whole.target, at) == cut.target).collect();
        assert_eq!(places.len(), 1, "seed {seed}");
        assert!(window(&whole.degraded, places[0]) == cut.degraded, "seed {seed}");
        corners.push(places[0]);
    }
    corners.sort_unstable();
    corners.dedup();
    assert_eq!(corners.len(), 8);
}

#[test]
fn targets_replace_the_picture_but_not_its_degradation() {
    let folder = tempfile::tempdir().unwrap();
    let (data, targets) = (faces(folder.path()), folder.path().join("targets"));
    std::fs::create_dir_all(data.join("deep")).unwrap();
    std::fs::rename(data.join("3.png"), data.join("deep/3.png")).unwrap();
    std::fs::create_dir_all(targets.join("deep")).unwrap();
    let negative = |mut picture: RgbImage| {
        picture.iter_mut().for_each(|value| *value = 255 - *value);
        picture
    };
    for name in ["0.png", "1.png", "2.png", "4.png", "deep/3.png"] {
        picture::write(&targets.join(name), &negative(picture::read(&data.join(name)).unwrap())).unwrap();
    }
    let dataset = FaceDataset::open(&data, Some(&targets), false).unwrap();
    let recipe = recipe(64, DataConfig { crop: Some(32), ..Default::default() });
    for seed in 0..20 {
        let index = dataset.draw(&mut generator(seed));
        let (face, target) = dataset.read(index).unwrap();
        // Resizing a negative rounds the other way.
        if face.width() != 64 {
            continue;
        }
        let plain = recipe.make(&face, None, &mut generator(seed)).unwrap();
        let pair = recipe.make(&face, target.as_ref(), &mut generator(seed)).unwrap();
        assert!(pair == Pair { target: negative(plain.target), degraded: plain.degraded }, "seed {seed}");
    }

    // Any ending will do, as long as it is one picture's.
    std::fs::rename(targets.join("0.png"), targets.join("0.jpeg")).unwrap();
    assert!(FaceDataset::open(&data, Some(&targets), false).unwrap().read(0).unwrap().1.is_some());
    std::fs::copy(data.join("0.png"), data.join("0.jpg")).unwrap();
    let shared = FaceDataset::open(&data, Some(&targets), false).unwrap_err().to_string();
    for part in ["faces/0.jpg", "faces/0.png", "targets/0.jpeg"] {
        assert!(shared.contains(part), "{shared}");
    }
    // The copy of a WebP file has its ending before its own, and 0.jpeg is the other picture's.
    std::fs::rename(data.join("0.jpg"), data.join("0.webp")).unwrap();
    std::fs::copy(targets.join("1.png"), targets.join("0.webp.png")).unwrap();
    let pair =
        |index| FaceDataset::open(&data, Some(&targets), false).unwrap().read(index).unwrap().1.unwrap();
    assert_eq!(pair(1), picture::read(&targets.join("1.png")).unwrap());
    assert_eq!(pair(0), picture::read(&targets.join("0.jpeg")).unwrap());
    std::fs::remove_file(data.join("0.webp")).unwrap();
    std::fs::remove_file(targets.join("deep/3.png")).unwrap();
    let missing = FaceDataset::open(&data, Some(&targets), false).unwrap_err().to_string();
    assert!(missing.contains("faces/deep/3.png") && missing.contains("targets/deep/3.png"), "{missing}");
}

#[test]
fn balance_draws_from_every_source_equally() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    for (source, count) in [("large/a", 60), ("large/b", 20), ("small", 2)] {
        std::fs::create_dir_all(data.join(source)).unwrap();
        for number in 0..count {
            std::fs::write(data.join(source).join(format!("{number}.png")), b"").unwrap();
        }
    }
    let shares = |balance| {
        let dataset = FaceDataset::open(&data, None, balance).unwrap();
        let (mut rng, mut counts) = (generator(1), [0.0_f64; 3]);
        for _ in 0..30_000 {
            let file = dataset.path(dataset.draw(&mut rng));
            let place = file.strip_prefix(&data).unwrap();
            let source =
                if place.starts_with("large") { 0 } else { 1 + usize::from(place.starts_with("small")) };
            counts[source] += 1.0 / 30_000.0;
        }
        counts
    };
    // Five pictures lie in the data folder itself. A share's standard deviation is below 0.003.
    for (balance, expected) in [(true, [1.0 / 3.0; 3]), (false, [80.0 / 87.0, 5.0 / 87.0, 2.0 / 87.0])] {
        for (share, expected) in shares(balance).into_iter().zip(expected) {
            assert!((share - expected).abs() < 0.012, "balance {balance}: {share} instead of {expected}");
        }
    }
}

#[test]
fn pictures_of_any_size_give_windows_at_their_own_scale() {
    let pictures = DataConfig { kind: DataKind::Pictures, ..Default::default() };
    let recipe = PairRecipe { flip: 0.0, ..recipe(64, pictures) };
    let pair = |picture: &RgbImage, seed| recipe.make(picture, None, &mut generator(seed)).unwrap();
    for (width, height) in [(1, 1), (3, 300), (63, 65), (257, 64), (201, 133), (90, 700)] {
        let pair = pair(&map_of(width, height), 1);
        assert_eq!((pair.target.dimensions(), pair.degraded.dimensions()), ((64, 64), (64, 64)));
    }
    // The shorter side is the pair's: nothing is resized, only cut.
    let wide = map_of(200, 64);
    let mut corners: Vec<u32> = (0..20)
        .map(|seed| {
            let target = pair(&wide, seed).target;
            let left = u32::from(target.get_pixel(0, 0)[0]);
            assert!(target == crop_imm(&wide, left, 0, 64, 64).to_image(), "seed {seed}");
            left
        })
        .collect();
    corners.sort_unstable();
    assert!(corners[0] < 40 && corners[19] > 97 && corners[19] <= 136, "{corners:?}");
    // A large picture is seen at any scale from all of its shorter side to half of it, as wide as high.
    let large = map_of(250, 240);
    let scales: Vec<f64> = (0..40)
        .map(|seed| {
            let target = pair(&large, seed).target;
            let across = |channel: usize, end: (u32, u32)| {
                f64::from(target.get_pixel(end.0, end.1)[channel])
                    - f64::from(target.get_pixel(8, 8)[channel])
            };
            let (x, y) = (across(0, (55, 8)) / 47.0, across(1, (8, 55)) / 47.0);
            assert!((x - y).abs() < 0.05, "{x} and {y}");
            x
        })
        .collect();
    let (least, most) = scales.iter().fold((9.0_f64, 0.0_f64), |(low, high), &x| (low.min(x), high.max(x)));
    assert!((1.84..2.1).contains(&least) && (3.4..3.8).contains(&most), "{least} to {most}");

    let other = map_of(99, 64);
    let wrong = recipe.make(&wide, Some(&other), &mut generator(1)).unwrap_err().to_string();
    assert!(wrong.contains("(99, 64)") && wrong.contains("(200, 64)"), "{wrong}");
}

/// On a linear ramp the cubic kernel is exact, so the value at a pixel is the place that it was taken from.
#[test]
fn jitter_moves_the_face_as_it_says() {
    let face = map_of(101, 101);
    let alignment = Alignment { scale: 1.1, rotation: 0.2, shift: [0.05, -0.03] };
    let moved = realign(face.clone(), &alignment);
    for (x, y) in [(50.0, 50.0), (30.0, 60.0), (75.0, 40.0), (52.0, 20.0)] {
        // Forwards: about the centre, scaled and turned clockwise on the screen, then shifted.
        let (dx, dy): (f64, f64) = (x - 50.0, y - 50.0);
        let to_x = 50.0 + 1.1 * (0.2_f64.cos() * dx - 0.2_f64.sin() * dy) + 5.05;
        let to_y = 50.0 + 1.1 * (0.2_f64.sin() * dx + 0.2_f64.cos() * dy) - 3.03;
        let pixel = moved.get_pixel(to_x.round() as u32, to_y.round() as u32);
        let (off_x, off_y) = (f64::from(pixel[0]) - x, f64::from(pixel[1]) - y);
        assert!(off_x.abs() < 1.2 && off_y.abs() < 1.2, "({x}, {y}) became {pixel:?}");
    }
    assert!(realign(face.clone(), &Alignment::NONE) == face);
    let draws: Vec<Alignment> = (0..2000).map(|seed| Alignment::draw(0.1, &mut generator(seed))).collect();
    let columns: [fn(&Alignment) -> f64; 4] =
        [|a| a.scale - 1.0, |a| a.rotation, |a| a.shift[0], |a| a.shift[1]];
    for value in columns {
        // Uniform on ±0.1: deviation 0.0577, mean 0 ± 0.0013.
        let values: Vec<f64> = draws.iter().map(value).collect();
        let mean = values.iter().sum::<f64>() / 2000.0;
        let deviation = (values.iter().map(|value| value * value).sum::<f64>() / 2000.0).sqrt();
        assert!(values.iter().all(|value| value.abs() <= 0.1) && mean.abs() < 0.006);
        assert!((deviation - 0.0577).abs() < 0.003, "{deviation}");
    }
}

/// Target and input are of the same light: nothing is to be learnt from it.
#[test]
fn tone_changes_the_picture_before_it_is_degraded() {
    let photo = picture::read(&test_data("astronaut.png")).unwrap();
    let clean = Degradation { clean_share: 1.0, ..Degradation::default() };
    let recipe = |tone| PairRecipe {
        degradation: clean.clone(),
        flip: 0.0,
        ..recipe(64, DataConfig { tone, ..DataConfig::default() })
    };
    let make = |tone, target| recipe(tone).make(&photo, target, &mut generator(3)).unwrap();
    let (plain, changed) = (make(0.0, None), make(0.3, None));
    assert!(changed.target == changed.degraded && plain.target == plain.degraded);
    assert!(changed.target != plain.target);
    assert!(make(0.3, Some(&photo)) == changed);
}

#[test]
fn the_tree_is_listed_without_hidden_files_and_with_links() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for directory in ["b", ".hidden", "empty", "x.png"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for file in ["b/2.JPG", "a.png", ".part.png", ".hidden/3.png", "notes.txt", "c.jpeg", "x.png/4.png"] {
        std::fs::write(root.join(file), b"").unwrap();
    }
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("5.png"), b"").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("linked")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), root.join("dangling.png")).unwrap();
    let expected = ["a.png", "b/2.JPG", "c.jpeg", "dangling.png", "linked/5.png", "x.png/4.png"];
    assert_eq!(picture::list_tree(&root).unwrap(), expected.map(PathBuf::from));
    std::os::unix::fs::symlink(&root, root.join("b/loop")).unwrap();
    assert!(picture::list_tree(&root).unwrap_err().to_string().contains("b/loop"));
    assert!(picture::list_tree(&folder.path().join("gone")).unwrap_err().to_string().contains("gone"));
    assert_eq!(names(&outside), ["5.png"]);
}

#[test]
fn the_table_data_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let config = |table: &str| {
        let text = format!("[data]\n{table}\n\n[optimiser]");
        TrainConfig::open(&tiny_config(folder.path(), "c.toml", &[("[optimiser]", &text)]))
    };
    let good = config("kind = \"pictures\"\ncrop = 32\nbalance = true").unwrap().data;
    assert_eq!(
        good,
        DataConfig { kind: DataKind::Pictures, crop: Some(32), balance: true, ..Default::default() }
    );
    for (table, reasons) in [
        ("crop = 30", ["data.crop is 30", "multiple of 4"]),
        ("crop = 128", ["data.crop is 128", "model.crop_size, 64"]),
        ("crop = 0", ["data.crop is 0", "multiple of 4"]),
        ("jitter = 0.5", ["data.jitter is 0.5", "0.2"]),
        ("tone = -0.1", ["data.tone is -0.1", "from 0 (off) to 1"]),
        ("jitter = 0.1\nkind = \"pictures\"", ["data.jitter is 0.1", "no alignment"]),
        ("kind = \"cats\"", ["cats", "pictures"]),
        ("crops = 32", ["crops", "crop"]),
    ] {
        let message = config(table).unwrap_err().to_string();
        assert!(reasons.iter().all(|reason| message.contains(reason)), "{table}: {message}");
    }
}

/// Of three classes of plain pictures in folders of other names than their order of making: each picture of a batch comes with the
/// number of the class of its colour, in the order of the names, and as it is.
#[test]
fn a_generator_gets_whole_pictures_and_their_classes() {
    let folder = tempfile::tempdir().unwrap();
    let colours = [("zebra", [250, 10, 20]), ("apple", [10, 250, 30]), ("moth", [20, 30, 250])];
    for (class, colour) in colours {
        let inner = folder.path().join(class).join("deeper");
        std::fs::create_dir_all(&inner).unwrap();
        RgbImage::from_pixel(64, 64, Rgb(colour)).save(inner.join("a.png")).unwrap();
    }
    let dataset = open(folder.path()).for_condition(Condition::Classes(3)).unwrap();
    assert_eq!(dataset.class_names(), ["apple", "moth", "zebra"]);
    let options = LoaderOptions {
        condition: Condition::Classes(3),
        batch: 24,
        ..options(recipe(64, Default::default()))
    };
    let (pictures, classes) = Loader::start(dataset, &options, 0).next_batch(Device::Cpu).unwrap();
    assert_eq!((pictures.size(), classes.size()), (vec![24, 3, 64, 64], vec![24]));
    let mut seen = [0; 3];
    for index in 0..24 {
        let class = classes.int64_value(&[index]) as usize;
        let expected = [colours[1].1, colours[2].1, colours[0].1][class];
        let picture = RgbImage::from_pixel(64, 64, Rgb(expected));
        let expected = faces_from_rgb8(&[picture.as_raw()], 64).unwrap();
        assert!(pictures.narrow(0, index, 1).equal(&expected), "picture {index} of class {class}");
        seen[class] += 1;
    }
    assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
}
