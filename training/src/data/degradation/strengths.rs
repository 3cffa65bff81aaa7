// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each part of a recipe alone at rising strength, for people to look at.

use super::{
    Adjustment, ChromaWidth, ColorJitter, ColorParams, Degradation, DegradationParams, Deinterlacer, H264,
    H264Params, InterlaceParams, LineNoiseParams, LineRingingParams, MotionBlur, MotionBlurParams, Rate,
    Ringing, RingingParams, SecondStage, Sharpen, SharpenParams, StageParams, Tape, TapeParams,
};

/// The shares of a range that are shown, and their names.
pub const SHARES: [(f64, &str); 3] = [(1.0 / 3.0, "a third"), (2.0 / 3.0, "two thirds"), (1.0, "the most")];

/// One strength of one part of a recipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Strength {
    /// The part: `blur`, `JPEG`, …, `everything`, `everything of mix 1`, ….
    pub part: String,
    /// The strength with its unit.
    pub label: String,
    /// The parameters; all other parts do nothing, but that a JPEG of quality 100 is always there.
    pub params: DegradationParams,
}

impl Degradation {
    /// Every part of the recipe alone at a third, two thirds and all of its range, then all parts together, and all parts of
    /// each recipe of its mix together.
    #[must_use]
    pub fn strengths(&self, noise_seed: u64) -> Vec<Strength> {
        let mut strengths = Vec::new();
        let nothing = nothing(noise_seed);
        let mut add =
            |part: &str, label, params| strengths.push(Strength { part: part.to_owned(), label, params });
        for (share, _) in SHARES {
            let sigma = self.sigma_unit(at(self.scale, share)) * at(self.sigma, share);
            let params = DegradationParams { sigma_x: sigma, sigma_y: sigma, ..nothing.clone() };
            add("blur", format!("{sigma:.1} px"), params);
        }
        for (share, _) in SHARES {
            let scale = at(self.scale, share);
            add("down-sampling", format!("×{scale:.1}"), DegradationParams { scale, ..nothing.clone() });
        }
        for (share, _) in SHARES {
            let noise = at(self.noise, share);
            add("noise", format!("{noise:.1}/255"), DegradationParams { noise, ..nothing.clone() });
        }
        for (share, _) in SHARES {
            let quality = falling(self.quality, share);
            add("JPEG", format!("quality {quality}"), DegradationParams { quality, ..nothing.clone() });
        }
        self.options(&nothing, &mut add);
        for (share, label) in SHARES {
            add("everything", label.to_owned(), self.all_at(share, &nothing));
        }
        for (index, part) in self.mix.iter().enumerate() {
            for (share, label) in SHARES {
                let params = part.recipe.all_at(share, &nothing);
                add(&format!("everything of mix {}", index + 1), label.to_owned(), params);
            }
        }
        strengths
    }

    fn options(&self, nothing: &DegradationParams, add: &mut impl FnMut(&str, String, DegradationParams)) {
        for (share, _) in SHARES {
            if let Some(motion) = self.motion_blur.as_ref().map(|option| motion_at(option, share)) {
                let label = format!("{:.0} px", motion.length);
                add("motion blur", label, DegradationParams { motion_blur: Some(motion), ..nothing.clone() });
            }
        }
        for (share, label) in SHARES {
            if let Some(second) =
                self.second.as_ref().map(|option| second_at(option, share, nothing.noise_seed))
            {
                add(
                    "second stage",
                    label.to_owned(),
                    DegradationParams { second: Some(second), ..nothing.clone() },
                );
            }
        }
        for (share, _) in SHARES {
            if let Some(sharpen) = self.sharpen.as_ref().map(|option| sharpen_at(option, share)) {
                let label = format!("{:.1} of {:.1} px", sharpen.amount, sharpen.radius);
                add("sharpening", label, DegradationParams { sharpen: Some(sharpen), ..nothing.clone() });
            }
        }
        for (share, label) in SHARES {
            if let Some(tape) = self.tape.as_ref().map(|option| tape_at(option, share, nothing.noise_seed)) {
                let params = DegradationParams { tape: Some(tape), ..nothing.clone() };
                add("tape", label.to_owned(), params);
            }
        }
        self.last_options(nothing, add);
    }

    /// The coding, and what follows it.
    fn last_options(
        &self,
        nothing: &DegradationParams,
        add: &mut impl FnMut(&str, String, DegradationParams),
    ) {
        for (share, _) in SHARES {
            if let Some(h264) = self.h264.as_ref().map(|option| h264_at(option, share)) {
                let label = match h264.rate {
                    Rate::Crf(crf) => format!("CRF {crf}"),
                    Rate::BitsPerPixel(bits) => format!("{bits:.2} bits a pixel"),
                };
                add("H.264", label, DegradationParams { h264: Some(h264), ..nothing.clone() });
            }
        }
        for (share, _) in SHARES {
            if let Some(ringing) = self.ringing.as_ref().map(|option| ringing_at(option, share)) {
                let label = format!("above {:.0} %", 100.0 * ringing.cutoff);
                add("ringing", label, DegradationParams { ringing: Some(ringing), ..nothing.clone() });
            }
        }
        for (share, label) in SHARES {
            if let Some(color) = self.color_jitter.as_ref().map(|option| color_at(option, share)) {
                let params = DegradationParams { color: Some(color), ..nothing.clone() };
                add("colours", label.to_owned(), params);
            }
        }
    }

    /// All parts but the colours at `share` of their ranges.
    fn all_at(&self, share: f64, nothing: &DegradationParams) -> DegradationParams {
        let sigma = self.sigma_unit(at(self.scale, share)) * at(self.sigma, share);
        DegradationParams {
            sigma_x: sigma,
            sigma_y: sigma,
            scale: at(self.scale, share),
            noise: at(self.noise, share),
            quality: falling(self.quality, share),
            motion_blur: self.motion_blur.as_ref().map(|option| motion_at(option, share)),
            second: self.second.as_ref().map(|option| second_at(option, share, nothing.noise_seed ^ 1)),
            sharpen: self.sharpen.as_ref().map(|option| sharpen_at(option, share)),
            tape: self.tape.as_ref().map(|option| tape_at(option, share, nothing.noise_seed ^ 2)),
            h264: self.h264.as_ref().map(|option| h264_at(option, share)),
            ringing: self.ringing.as_ref().map(|option| ringing_at(option, share)),
            ..nothing.clone()
        }
    }
}

fn nothing(noise_seed: u64) -> DegradationParams {
    DegradationParams {
        clean: false,
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 1.0,
        noise: 0.0,
        gray_noise: false,
        noise_seed,
        quality: 100,
        motion_blur: None,
        second: None,
        resize: None,
        sharpen: None,
        tape: None,
        h264: None,
        ringing: None,
        color: None,
    }
}

fn at([low, high]: [f64; 2], share: f64) -> f64 {
    low + (high - low) * share
}

/// The qualities fall as the strength rises.
fn falling([low, high]: [u8; 2], share: f64) -> u8 {
    at([f64::from(high), f64::from(low)], share).round() as u8
}

fn motion_at(option: &MotionBlur, share: f64) -> MotionBlurParams {
    MotionBlurParams { length: at(option.length, share), angle: at(option.angle, 1.0 / 6.0) }
}

fn second_at(option: &SecondStage, share: f64, noise_seed: u64) -> StageParams {
    let sigma = at(option.sigma, share);
    StageParams {
        sigma_x: sigma,
        sigma_y: sigma,
        rotation: 0.0,
        scale: at(option.scale, share),
        noise: at(option.noise, share),
        gray_noise: false,
        noise_seed,
        quality: falling(option.quality, share),
    }
}

fn sharpen_at(option: &Sharpen, share: f64) -> SharpenParams {
    SharpenParams { amount: at(option.amount, share), radius: at(option.radius, share) }
}

/// Both fields are left as they are.
fn tape_at(option: &Tape, share: f64, seed: u64) -> TapeParams {
    let Tape { interlace, ringing, noise, .. } = option;
    TapeParams {
        chroma: Some(if share < 0.5 { ChromaWidth::Half } else { ChromaWidth::Quarter }),
        interlace: Some(InterlaceParams {
            motion: at(interlace.motion, share),
            deinterlacer: Deinterlacer::Comb,
        }),
        ringing: Some(LineRingingParams {
            strength: at(ringing.strength, share),
            length: at(ringing.length, share),
        }),
        noise: Some(LineNoiseParams {
            deviation: at(noise.deviation, share),
            length: at(noise.length, share),
            seed,
        }),
    }
}

fn h264_at(option: &H264, share: f64) -> H264Params {
    let [low, high] = option.crf;
    let rate = match option.bits_per_pixel {
        None => Rate::Crf(falling([high, low], share)),
        Some([low, high]) => Rate::BitsPerPixel(at([high, low], share)),
    };
    let frames = option.frames[1];
    H264Params {
        rate,
        frames,
        kept: frames / 2,
        shift: [at(option.speed, share), 0.0],
        zoom: at(option.zoom, share),
        deblock: option.deblock.map(|[low, high]| at([f64::from(low), f64::from(high)], share).round() as i8),
        again: None,
    }
}

/// The cut-off frequency falls as the strength rises.
fn ringing_at(option: &Ringing, share: f64) -> RingingParams {
    let [low, high] = option.cutoff;
    RingingParams { cutoff: at([high, low], share) }
}

/// Darker, less contrast and less colour, another hue; the shift is left out.
fn color_at(option: &ColorJitter, share: f64) -> ColorParams {
    let towards = |end: f64| at([1.0, end], share);
    let adjustments = vec![
        Adjustment::Brightness(towards(option.brightness[0])),
        Adjustment::Contrast(towards(option.contrast[0])),
        Adjustment::Saturation(towards(option.saturation[0].max(0.5))),
        Adjustment::Hue(option.hue[1] * share),
    ];
    ColorParams { shift: None, gray: false, adjustments }
}
