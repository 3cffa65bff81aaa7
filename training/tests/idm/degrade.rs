// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm degrade` as its users meet it: recipes from a configuration, contact sheets, `kill -9`, a full disk.

use std::path::Path;

use serde_json::Value;
use training::picture;

use crate::common::{
    faces, faces_of_sizes, failed, idm, idm_on_small_disk, kill_9_when, names, succeeded, text, tiny_config,
};

fn records(output: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(output.join("degradations.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_configurations_recipe_is_used_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (faces(folder.path()), folder.path().join("degraded"));
    let motion = "[degradation]\nmotion_blur = { probability = 1.0, length = [9, 9] }";
    let config = tiny_config(folder.path(), "motion.toml", &[("[degradation]\nclean_share = 0.1", motion)]);
    let degrade = |more: &[&dyn AsRef<std::ffi::OsStr>]| {
        let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> =
            vec![&"degrade", &"--input", &input, &"--output", &output];
        args.extend(more);
        idm(&args)
    };
    succeeded(&degrade(&[&"--config", &config]));
    let all = records(&output);
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|record| record["params"]["motion_blur"]["length"] == 9.0), "{all:?}");
    // The paper's recipe gives other pictures.
    failed(&degrade(&[]), &["0.png", "other settings", "another recipe", "--config"]);
    let wrong = motion.replace("motion_blur", "motion_blurr");
    let wrong = tiny_config(folder.path(), "wrong.toml", &[("[degradation]\nclean_share = 0.1", &wrong)]);
    failed(&degrade(&[&"--config", &wrong]), &["wrong.toml", "motion_blurr"]);
    let wrong = tiny_config(folder.path(), "wrong.toml", &[("clean_share = 0.1", "clean_share = 3")]);
    failed(&degrade(&[&"--config", &wrong]), &["clean_share", "between 0 and 1"]);
    let neither = idm(&[&"degrade", &"--input", &input]);
    assert_eq!(neither.status.code(), Some(2));
    assert!(text(&neither.stderr).contains("--output"), "{}", text(&neither.stderr));
}

/// Of forty pictures some are damaged, as they are without --share, and the others are what they were; a larger share damages more of
/// the same.
#[test]
fn a_share_of_the_pictures_is_degraded_and_the_record_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::create_dir(&input).unwrap();
    for index in 0..40_u32 {
        let value = |x: u32, y: u32| ((x * 37 + y * 91 + index * 13) % 251) as u8;
        let picture = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([value(x, y), value(y, x), 90]));
        picture::write(&input.join(format!("{index:02}.png")), &picture).unwrap();
    }
    let degrade = |share: &str| {
        let output = folder.path().join(share);
        succeeded(&idm(&[&"degrade", &"--input", &input, &"--output", &output, &"--share", &share]));
        let all = records(&output);
        let damaged = all.iter().filter(|record| record["params"]["clean"] == false);
        let names = damaged.map(|record| record["file"].as_str().unwrap().to_owned());
        (output, names.collect::<Vec<String>>())
    };
    let (all, every) = degrade("1");
    assert_eq!(every.len(), 40);
    let (third, some) = degrade("0.3");
    // Forty draws of probability 0.3: five standard deviations about 12.
    assert!((1..=26).contains(&some.len()), "{some:?}");
    for name in names(&third).iter().filter(|name| name.ends_with(".png")) {
        let expected = if some.contains(name) { all.join(name) } else { input.join(name) };
        assert!(picture::read(&third.join(name)).unwrap() == picture::read(&expected).unwrap(), "{name}");
    }
    let (_, more) = degrade("0.6");
    assert!(more.len() > some.len() && some.iter().all(|name| more.contains(name)), "{some:?} {more:?}");
    assert_eq!(degrade("0").1, Vec::<String>::new());
    failed(
        &idm(&[&"degrade", &"--input", &input, &"--output", &third, &"--share", &"0.4"]),
        &["other settings", "--share"],
    );
}

/// Five parts of the paper's recipe as rows, an input and three strengths for each of three pictures as columns; the inputs are
/// shown as they are, and every part gets further from them as its strength rises.
#[test]
fn the_contact_sheet_shows_every_part_at_rising_strength() {
    let folder = tempfile::tempdir().unwrap();
    let (input, grid) = (faces_of_sizes(folder.path(), [128; 5]), folder.path().join("grid.png"));
    std::fs::write(input.join("0.png"), "broken").unwrap();
    let sheet = |more: &[&dyn AsRef<std::ffi::OsStr>]| {
        let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> =
            vec![&"degrade", &"--input", &input, &"--grid", &grid, &"--size", &"128"];
        args.extend(more);
        let output = idm(&args);
        succeeded(&output);
        assert!(text(&output.stderr).contains("skipped: ") && text(&output.stderr).contains("0.png"));
        picture::read(&grid).unwrap()
    };
    let drawn = sheet(&[]);
    // 128-pixel tiles, 4 pixels between them and 20 between pictures, 16 around; 60 for headings, 32 for each row's captions.
    let (column, row) = (128 + 4, 128 + 32);
    let width = 3 * (4 * column - 4) + 2 * 20 + 2 * 16;
    assert_eq!(drawn.dimensions(), (width, 16 + 60 + 5 * row));
    let tile = |x: u32, y: u32| {
        let left = 16 + x * column + x / 4 * 16;
        image::imageops::crop_imm(&drawn, left, 76 + y * row, 128, 128).to_image()
    };
    for part in 0..5 {
        for face in 0..3 {
            let clean = picture::read(&input.join(format!("{}.png", face + 1))).unwrap();
            assert!(tile(4 * face, part) == clean);
            let quality = [1, 2, 3]
                .map(|strength| training::metrics::psnr(&tile(4 * face + strength, part), &clean).unwrap());
            assert!(quality.is_sorted_by(|mild, strong| mild > strong), "part {part}: {quality:?}");
        }
    }
    let options = "[degradation]\nmotion_blur = {}\nsecond = {}\ncolor_jitter = {}";
    let config = tiny_config(folder.path(), "options.toml", &[("[degradation]", options)]);
    assert_eq!(sheet(&[&"--config", &config]).dimensions(), (width, 16 + 60 + 8 * row));
    #[cfg(feature = "video")]
    {
        let config =
            tiny_config(folder.path(), "h264.toml", &[("[degradation]", "[degradation]\nh264 = {}")]);
        assert_eq!(sheet(&[&"--config", &config]).dimensions(), (width, 16 + 60 + 6 * row));
    }
}

#[test]
fn a_killed_run_goes_on_and_ends_as_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let input = faces_of_sizes(folder.path(), [256, 300, 256, 280, 310]);
    let (killed, whole) = (folder.path().join("killed"), folder.path().join("whole"));
    let degrade = |output: &Path| succeeded(&idm(&[&"degrade", &"--input", &input, &"--output", &output]));
    degrade(&whole);
    let done = || std::fs::read_dir(&killed).is_ok_and(|files| files.count() >= 3);
    kill_9_when(&[&"degrade", &"--input", &input, &"--output", &killed], done);
    degrade(&killed);
    assert_eq!(names(&killed), names(&whole));
    for name in names(&whole) {
        let read = |folder: &Path| std::fs::read(folder.join(&name)).unwrap();
        assert!(read(&killed) == read(&whole), "{name}");
    }
}

#[test]
fn a_full_disk_stops_the_run_and_leaves_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let input = faces_of_sizes(folder.path(), [256; 5]);
    let (disk, whole) = (folder.path().join("disk"), folder.path().join("whole"));
    std::fs::create_dir(&disk).unwrap();
    let run = idm_on_small_disk(&disk, 120, &[&"degrade", &"--input", &input, &"--output", &disk]);
    failed(&run, &["cannot write", "No space left"]);
    succeeded(&idm(&[&"degrade", &"--input", &input, &"--output", &whole]));
    assert!(names(&disk).len() < names(&whole).len());
    let same =
        |name: &String| std::fs::read(disk.join(name)).unwrap() == std::fs::read(whole.join(name)).unwrap();
    assert!(names(&disk).iter().filter(|name| name.ends_with(".png")).all(same));
    assert!(names(&disk).iter().all(|name| !name.starts_with('.')), "{:?}", names(&disk));
    // With room it goes on where it was.
    succeeded(&idm(&[&"degrade", &"--input", &input, &"--output", &disk]));
    assert_eq!(names(&disk), names(&whole));
    assert!(names(&whole).iter().all(same));
}
