// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generators from end to end: trained on two colours they draw those; what cannot work says why; numbered files that go on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use restore_core::{Checkpoint, Condition};
use training::picture;
use training::train::config::TrainConfig;

use crate::common::{
    GENERATOR, faces, failed, idm, kill_9_when, names, repository, succeeded, text, tiny_config, train,
    untrained_model,
};

/// The mean colours of the two classes of the toy.
const CLASSES: [(&str, [u8; 3]); 2] = [("blue", [60, 80, 200]), ("red", [200, 80, 60])];
/// Half of the difference of two pictures of a class.
const SPREAD: i16 = 20;

/// Four plain pictures of each class, whose mean is the class's colour.
fn two_colours(folder: &Path) -> PathBuf {
    let data = folder.join("colours");
    for (class, colour) in CLASSES {
        std::fs::create_dir_all(data.join(class)).unwrap();
        for (index, change) in [-SPREAD, -SPREAD / 2, SPREAD / 2, SPREAD].into_iter().enumerate() {
            let pixel = Rgb(colour.map(|value| (i16::from(value) + change) as u8));
            RgbImage::from_pixel(32, 32, pixel).save(data.join(class).join(format!("{index}.png"))).unwrap();
        }
    }
    data
}

/// The mean of each channel.
fn mean(picture: &RgbImage) -> [f64; 3] {
    let count = f64::from(picture.width() * picture.height());
    [0, 1, 2].map(|channel| picture.pixels().map(|pixel| f64::from(pixel.0[channel])).sum::<f64>() / count)
}

/// The largest difference of a picture's channels from a colour, in levels.
fn distance(picture: &RgbImage, colour: [u8; 3]) -> f64 {
    let off =
        mean(picture).into_iter().zip(colour).map(|(value, expected)| (value - f64::from(expected)).abs());
    off.fold(0.0, f64::max)
}

fn generate(model: &Path, output: &Path, more: &[&str]) -> std::process::Output {
    idm(&generate_args(&model, &output, more))
}

fn generate_args<'a>(
    model: &'a dyn AsRef<OsStr>,
    output: &'a dyn AsRef<OsStr>,
    more: &'a [&'a str],
) -> Vec<&'a dyn AsRef<OsStr>> {
    let mut args: Vec<&dyn AsRef<OsStr>> = vec![
        &"generate",
        &"--model",
        model,
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

/// An untrained generator, a little off zero, whose pictures depend on all that it sees.
pub fn busy_generator(folder: &Path, condition: Condition) -> PathBuf {
    let text = std::fs::read_to_string(repository().join("training/configs/tiny.toml")).unwrap();
    let mut config: TrainConfig = toml::from_str(&text).unwrap();
    config.model.unet.residual = false;
    config.model.unet.condition = condition;
    config.model.class_names =
        ["blue", "red"][..condition.classes()].iter().map(|&name| name.into()).collect();
    let mut model = Checkpoint::untrained(&config.model, 1).unwrap();
    for weight in model.weights.values_mut() {
        let waves = tch::Tensor::arange(weight.numel() as i64, (tch::Kind::Float, tch::Device::Cpu)).sin();
        *weight = &*weight + (waves * 0.05).view_(weight.size());
    }
    let file = folder.join(format!("busy-{}.safetensors", condition.classes()));
    model.save(&file, tch::Kind::Float).unwrap();
    file
}

/// Trained on plain pictures of two colours, 140 levels apart in red and in blue, each class is drawn in its own: the mean of each of
/// eight pictures is within 45 levels of it in every channel (pictures of a class are up to 20 from it themselves), and the mean of
/// the eight within 25.
#[test]
fn a_generator_draws_the_colours_of_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (two_colours(folder.path()), folder.path().join("run"));
    let mut changes = GENERATOR.to_vec();
    changes.extend([
        ("crop_size = 64", "crop_size = 32"),
        ("iterations = 120", "iterations = 400"),
        ("batch = 8", "batch = 8\nloss = \"l2\"\nprecision = \"fp32\""),
        ("interval = 40", "interval = 400"),
        ("faces = 4", "faces = 5"),
        ("steps = 1\n", "steps = 10\n"),
    ]);
    let config = tiny_config(folder.path(), "c.toml", &changes);
    succeeded(&train(&config, &data, &run, &[]));
    let model = run.join("model.safetensors");
    assert_eq!(Checkpoint::open(&model).unwrap().config.class_names, ["blue", "red"]);
    // Five pictures of 32 pixels in three columns and two rows; nothing to compare them with.
    let grid = picture::read(&run.join("samples/000400.png")).unwrap();
    assert_eq!(grid.dimensions(), (3 * 36 + 4, 2 * 36 + 4));
    assert!(run.join("metrics.csv").exists() && !run.join("validation.csv").exists());

    for (class, colour) in CLASSES {
        for guidance in ["0", "1"] {
            let output = folder.path().join(format!("{class}-{guidance}"));
            let more = ["--count", "8", "--class", class, "--guidance", guidance, "--sampler", "ddim"];
            succeeded(&generate(&model, &output, &more));
            let pictures: Vec<RgbImage> =
                (0..8).map(|index| picture::read(&output.join(format!("{index:06}.png"))).unwrap()).collect();
            let distances: Vec<f64> = pictures.iter().map(|picture| distance(picture, colour)).collect();
            println!("{class} {guidance}: {distances:?}");
            assert!(distances.iter().all(|&off| off < 45.0), "{class} {guidance}: {distances:?}");
            let means: Vec<[f64; 3]> = pictures.iter().map(mean).collect();
            for (channel, expected) in colour.into_iter().enumerate() {
                let all = means.iter().map(|mean| mean[channel]).sum::<f64>() / 8.0;
                assert!((all - f64::from(expected)).abs() < 25.0, "{class} {guidance}: {all} for {expected}");
            }
        }
    }
}

/// A picture is its number's, in batches of one and of eight and whatever is made beside it; what is there is not made again.
#[test]
fn pictures_are_numbered_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let model = busy_generator(folder.path(), Condition::Classes(2));
    let run = |name: &str, more: &[&str]| {
        let output = folder.path().join(name);
        let said =
            succeeded(&generate(&model, &output, &[&["--steps", "3", "--seed", "4"][..], more].concat()));
        (output, said)
    };
    let (eight, said) = run("eight", &["--count", "9"]);
    assert!(said.contains("9 pictures generated"), "{said}");
    let mut expected: Vec<String> = (0..9).map(|index| format!("{index:06}.png")).collect();
    expected.push("generate.json".into());
    assert_eq!(names(&eight), expected);
    let (one, _) = run("one", &["--count", "3", "--batch", "1"]);
    let read = |folder: &Path, index: usize| picture::read(&folder.join(format!("{index:06}.png"))).unwrap();
    for index in 0..3 {
        let (a, b) = (read(&one, index), read(&eight, index));
        assert_eq!(a.dimensions(), (64, 64));
        let off = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(1), "picture {index} is off by {off:?} levels");
    }
    assert!(read(&eight, 0) != read(&eight, 1));

    // What is there stays, what is missing comes back as it was, and a larger number adds.
    let bytes = |index: usize| std::fs::read(eight.join(format!("{index:06}.png"))).unwrap();
    let second = bytes(2);
    std::fs::remove_file(eight.join("000002.png")).unwrap();
    std::fs::write(eight.join("000001.png"), "not looked at").unwrap();
    let (_, said) = run("eight", &["--count", "12"]);
    assert!(said.contains("4 pictures generated") && said.contains("8 pictures there before"), "{said}");
    assert!(bytes(2) == second && bytes(1) == b"not looked at");
    assert_eq!(names(&eight).len(), 13);

    // Another class, seed or guidance gives other pictures, and needs another folder.
    let (blue, _) = run("blue", &["--count", "1", "--class", "blue"]);
    let (red, _) = run("red", &["--count", "1", "--class", "red"]);
    let (guided, _) = run("guided", &["--count", "1", "--class", "red", "--guidance", "2"]);
    assert!(read(&blue, 0) != read(&red, 0) && read(&red, 0) != read(&guided, 0));
    failed(
        &generate(&model, &red, &["--steps", "3", "--seed", "4", "--class", "blue"]),
        &["generate.json", "--class red --guidance 0", "--class blue", "another --output"],
    );
    let grid = folder.path().join("grid.png");
    run("gridded", &["--count", "3", "--grid", grid.to_str().unwrap()]);
    assert_eq!(picture::read(&grid).unwrap().dimensions(), (2 * 68 + 4, 2 * 68 + 4));
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let model = busy_generator(folder.path(), Condition::None);
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let more = ["--count", "40", "--steps", "10", "--sampler", "ddpm"];
    succeeded(&generate(&model, &whole, &more));
    let done = || if killed.is_dir() { picture::list(&killed).unwrap().len() } else { 0 };
    for least in [1, 17] {
        kill_9_when(&generate_args(&model, &killed, &more), || done() >= least);
    }
    let _ = std::fs::remove_file(killed.join("000003.png"));
    succeeded(&generate(&model, &killed, &more));
    assert_eq!(names(&whole), names(&killed));
    for name in names(&whole) {
        let [a, b] = [&whole, &killed].map(|folder| std::fs::read(folder.join(&name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}

#[test]
fn models_for_the_other_purpose_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (restorer, data) = (untrained_model(folder.path(), true), faces(folder.path()));
    let generator = busy_generator(folder.path(), Condition::None);
    let output = folder.path().join("output");
    failed(
        &generate(&restorer, &output, &[]),
        &["identity.safetensors", "it is a restorer", "idm restore", "model.unet.condition"],
    );
    let refused = ["it is a generator", "idm generate"];
    let restored: [&dyn AsRef<OsStr>; 8] =
        [&"restore", &"--aligned", &"--model", &generator, &"--input", &data, &"--output", &output];
    failed(&idm(&restored), &refused);
    failed(&idm(&[&"evaluate", &"--model", &generator, &"--data", &data]), &refused);
    let enhanced: [&dyn AsRef<OsStr>; 7] =
        [&"enhance", &"--model", &generator, &"--input", &data, &"--output", &output];
    failed(&idm(&enhanced), &refused);
    let config = tiny_config(folder.path(), "c.toml", &GENERATOR);
    let iterated: [&dyn AsRef<OsStr>; 7] =
        [&"iterate", &"--config", &config, &"--data", &data, &"--output", &output];
    failed(&idm(&iterated), &["generator", "idm iterate is for restorers"]);
    assert!(!output.join("first").exists());
}

#[test]
fn what_cannot_be_made_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let [classes, none] = [Condition::Classes(2), Condition::None].map(|c| busy_generator(folder.path(), c));
    failed(&generate(&classes, &output, &["--class", "green"]), &["no class \"green\"", "blue, red"]);
    failed(&generate(&none, &output, &["--class", "red"]), &["has no classes", "leave out --class"]);
    failed(&generate(&none, &output, &["--steps", "1001"]), &["1001 sampling steps", "1 to 1000"]);
    failed(&generate(&none, &output, &["--count", "0"]), &["--count is 0"]);
    failed(&generate(&none, &output, &["--batch", "0"]), &["--batch is 0"]);
    failed(&generate(&classes, &output, &["--class", "red", "--guidance=-1"]), &["guidance of -1"]);
    failed(&generate(&folder.path().join("missing"), &output, &[]), &["missing", "No such file"]);
    let alone = generate(&classes, &output, &["--guidance", "2"]);
    assert_eq!(alone.status.code(), Some(2));
    assert!(text(&alone.stderr).contains("--class"), "{}", text(&alone.stderr));
    assert!(!output.exists(), "nothing is made of what cannot work");
}

#[test]
fn data_that_is_not_the_classes_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (two_colours(folder.path()), folder.path().join("run"));
    let config = tiny_config(folder.path(), "c.toml", &GENERATOR);
    let refused = |config: &Path, more: &[&dyn AsRef<OsStr>], reasons: &[&str]| {
        failed(&train(config, &data, &run, more), reasons);
        assert!(!run.join("state.safetensors").exists());
    };
    let three = ("residual = true", "residual = false\ncondition = { classes = 3 }");
    let three = tiny_config(folder.path(), "three.toml", &[three, GENERATOR[1]]);
    refused(&three, &[], &["2 classes", "the configuration 3", "condition = { classes = 2 }"]);
    refused(&config, &[&"--validation", &data], &["--validation is for a restorer"]);
    refused(&config, &[&"--targets", &data], &["--targets is for a restorer"]);
    std::fs::create_dir(data.join("green")).unwrap();
    refused(&config, &[], &["colours/green holds no pictures"]);
    std::fs::remove_dir(data.join("green")).unwrap();
    std::fs::copy(data.join("red/0.png"), data.join("0.png")).unwrap();
    refused(&config, &[], &["0.png is of no class", "a folder of its name"]);
    std::fs::remove_file(data.join("0.png")).unwrap();
    let of_restorers = [
        (
            "[degradation]\nclean_share = 0.1\n",
            "[degradation]\nclean_share = 0.1\n",
            "degradation is for pairs",
        ),
        ("[degradation]\nclean_share = 0.1\n", "[data]\noverlay = 0.5\n", "data.overlay is for pairs"),
        ("[degradation]\nclean_share = 0.1\n", "[data]\ncrop = 32\n", "data.crop is for pairs"),
        ("residual = true", "residual = true\ncondition = \"none\"", "unet.residual"),
        ("batch = 8", "batch = 8\nclass_dropout = 1.5", "run.class_dropout is 1.5"),
        ("batch = 8", "batch = 8\nclass_dropout = -0.5", "run.class_dropout is -0.5"),
        (
            "crop_size = 64",
            "crop_size = 64\nclass_names = [\"a\", \"b\"]",
            "class_names come from the folders",
        ),
    ];
    for (from, to, reason) in of_restorers {
        let mut changes: Vec<(&str, &str)> =
            GENERATOR.into_iter().filter(|(replaced, _)| *replaced != from).collect();
        changes.push((from, to));
        refused(&tiny_config(folder.path(), "broken.toml", &changes), &[], &[reason]);
    }
    let dropout =
        tiny_config(folder.path(), "dropout.toml", &[("batch = 8", "batch = 8\nclass_dropout = 0.1")]);
    refused(&dropout, &[], &["run.class_dropout is for classes"]);
    // A state goes on with its own classes alone.
    let short = [GENERATOR[0], GENERATOR[1], ("iterations = 120", "iterations = 2")];
    let short = tiny_config(folder.path(), "short.toml", &short);
    succeeded(&train(&short, &data, &run, &[]));
    std::fs::rename(data.join("red"), data.join("orange")).unwrap();
    failed(&train(&short, &data, &run, &[&"--resume"]), &["class_names", "orange"]);
    let model = run.join("model.safetensors");
    let plain = tiny_config(folder.path(), "plain.toml", &[]);
    let other = folder.path().join("other");
    failed(&train(&plain, &data, &other, &[&"--init", &model]), &["is of another network"]);
}
