// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element's property table: what `gst-inspect-1.0 facerestore` shows.
#![allow(
    unused_doc_comments,
    reason = "GStreamer's documentation reads those of properties: since when they are there"
)]

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use super::choices::{Mode, Precision, Sampler, TorchScriptRange};
use super::settings::{
    DEFAULT_DETAIL, DEFAULT_DETECTION_INTERVAL, DEFAULT_DETECTION_THRESHOLD, DEFAULT_DEVICE, DEFAULT_MAX_AGE,
    DEFAULT_MAX_FACES, DEFAULT_MAX_REUSE, DEFAULT_MIN_FACE_SIZE, DEFAULT_STRENGTH, DEFAULT_TEMPORAL,
};
use crate::meta::REGION_FIELDS;

/// The property table, in the order of the two groups of settings.
pub static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    model_properties().into_iter().chain(frame_properties()).chain([stats_property()]).collect()
});

fn model_properties() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecString::builder("model")
            .nick("Model file")
            .blurb("Restoration model: a checkpoint (.safetensors) of this project, or any TorchScript network (.pt, .pth, .torchscript; such a file is a program, so take it from those whom you trust) that restores 512x512 RGB faces. Unset: facerestore-fast.safetensors, or in live mode facerestore-live.safetensors, found near the plugin")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("detector")
            .nick("Detector file")
            .blurb("Face detector: the YuNet network of March 2023 in ONNX format; or none, to take the faces from GstVideoRegionOfInterestMetas of type \"face\" with landmarks, as attach-meta makes them, that an element upstream has attached. Unset: face_detection_yunet_2023mar.onnx, found near the plugin")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("mode", Mode::default())
            .nick("Mode")
            .blurb("Whether a frame waits for the restoration of its faces")
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
        /**
         * GstFaceRestore:detail:
         *
         * How much of the detail is added to the faithful face.
         *
         * Since: 0.2
         */
        glib::ParamSpecDouble::builder("detail")
            .nick("Detail")
            .blurb("How much of the detail is added to the faithful face: 0 shows only what is certain, and is softer; 1 shows skin, hair and lashes as the model draws them. Costs no time; without effect on models that were not trained for it")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_DETAIL)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecBoolean::builder("keep-color")
            .nick("Keep colour")
            .blurb("Keep the input's skin tone and lighting: take only detail from the restored face")
            .default_value(true)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecDouble::builder("temporal")
            .nick("Temporal stability")
            .blurb("How far the detail of a face persists from frame to frame: 0 restores each frame anew, which flickers; 1 takes over as much as it may where the face has not changed")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_TEMPORAL)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt::builder("max-age")
            .nick("Largest age")
            .blurb("Live mode: show a restoration for at most this many milliseconds; from half of it on it fades out")
            .minimum(1)
            .maximum(60_000)
            .default_value(DEFAULT_MAX_AGE)
            .mutable_playing()
            .controllable()
            .build(),
        /**
         * GstFaceRestore:max-reuse:
         *
         * How many frames may show the last restoration of a face that has not changed.
         *
         * Since: 0.2
         */
        glib::ParamSpecUInt::builder("max-reuse")
            .nick("Most reuse")
            .blurb("Show the last restoration of a face that has not changed in at most this many frames, instead of restoring it anew; a face that moves or speaks is restored in each frame. 0 restores every face of every frame")
            .maximum(1000)
            .default_value(DEFAULT_MAX_REUSE)
            .mutable_playing()
            .controllable()
            .build(),
        /**
         * GstFaceRestore:match-size:
         *
         * Whether small faces are restored in half crops.
         *
         * Since: 0.2
         */
        glib::ParamSpecBoolean::builder("match-size")
            .nick("Match the size")
            .blurb("Restore faces that are so small that a crop of half the size shows all there is of them in such a crop, in a quarter of the time. The model was trained on whole crops: look whether you like what it makes of others. Without effect on TorchScript networks")
            .default_value(false)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt64::builder("seed")
            .nick("Seed")
            .blurb("Seed of the diffusion noise, the same for each face and frame so that it does not flicker. The same seed on the same device gives the same pixels")
            .default_value(0)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt::builder("max-faces")
            .nick("Most faces")
            .blurb("Restore at most this many faces of a frame, the largest first")
            .minimum(1)
            .maximum(1000)
            .default_value(DEFAULT_MAX_FACES)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt::builder("min-face-size")
            .nick("Least face size")
            .blurb("Leave out faces whose box is smaller than this many pixels of the frame; a smaller value makes detection slower. With detector=none every face counts")
            .minimum(1)
            .default_value(DEFAULT_MIN_FACE_SIZE)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecDouble::builder("detection-threshold")
            .nick("Detection threshold")
            .blurb("Leave out faces of which the detector is less sure than this. Without effect with detector=none")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(DEFAULT_DETECTION_THRESHOLD)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecUInt::builder("detection-interval")
            .nick("Detection interval")
            .blurb("Look for faces in every n-th frame, and when one is lost; optical flow follows them in between. Above 1 most looks are at what has changed and at the faces that are followed, and every fourth at the whole frame; in live mode looks are rarer, six times at most, while nobody is in sight and much of the picture moves. Without effect with detector=none")
            .minimum(1)
            .default_value(DEFAULT_DETECTION_INTERVAL)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecBoolean::builder("attach-meta")
            .nick("Attach metadata")
            .blurb(REGION_FIELDS)
            .default_value(false)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecBoolean::builder("draw-boxes")
            .nick("Draw boxes")
            .blurb("Draw the box and landmarks of each face into the picture, for debugging")
            .default_value(false)
            .mutable_playing()
            .controllable()
            .build(),
    ]
}

fn stats_property() -> glib::ParamSpec {
    glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
        .nick("Statistics")
        .blurb("Counters since the start (frames, faces, tracks, restored-faces, reused-faces among them, which had not changed, bypassed-frames, late-frames, failures); for the stages detect, track, align, restore and paste the milliseconds per frame in which they ran: mean (detect-ms, ...) and last (detect-ms-last, ...); in live mode the restorations, the worker's milliseconds per restoration (worker-ms) and the age in milliseconds of the oldest detail that the frames showed: mean (detail-age-ms), last (detail-age-ms-last) and largest (detail-age-ms-max)")
        .read_only()
        .build()
}
