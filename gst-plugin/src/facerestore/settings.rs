//! The property table, and the values behind it.

use std::path::PathBuf;
use std::sync::LazyLock;

use face_detect::{DetectOptions, PasteOptions};
use gst::glib;
use gst::prelude::*;

use super::choices::{Precision, Sampler, TorchScriptRange};
use crate::pipeline::FrameOptions;

const DEFAULT_DEVICE: &str = "auto";
const DEFAULT_STRENGTH: f64 = 1.0;
const DEFAULT_MAX_FACES: u32 = 50;
const DEFAULT_MIN_FACE_SIZE: u32 = 32;
/// Of 120 frames of a badly degraded clip the face is found in 118 at 0.6 and in 92 at 0.7.
const DEFAULT_DETECTION_THRESHOLD: f64 = 0.6;

/// What is read when the element starts (READY → PAUSED).
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Model file; `None` is the shipped one.
    pub model: Option<PathBuf>,
    /// Detector file; `None` is the shipped one.
    pub detector: Option<PathBuf>,
    /// As the user wrote it.
    pub device: String,
    /// Of the network.
    pub precision: Precision,
    /// 0 is the model's own number.
    pub steps: u32,
    /// Of the diffusion model.
    pub sampler: Sampler,
    /// Of a TorchScript network.
    pub torchscript_range: TorchScriptRange,
    /// Of a TorchScript network.
    pub torchscript_output: u32,
}

/// What is read before each frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameSettings {
    /// Share of restoration, 0 to 1.
    pub strength: f64,
    /// Keep the input's low frequencies of colour.
    pub keep_color: bool,
    /// Seed of the noise.
    pub seed: u64,
    /// Most faces in a frame.
    pub max_faces: u32,
    /// In pixels.
    pub min_face_size: u32,
    /// Least score of a face.
    pub detection_threshold: f64,
    /// Every how many frames faces are looked for.
    pub detection_interval: u32,
    /// Attach metas.
    pub attach_meta: bool,
    /// Draw boxes.
    pub draw_boxes: bool,
}

/// The values of all properties but `stats`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Read when the element starts.
    pub model: ModelSettings,
    /// Read before each frame.
    pub frame: FrameSettings,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            model: None,
            detector: None,
            device: DEFAULT_DEVICE.into(),
            precision: Precision::default(),
            steps: 0,
            sampler: Sampler::default(),
            torchscript_range: TorchScriptRange::default(),
            torchscript_output: 0,
        }
    }
}

impl Default for FrameSettings {
    fn default() -> Self {
        Self {
            strength: DEFAULT_STRENGTH,
            keep_color: true,
            seed: 0,
            max_faces: DEFAULT_MAX_FACES,
            min_face_size: DEFAULT_MIN_FACE_SIZE,
            detection_threshold: DEFAULT_DETECTION_THRESHOLD,
            detection_interval: 1,
            attach_meta: false,
            draw_boxes: false,
        }
    }
}

impl FrameSettings {
    /// Whether faces are of any use with these settings.
    #[must_use]
    pub fn wants_faces(&self) -> bool {
        self.strength > 0.0 || self.annotates()
    }

    /// Whether a frame with faces is changed or annotated even when none of them is restored.
    #[must_use]
    pub fn annotates(&self) -> bool {
        self.attach_meta || self.draw_boxes
    }

    /// What the pipeline needs to know.
    #[must_use]
    pub fn options(&self) -> FrameOptions {
        FrameOptions {
            detect: DetectOptions {
                score_threshold: self.detection_threshold as f32,
                min_face_size: self.min_face_size,
                max_faces: self.max_faces as usize,
                ..Default::default()
            },
            detection_interval: self.detection_interval,
            seed: self.seed,
            paste: PasteOptions { strength: self.strength as f32, keep_color: self.keep_color },
        }
    }
}

impl Settings {
    /// Stores a property's value. Its type and range are GObject's business; an empty path means the default.
    pub fn set(&mut self, name: &str, value: &glib::Value) {
        fn get<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T {
            value.get().expect("type checked upstream")
        }
        let path = || get::<Option<PathBuf>>(value).filter(|path| !path.as_os_str().is_empty());
        let (model, frame) = (&mut self.model, &mut self.frame);
        match name {
            "model" => model.model = path(),
            "detector" => model.detector = path(),
            "device" => {
                model.device = get::<Option<String>>(value).unwrap_or_else(|| DEFAULT_DEVICE.into());
            }
            "precision" => model.precision = get(value),
            "steps" => model.steps = get(value),
            "sampler" => model.sampler = get(value),
            "torchscript-range" => model.torchscript_range = get(value),
            "torchscript-output" => model.torchscript_output = get(value),
            "strength" => frame.strength = get(value),
            "keep-color" => frame.keep_color = get(value),
            "seed" => frame.seed = get(value),
            "max-faces" => frame.max_faces = get(value),
            "min-face-size" => frame.min_face_size = get(value),
            "detection-threshold" => frame.detection_threshold = get(value),
            "detection-interval" => frame.detection_interval = get(value),
            "attach-meta" => frame.attach_meta = get(value),
            "draw-boxes" => frame.draw_boxes = get(value),
            _ => unimplemented!("property {name}"),
        }
    }

    /// A property's value.
    pub fn get(&self, name: &str) -> glib::Value {
        let (model, frame) = (&self.model, &self.frame);
        match name {
            "model" => model.model.to_value(),
            "detector" => model.detector.to_value(),
            "device" => model.device.to_value(),
            "precision" => model.precision.to_value(),
            "steps" => model.steps.to_value(),
            "sampler" => model.sampler.to_value(),
            "torchscript-range" => model.torchscript_range.to_value(),
            "torchscript-output" => model.torchscript_output.to_value(),
            "strength" => frame.strength.to_value(),
            "keep-color" => frame.keep_color.to_value(),
            "seed" => frame.seed.to_value(),
            "max-faces" => frame.max_faces.to_value(),
            "min-face-size" => frame.min_face_size.to_value(),
            "detection-threshold" => frame.detection_threshold.to_value(),
            "detection-interval" => frame.detection_interval.to_value(),
            "attach-meta" => frame.attach_meta.to_value(),
            "draw-boxes" => frame.draw_boxes.to_value(),
            _ => unimplemented!("property {name}"),
        }
    }
}

/// The property table, in the order of the two groups of settings.
pub static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    model_properties().into_iter().chain(frame_properties()).chain([stats_property()]).collect()
});

fn model_properties() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecString::builder("model")
            .nick("Model file")
            .blurb("Restoration model: a checkpoint (.safetensors) of this project, or any TorchScript network (.pt, .pth, .torchscript) that restores 512x512 RGB faces. Unset: facerestore-fast.safetensors, found near the plugin")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("detector")
            .nick("Detector file")
            .blurb("Face detector: the YuNet network of March 2023 in ONNX format. Unset: face_detection_yunet_2023mar.onnx, found near the plugin")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("device")
            .nick("Device")
            .blurb("Where the model computes: cpu, cuda:N (N counts from 0), or auto, the first CUDA device if there is one and else the CPU")
            .default_value(DEFAULT_DEVICE)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("precision", Precision::default())
            .nick("Precision")
            .blurb("Precision in which a checkpoint of this project computes; TorchScript networks keep their own")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("steps")
            .nick("Diffusion steps")
            .blurb("Diffusion steps per face; time grows in proportion. 0: the number that the model file recommends")
            .maximum(1000)
            .default_value(0)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("sampler", Sampler::default())
            .nick("Sampler")
            .blurb("How a diffusion step is taken; without effect when there is one step only")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("torchscript-range", TorchScriptRange::default())
            .nick("TorchScript pixel range")
            .blurb("Pixel values that a TorchScript model takes and gives")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("torchscript-output")
            .nick("TorchScript output")
            .blurb("Index of the restored face where a TorchScript model returns several tensors")
            .default_value(0)
            .mutable_ready()
            .build(),
    ]
}

fn frame_properties() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecDouble::builder("strength")
            .nick("Strength")
            .blurb("Share of restoration in the result: 0 passes the video through, 1 shows the model's face")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_STRENGTH)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecBoolean::builder("keep-color")
            .nick("Keep colour")
            .blurb("Keep the input's skin tone and lighting: take only detail from the restored face")
            .default_value(true)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("seed")
            .nick("Seed")
            .blurb("Seed of the diffusion noise, the same for each face and frame so that it does not flicker. The same seed on the same device gives the same pixels")
            .default_value(0)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("max-faces")
            .nick("Most faces")
            .blurb("Restore at most this many faces of a frame, the largest first")
            .minimum(1)
            .maximum(1000)
            .default_value(DEFAULT_MAX_FACES)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("min-face-size")
            .nick("Least face size")
            .blurb("Leave out faces whose box is smaller than this many pixels of the frame; a smaller value makes detection slower")
            .minimum(1)
            .default_value(DEFAULT_MIN_FACE_SIZE)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("detection-threshold")
            .nick("Detection threshold")
            .blurb("Leave out faces of which the detector is less sure than this")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_DETECTION_THRESHOLD)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt::builder("detection-interval")
            .nick("Detection interval")
            .blurb("Look for faces in every n-th frame only; the frames between reuse the places found last, so that a face which moves fast is missed")
            .minimum(1)
            .default_value(1)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("attach-meta")
            .nick("Attach metadata")
            .blurb("Attach a GstVideoRegionOfInterestMeta of type \"face\" per face, whose parameter structure \"face\" holds score and landmarks")
            .default_value(false)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("draw-boxes")
            .nick("Draw boxes")
            .blurb("Draw the box and landmarks of each face into the picture, for debugging")
            .default_value(false)
            .mutable_playing()
            .build(),
    ]
}

fn stats_property() -> glib::ParamSpec {
    glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
        .nick("Statistics")
        .blurb("Counters since the start (frames, faces, restored-faces, bypassed-frames, late-frames, failures), and for the stages detect, align, restore and paste the milliseconds per frame in which they ran: mean (detect-ms, ...) and last (detect-ms-last, ...)")
        .read_only()
        .build()
}
