// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several recipes in one: their shares, what is drawn from each, and that nothing else changes.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{Degradation, DegradationParams, MixPart, MotionBlur};

use crate::common::distribution::{assert_share, assert_uniform, assert_uniform_whole};

const DRAWS: usize = 20_000;

/// Recipes that a draw tells apart by its σ.
fn mixed() -> Degradation {
    let blur = Degradation { sigma: [20.0, 30.0], quality: [40, 60], ..Degradation::default() };
    let motion = MotionBlur { probability: 1.0, ..MotionBlur::default() };
    let shake = Degradation { sigma: [40.0, 50.0], motion_blur: Some(motion), ..Degradation::default() };
    Degradation {
        mix: vec![MixPart { share: 0.3, recipe: blur }, MixPart { share: 0.1, recipe: shake }],
        ..Degradation::default()
    }
}

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn every_recipe_gets_its_share_and_draws_from_its_own_ranges() {
    let all = draws(&mixed());
    let of = |low: f64| -> Vec<&DegradationParams> {
        all.iter().filter(|draw| draw.sigma_x >= low && draw.sigma_x <= low + 10.0).collect()
    };
    let (base, blur, shake) = (of(0.0), of(20.0), of(40.0));
    assert_eq!(base.len() + blur.len() + shake.len(), DRAWS);
    assert_share("the first", blur.len(), DRAWS, 0.3);
    assert_share("the second", shake.len(), DRAWS, 0.1);
    assert_uniform("sigma of the first", blur.iter().map(|draw| draw.sigma_x), [20.0, 30.0]);
    assert_uniform("scale of the first", blur.iter().map(|draw| draw.scale), [1.0, 8.0]);
    assert_uniform_whole("quality of the first", blur.iter().map(|draw| draw.quality), [40, 60]);
    assert_uniform("sigma of the second", shake.iter().map(|draw| draw.sigma_x), [40.0, 50.0]);
    assert!(shake.iter().all(|draw| draw.motion_blur.is_some()));
    assert!(base.iter().chain(&blur).all(|draw| draw.motion_blur.is_none()));
    // The base recipe's draws stay uniform: the choice does not depend on them.
    assert_uniform("sigma of the base", base.iter().map(|draw| draw.sigma_x), [0.2, 10.0]);
    assert_uniform("noise of the base", base.iter().map(|draw| draw.noise), [0.0, 15.0]);
}

/// Where the choice is the base recipe, its draw is that of a recipe without mix, and a larger share changes no picture's
/// draw but of those that it takes.
#[test]
fn a_mix_changes_only_the_pictures_that_it_takes() {
    let without = draws(&Degradation::default());
    let mut larger = mixed();
    larger.mix[1].share = 0.2;
    let (mut base, mut taken) = (0, 0);
    for ((without, with), larger) in without.iter().zip(draws(&mixed())).zip(draws(&larger)) {
        if with.sigma_x <= 10.0 {
            base += 1;
            assert_eq!(&with, without);
        }
        if larger != with {
            taken += 1;
            assert!(with.sigma_x <= 10.0 && larger.sigma_x >= 40.0);
        }
    }
    assert_share("the base", base, DRAWS, 0.6);
    assert_share("what the larger share takes", taken, DRAWS, 0.1);
    // A share of 1 leaves nothing of the base.
    let mut only = mixed();
    only.mix.truncate(1);
    only.mix[0].share = 1.0;
    assert!(draws(&only).iter().all(|draw| draw.sigma_x >= 20.0));
}

#[test]
fn mixes_are_read_from_tables_and_wrong_ones_refused_with_the_field_named() {
    let text = "
        noise_probability = 0.5
        [[mix]]
        share = 0.4
        [mix.recipe]
        sigma = [0.0, 1.5]
        [mix.recipe.motion_blur]
        probability = 0.1
        [[mix]]
        share = 0.6
        [mix.recipe]
        clean_share = 0.2
    ";
    let read: Degradation = toml::from_str(text).unwrap();
    read.validate().unwrap();
    assert_eq!((read.mix[0].share, read.mix[0].recipe.sigma), (0.4, [0.0, 1.5]));
    assert_eq!(read.mix[1].recipe, Degradation { clean_share: 0.2, ..Degradation::default() });
    assert_eq!(toml::from_str::<Degradation>(&toml::to_string(&read).unwrap()).unwrap(), read);
    let json = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<Degradation>(&json).unwrap(), read);
    assert!(!toml::to_string(&Degradation::default()).unwrap().contains("mix"));
    let wrong = [
        ("share = 0.4", "share = -0.1", "mix[0].share"),
        ("share = 0.4", "share = 0.41", "sum of the shares is 1.01"),
        ("[0.0, 1.5]", "[1.5, 0.0]", "mix[0].recipe.sigma is"),
        ("probability = 0.1", "probability = 3.0", "mix[0].recipe.motion_blur.probability is"),
        ("clean_share = 0.2", "[[mix.recipe.mix]]\nshare = 0.1\nrecipe = {}", "mix[1].recipe.mix"),
    ];
    for (from, to, reason) in wrong {
        let recipe: Degradation = toml::from_str(&text.replace(from, to)).unwrap();
        let message = recipe.validate().unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
    for (text, key) in [("[[mix]]\nshare = 0.1", "recipe"), ("[[mix]]\nrecipe = {}\nshares = 1", "shares")] {
        let message = toml::from_str::<Degradation>(text).unwrap_err().to_string();
        assert!(message.contains(key), "{message}");
    }
}
