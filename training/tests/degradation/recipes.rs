// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recipes in training/configs/damage: what each draws, and that `idm degrade` takes them.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use training::data::degradation::{Degradation, DegradationParams, Filter};

use crate::common::distribution::{assert_share, assert_uniform, assert_uniform_whole};
use crate::common::{faces, failed, idm, repository, succeeded};

const DRAWS: usize = 20_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecipeFile {
    degradation: Degradation,
}

fn recipe(name: &str) -> Degradation {
    let file = repository().join("training/configs/damage").join(name);
    let file: RecipeFile = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(file.degradation.validate().is_ok() || cfg!(not(feature = "video")), "{name}");
    file.degradation
}

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

/// The blur in small pixels is what the recipe says, whatever the factor is; without the key nothing is multiplied.
#[test]
fn the_blur_can_count_small_pixels() {
    let plain = Degradation { sigma: [0.5, 1.5], scale: [1.0, 5.0], ..Degradation::default() };
    let small = Degradation { sigma_in_small_pixels: true, ..plain.clone() };
    assert!(!toml::to_string(&plain).unwrap().contains("small"));
    assert_eq!(toml::from_str::<Degradation>(&toml::to_string(&small).unwrap()).unwrap(), small);
    let all = draws(&small);
    assert_uniform("blur", all.iter().map(|draw| draw.sigma_x / draw.scale), [0.499_999, 1.500_001]);
    for (small, plain) in all.into_iter().zip(draws(&plain)) {
        assert_eq!(small.sigma_y, plain.scale * plain.sigma_y);
        let (sigma_x, sigma_y) = (plain.sigma_x, plain.sigma_y);
        assert_eq!(DegradationParams { sigma_x, sigma_y, ..small }, plain);
    }
}

#[test]
fn a_calls_faces_are_small_coded_and_mostly_without_noise() {
    let draws = draws(&recipe("call.toml"));
    assert_uniform("factor", draws.iter().map(|draw| draw.scale), [2.3, 5.3]);
    assert_uniform("blur", draws.iter().map(|draw| draw.sigma_x / draw.scale), [0.0, 1.500_001]);
    let of = |is: &dyn Fn(&DegradationParams) -> bool| draws.iter().filter(|draw| is(draw)).count();
    assert_share("no noise", of(&|draw| draw.noise == 0.0), draws.len(), 0.7);
    assert_share("sharpened", of(&|draw| draw.sharpen.is_some()), draws.len(), 0.4);
    assert_share("ringing", of(&|draw| draw.ringing.is_some()), draws.len(), 0.2);
    let shrunk = |filter| of(&|draw| draw.resize.unwrap().shrink == filter);
    assert_share("area", shrunk(Filter::Area), draws.len(), 0.3);
    assert_share("cubic", shrunk(Filter::Cubic), draws.len(), 0.4);
    assert_eq!(shrunk(Filter::Linear), 0);
    let clips: Vec<_> = draws.iter().map(|draw| draw.h264.as_ref().unwrap()).collect();
    assert_share("twice", clips.iter().filter(|clip| clip.again.is_some()).count(), draws.len(), 0.3);
    assert_uniform_whole("offset", clips.iter().map(|clip| (clip.deblock.unwrap() + 2) as u8), [0, 4]);
}

#[test]
fn old_video_is_from_a_tape_and_a_photo_is_saved_twice() {
    let all = draws(&recipe("old-video.toml"));
    assert!(all.iter().all(|draw| draw.tape.is_some()));
    assert_share("coded", all.iter().filter(|draw| draw.h264.is_some()).count(), DRAWS, 0.67);
    let all = draws(&recipe("photo.toml"));
    let of = |is: &dyn Fn(&DegradationParams) -> bool| all.iter().filter(|draw| is(draw)).count();
    assert_share("no noise", of(&|draw| draw.noise == 0.0), DRAWS, 0.4);
    assert_share("grey noise", of(&|draw| draw.gray_noise), DRAWS, 0.4);
    assert_share("saved twice", of(&|draw| draw.second.is_some()), DRAWS, 0.4);
    let second = all.iter().filter_map(|draw| draw.second.as_ref());
    assert!(second.clone().all(|stage| stage.sigma_x == 0.0 && stage.noise == 0.0));
    assert_uniform_whole("second quality", second.map(|stage| stage.quality), [50, 95]);
}

#[test]
fn idm_degrade_takes_a_file_with_a_recipe_alone() {
    let folder = tempfile::tempdir().unwrap();
    let input = faces(folder.path());
    let degrade = |file: &std::path::Path, output: &str| {
        let output = folder.path().join(output);
        idm(&[&"degrade", &"--input", &input, &"--output", &output, &"--config", &file])
    };
    let mut names = vec!["photo"];
    if cfg!(feature = "video") {
        names.extend(["call", "old-video"]);
    }
    for name in names {
        let file = repository().join(format!("training/configs/damage/{name}.toml"));
        succeeded(&degrade(&file, name));
        let lines = std::fs::read_to_string(folder.path().join(name).join("degradations.jsonl")).unwrap();
        assert_eq!(lines.lines().count(), 5, "{name}");
    }
    for (text, reasons) in [
        ("[degradation]\nsigmas = [0, 1]", ["wrong.toml", "sigmas"]),
        ("[degradation]\nsigma = [2, 1]", ["degradation", "sigma is [2.0, 1.0]"]),
        // More than the table makes it a training configuration, which needs a model.
        ("[degradation]\n[data]", ["wrong.toml", "model"]),
    ] {
        let wrong = folder.path().join("wrong.toml");
        std::fs::write(&wrong, text).unwrap();
        failed(&degrade(&wrong, "wrong"), &reasons);
    }
    failed(&degrade(&folder.path().join("none.toml"), "wrong"), &["none.toml"]);
}
