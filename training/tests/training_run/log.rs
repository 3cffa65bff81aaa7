// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run tells about itself: the look at fixed faces, the TensorBoard file, and that all logs say the same.

use std::collections::BTreeMap;
use std::path::Path;

use restore_core::{Checkpoint, Precision};
use tch::Device;

use crate::common::{faces, names, succeeded, test_data, tiny_config, train, untrained_model};
use training::data::dataset::FaceDataset;
use training::picture;
use training::train::config::TrainConfig;
use training::train::run::samples::Samples;

/// An untrained residual network gives back its input: the middle row of the grid is the upper one, below it are the faces
/// themselves, and the PSNR is the one computed from the grid's own pixels.
#[test]
fn the_grid_shows_input_output_and_truth() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    std::fs::write(data.join("00-broken.png"), b"no picture").unwrap();
    let dataset = FaceDataset::open(&data, None, false).unwrap();
    let config: TrainConfig = toml::from_str(include_str!("../../configs/tiny.toml")).unwrap();
    let mut samples = Samples::read(&dataset, 3, &config, None).unwrap();
    assert_eq!(samples.count(), 3, "a broken file is passed over");
    let model = Checkpoint::open(&untrained_model(folder.path(), true)).unwrap();
    let look = samples.look(&model, Device::Cpu, Precision::Fp32).unwrap();
    assert_eq!(look.grid.dimensions(), (3 * 68 + 4, 3 * 68 + 4));
    let cell = |column: u32, row: u32| {
        image::imageops::crop_imm(&look.grid, 4 + column * 68, 4 + row * 68, 64, 64).to_image()
    };
    let mut psnr = 0.0;
    for column in 0..3 {
        let (input, output, truth) = (cell(column, 0), cell(column, 1), cell(column, 2));
        assert!(input == output && input != truth);
        let known = picture::list(&data).unwrap().iter().any(|file| {
            picture::read(file).is_ok_and(|face| picture::resize_to_square(&face, 64).unwrap() == truth)
        });
        assert!(known, "the lowest row holds faces of the data");
        let squares =
            input.as_raw().iter().zip(truth.as_raw()).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
        psnr += 20.0 * 255_f64.log10() - 10.0 * (squares.sum::<f64>() / (64.0 * 64.0 * 3.0)).log10();
    }
    assert!((look.input.psnr - psnr / 3.0).abs() < 1e-9);
    assert_eq!(look.input, look.output);
    assert!(look.input.ssim > 0.1 && look.input.ssim < 1.0);
}

/// The scalars (field 2 of a value) and pictures (field 4) of an event file by tag and step, decoded by hand from
/// TensorFlow's event.proto and summary.proto: a reader that shares nothing with the writer.
#[derive(Default)]
struct Events {
    scalars: BTreeMap<(String, u64), f32>,
    pictures: BTreeMap<(String, u64), Vec<u8>>,
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// The fields of a message: number and content, numbers of any kind as little-endian bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let content = match key & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            kind => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    2 => varint(&mut bytes) as usize,
                    other => panic!("wire type {other}"),
                };
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                content.to_vec()
            }
        };
        fields.push((key >> 3, content));
    }
    fields
}

fn field(message: &[(u64, Vec<u8>)], number: u64) -> Option<&[u8]> {
    message.iter().find(|(field, _)| *field == number).map(|(_, content)| content.as_slice())
}

fn events(path: &Path) -> Events {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut found = Events::default();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let event = fields(&rest[12..12 + length]);
        rest = &rest[12 + length + 4..];
        let step = field(&event, 2).map_or(0, |step| u64::from_le_bytes(step.try_into().unwrap()));
        for (_, value) in fields(field(&event, 5).unwrap_or_default()) {
            let value = fields(&value);
            let tag = String::from_utf8(field(&value, 1).unwrap().to_vec()).unwrap();
            if let Some(scalar) = field(&value, 2) {
                found.scalars.insert((tag.clone(), step), f32::from_le_bytes(scalar.try_into().unwrap()));
            }
            if let Some(image) = field(&value, 4) {
                found.pictures.insert((tag, step), field(&fields(image), 4).unwrap().to_vec());
            }
        }
    }
    found
}

fn table(path: &Path) -> BTreeMap<(String, u64), f64> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split(',').collect();
    let mut values = BTreeMap::new();
    for line in lines {
        let numbers: Vec<f64> = line.split(',').map(|number| number.parse().unwrap_or(f64::NAN)).collect();
        for (column, value) in columns.iter().zip(&numbers).skip(1) {
            values.insert(((*column).to_owned(), numbers[0] as u64), *value);
        }
    }
    values
}

/// A run with faces to look at in a folder of their own.
#[test]
fn tensorboard_and_the_tables_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let validation = folder.path().join("validation");
    std::fs::create_dir(&validation).unwrap();
    std::fs::copy(test_data("astronaut.png"), validation.join("one.png")).unwrap();
    let changes = [
        ("iterations = 120", "iterations = 30"),
        ("batch = 8", "batch = 2"),
        ("interval = 40", "interval = 20"),
    ];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    succeeded(&train(&config, &data, &run, &[&"--validation", &validation]));
    let events = events(&run.join("events.out.tfevents.idm"));
    let (metrics, scores) = (table(&run.join("metrics.csv")), table(&run.join("validation.csv")));
    let close = |tag: &str, step: u64, value: f64| {
        let logged = f64::from(events.scalars[&(tag.to_owned(), step)]);
        assert!((logged - value).abs() <= 1e-3 * value.abs() + 1e-5, "{tag} at {step}: {logged} and {value}");
    };
    for step in [10, 20, 30] {
        for name in ["loss", "gradient_norm", "learning_rate", "samples_per_second"] {
            close(&format!("train/{name}"), step, metrics[&(name.to_owned(), step)]);
        }
    }
    for step in [20, 30] {
        for name in ["psnr_input", "psnr", "ssim_input", "ssim", "octaves_input", "octaves", "left"] {
            close(&format!("validation/{name}"), step, scores[&(name.to_owned(), step)]);
        }
    }
    assert_eq!(names(&run.join("samples")), ["000020.png", "000030.png"]);
    let picture = picture::read(&run.join("samples/000030.png")).unwrap();
    assert_eq!(picture.dimensions(), (64 + 8, 3 * 68 + 4), "one face in the folder, one column");
    let logged = image::load_from_memory(&events.pictures[&("samples".to_owned(), 30)]).unwrap();
    assert!(logged.into_rgb8() == picture);
    assert_eq!(picture::read(&run.join("loss.png")).unwrap().dimensions(), (1200, 800));
}

/// A rate that moves no weight makes all looks alike: the first stays the best, and two more end the run. One that was ended so stays so.
#[test]
fn a_run_that_gains_nothing_more_ends_early_and_keeps_its_best_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let changes = [
        ("iterations = 120", "iterations = 90"),
        ("batch = 8", "batch = 2"),
        ("interval = 40", "interval = 10\npatience = 2"),
        ("learning_rate = 2e-3", "learning_rate = 1e-30"),
    ];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    let said = succeeded(&train(&config, &data, &run, &[]));
    assert!(said.contains("30 iterations done") && said.contains("ended early"), "{said}");
    assert!(said.contains("the best look was that of iteration 10"), "{said}");
    let weights = |name: &str| Checkpoint::open(&run.join(name)).unwrap().weights;
    let (best, last) = (weights("best.safetensors"), weights("model.safetensors"));
    assert_eq!(best.len(), last.len());
    // The moving average of equal weights is rounded.
    let away = |name: &String| (&best[name] - &last[name]).abs().max().double_value(&[]);
    assert!(best.keys().all(|name| away(name) < 0.01));
    let again = succeeded(&train(&config, &data, &run, &[&"--resume"]));
    assert!(again.contains("30 iterations done"), "{again}");
}

/// The best model is that of the look at which least was left, of all looks in the table.
#[test]
fn the_best_model_is_that_of_the_best_look() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let changes = [("iterations = 120", "iterations = 60"), ("interval = 40", "interval = 20")];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    let said = succeeded(&train(&config, &data, &run, &[]));
    let scores = table(&run.join("validation.csv"));
    let left = |step: u64| scores[&("left".to_owned(), step)];
    let best = [20, 40, 60].into_iter().min_by(|&a, &b| left(a).total_cmp(&left(b))).unwrap();
    assert!(said.contains(&format!("the best look was that of iteration {best}")), "{said}");
    assert!(left(best) < 1.0, "a trained model leaves less than it was given: {}", left(best));
    assert!(run.join("best.safetensors").exists());
}
