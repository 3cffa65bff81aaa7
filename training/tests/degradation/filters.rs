// SPDX-License-Identifier: MIT OR Apache-2.0
//! The filters that shrink and enlarge: drawn by their weights, recorded, in use, and off unless asked for.

use std::path::Path;

use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{
    Degradation, DegradationParams, Filter, FilterWeights, Resize, ResizeParams,
};
use training::metrics::psnr;
use training::picture;

use crate::common::distribution::assert_share;

const DRAWS: usize = 20_000;

const ALL: [Filter; 4] = [Filter::Area, Filter::Linear, Filter::Cubic, Filter::Lanczos];

fn face() -> RgbImage {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"));
    image::imageops::crop_imm(&picture::read(file).unwrap(), 96, 0, 256, 256).to_image()
}

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(23);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn filters_are_drawn_by_their_weights_and_change_nothing_else() {
    let all = draws(&Degradation { resize: Some(Resize::default()), ..Degradation::default() });
    let filters: Vec<ResizeParams> = all.iter().map(|draw| draw.resize.unwrap()).collect();
    let count = |is: &dyn Fn(&ResizeParams) -> bool| filters.iter().filter(|filter| is(filter)).count();
    for (filter, shrink, enlarge) in [
        (Filter::Area, 0.2, 0.0),
        (Filter::Linear, 0.4, 1.0 / 3.0),
        (Filter::Cubic, 0.4, 1.0 / 3.0),
        (Filter::Lanczos, 0.0, 1.0 / 3.0),
    ] {
        for (name, share, count) in [
            ("shrink", shrink, count(&|drawn| drawn.shrink == filter)),
            ("enlarge", enlarge, count(&|drawn| drawn.enlarge == filter)),
        ] {
            match share {
                0.0 => assert_eq!(count, 0, "{name} {filter:?}"),
                share => assert_share(&format!("{name} {filter:?}"), count, DRAWS, share),
            }
        }
    }
    // The two are independent of each other.
    let both = count(&|drawn| drawn.shrink == Filter::Cubic && drawn.enlarge == Filter::Lanczos);
    assert_share("both", both, DRAWS, 0.4 / 3.0);
    for (with, without) in all.into_iter().zip(draws(&Degradation::default())) {
        assert_eq!(DegradationParams { resize: None, ..with }, without);
    }
}

/// Two linear ones are what happens without; every other pair gives another picture of the same face, and the record the
/// same bytes again.
#[test]
fn every_pair_of_filters_has_its_picture() {
    let face = face();
    let plain =
        DegradationParams { noise: 0.0, scale: 5.0, ..Degradation::default().params_for(4, "filter") };
    let mut seen: Vec<(ResizeParams, RgbImage)> = Vec::new();
    for (shrink, enlarge) in
        ALL.into_iter().flat_map(|shrink| ALL.into_iter().skip(1).map(move |to| (shrink, to)))
    {
        let drawn = ResizeParams { shrink, enlarge };
        let params = DegradationParams { resize: Some(drawn), ..plain.clone() };
        let degraded = params.apply(&face).unwrap();
        let recorded: DegradationParams =
            serde_json::from_str(&serde_json::to_string(&params).unwrap()).unwrap();
        assert_eq!(recorded, params);
        assert!(recorded.apply(&face).unwrap() == degraded);
        for (other, picture) in &seen {
            assert!(*picture != degraded, "{drawn:?} as {other:?}");
            let alike = psnr(picture, &degraded).unwrap();
            assert!(alike > 25.0, "{drawn:?} and {other:?}: {alike} dB");
        }
        seen.push((drawn, degraded));
    }
    let linear = seen.iter().find(|(drawn, _)| *drawn == ResizeParams::default()).unwrap();
    assert!(linear.1 == plain.apply(&face).unwrap());
}

/// Fine stripes are grey when an area shrinks them. Bilinear interpolation, which reads two of five columns, leaves some.
#[test]
fn an_area_does_not_alias() {
    let stripes = RgbImage::from_fn(512, 512, |x, _| image::Rgb([if x % 4 < 2 { 0 } else { 240 }; 3]));
    let nothing = DegradationParams {
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 5.0,
        noise: 0.0,
        quality: 100,
        ..Degradation::default().params_for(0, "stripes")
    };
    let contrast = |shrink: Filter| {
        let resize = Some(ResizeParams { shrink, enlarge: Filter::Linear });
        let degraded = DegradationParams { resize, ..nothing.clone() }.apply(&stripes).unwrap();
        let values = degraded.as_raw().iter().map(|&value| f64::from(value));
        values.map(|value| (value - 120.0).abs()).fold(0.0, f64::max)
    };
    // Five columns hold two or three light ones: 96 to 144, and rounding and JPEG.
    assert!(contrast(Filter::Area) < 40.0, "{}", contrast(Filter::Area));
    assert!(contrast(Filter::Linear) > 100.0, "{}", contrast(Filter::Linear));
    // A cubic or a sinc as wide as five columns keeps less of a period of four.
    for filter in [Filter::Cubic, Filter::Lanczos] {
        assert!(contrast(filter) < 40.0, "{filter:?}: {}", contrast(filter));
    }
}

/// The frames of a clip are shrunk by the same filter: a coded one is close to what is coded.
#[cfg(feature = "video")]
#[test]
fn clips_are_shrunk_by_the_same_filter() {
    use training::data::degradation::{H264Params, Rate};
    let face = face();
    for shrink in ALL {
        let resize = Some(ResizeParams { shrink, enlarge: Filter::Cubic });
        let still = DegradationParams {
            sigma_x: 0.0,
            sigma_y: 0.0,
            scale: 4.0,
            noise: 0.0,
            quality: 100,
            resize,
            ..Degradation::default().params_for(0, "clip")
        };
        let uncoded = still.apply(&face).unwrap();
        for kept in [0, 4] {
            let clip: H264Params = serde_json::from_value(serde_json::json!({
                "rate": Rate::Crf(12), "frames": 5, "kept": kept, "shift": [3.1, -1.7], "zoom": 1.005
            }))
            .unwrap();
            let coded = DegradationParams { h264: Some(clip), ..still.clone() }.apply(&face).unwrap();
            let quality = psnr(&coded, &uncoded).unwrap();
            assert!(quality > 30.0, "{shrink:?}, frame {kept}: {quality} dB");
        }
    }
}

#[test]
fn weights_are_read_by_name_and_wrong_ones_refused() {
    let read: Degradation =
        toml::from_str("resize = { shrink = { area = 1, lanczos = 3.0 }, enlarge = { cubic = 2 } }").unwrap();
    read.validate().unwrap();
    let expected = Resize {
        shrink: FilterWeights { area: 1.0, lanczos: 3.0, ..FilterWeights::default() },
        enlarge: FilterWeights { cubic: 2.0, ..FilterWeights::default() },
    };
    assert_eq!(read.resize, Some(expected));
    assert_eq!(toml::from_str::<Degradation>(&toml::to_string(&read).unwrap()).unwrap(), read);
    assert_eq!(toml::from_str::<Degradation>("resize = {}").unwrap().resize, Some(Resize::default()));
    for (text, field) in [
        ("resize = { shrink = { area = -1 } }", "resize.shrink"),
        ("resize = { shrink = {} }", "resize.shrink"),
        ("resize = { enlarge = { cubic = nan } }", "resize.enlarge"),
        ("resize = { enlarge = { area = 1, linear = 1 } }", "resize.enlarge.area"),
    ] {
        let message = toml::from_str::<Degradation>(text).unwrap().validate().unwrap_err().to_string();
        assert!(message.contains(field), "{text}: {message}");
    }
    let unknown = toml::from_str::<Degradation>("resize = { shrink = { nearest = 1 } }").unwrap_err();
    assert!(unknown.to_string().contains("nearest"), "{unknown}");
}
