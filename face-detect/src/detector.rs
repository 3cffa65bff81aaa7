// SPDX-License-Identifier: MIT OR Apache-2.0
//! The face detector: YuNet (March 2023) run by OpenCV's dnn module.

use std::path::{Path, PathBuf};

use opencv::core::{BORDER_CONSTANT, BORDER_ISOLATED, CV_32F, Mat, Scalar, Size, ToInputArray, Vector};
use opencv::prelude::*;
use opencv::{core, dnn, imgproc};

use crate::error::DetectError;
use crate::face::Face;
use crate::image::check_bgr;
use crate::input_size::InputSize;
use crate::look::Look;
use crate::selection::select;
use crate::yunet::{self, Grid, OUTPUTS, STRIDES};

/// Name of the detector's file, as its authors publish it and as the folder `models` of this project has it.
pub const DETECTOR_FILE: &str = "face_detection_yunet_2023mar.onnx";

/// Which faces [`FaceDetector`] reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectOptions {
    /// Least score of a face, 0 to 1.
    pub score_threshold: f32,
    /// Of two boxes that overlap by more than this (intersection over union, 0 to 1) only the one
    /// with the better score is kept.
    pub nms_threshold: f32,
    /// Least longer side of a face's box, in frame pixels. A small value also makes the network's
    /// input larger and detection slower: see [`FaceDetector::input_size`].
    pub min_face_size: u32,
    /// At most so many faces, the largest ones.
    pub max_faces: usize,
}

impl Default for DetectOptions {
    /// What the element `facerestore` starts with.
    fn default() -> Self {
        Self { score_threshold: 0.6, nms_threshold: 0.3, min_face_size: 32, max_faces: 50 }
    }
}

impl DetectOptions {
    fn check(&self) -> Result<(), DetectError> {
        for (what, value) in
            [("score_threshold", self.score_threshold), ("nms_threshold", self.nms_threshold)]
        {
            if !(0.0..=1.0).contains(&value) {
                return Err(DetectError::WrongValue {
                    what,
                    value: value.to_string(),
                    expected: "from 0 to 1",
                });
            }
        }
        Ok(())
    }
}

/// Networks that are kept, each laid out for an input size: a frame, the same turned by a quarter, a frame in which faces are
/// suspected, and two windows.
const MOST_NETS: usize = 5;

/// Finds faces with five landmarks each; what has landmarks that [cannot be a face's](crate::misfit::is_plausible) is none. The first
/// pass at a new input size is slower, since the network's buffers are laid out anew.
pub struct FaceDetector {
    model: PathBuf,
    /// The model's file.
    bytes: Vector<u8>,
    /// The one used last is the last.
    nets: Vec<((u32, u32), dnn::Net)>,
    output_names: Vector<String>,
    blob: Mat,
}

impl FaceDetector {
    /// Loads the network from `face_detection_yunet_2023mar.onnx`.
    ///
    /// # Errors
    /// [`DetectError::ModelUnreadable`], [`ModelCorrupt`](DetectError::ModelCorrupt) or
    /// [`ModelWrong`](DetectError::ModelWrong).
    pub fn open(model: &Path) -> Result<Self, DetectError> {
        let path = || model.to_owned();
        let bytes =
            std::fs::read(model).map_err(|source| DetectError::ModelUnreadable { path: path(), source })?;
        let corrupt = |reason: String| DetectError::ModelCorrupt { path: path(), reason };
        let bytes = Vector::from_slice(&bytes);
        let net =
            dnn::read_net_from_onnx_buffer(&bytes).map_err(|error| corrupt(one_line(&error.message)))?;
        let present: Vec<String> = net
            .get_unconnected_out_layers_names()
            .map_err(|error| corrupt(one_line(&error.message)))?
            .to_vec();
        let mut output_names = Vector::<String>::new();
        for stride in STRIDES {
            for (output, _) in OUTPUTS {
                let name = format!("{output}_{stride}");
                if !present.contains(&name) {
                    return Err(DetectError::ModelWrong {
                        path: path(),
                        reason: format!("it has no output named {name}"),
                    });
                }
                output_names.push(&name);
            }
        }
        // It is laid out for no size yet.
        Ok(Self { model: path(), bytes, nets: vec![((0, 0), net)], output_names, blob: Mat::default() })
    }

    /// The network input that suits a frame and the smallest face wanted in it.
    ///
    /// The frame is shrunk until its longer side is 640, never enlarged. If a face of
    /// `min_face_size` frame pixels would then measure less than 20, which YuNet misses, it is
    /// shrunk less, up to a longer side of 1280. Both sides are padded to multiples of 32.
    #[must_use]
    pub fn input_size(frame_width: u32, frame_height: u32, min_face_size: u32) -> InputSize {
        InputSize::for_frame(frame_width, frame_height, min_face_size)
    }

    /// The faces of a BGR frame (`CV_8UC3`), largest box first, in frame pixels. A box or a
    /// landmark may lie outside the frame when the face is cut by its border.
    ///
    /// # Errors
    /// When the frame is empty or not `CV_8UC3`, an option is out of range, or OpenCV fails.
    pub fn detect(
        &mut self,
        frame_bgr: &(impl MatTraitConst + ToInputArray),
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        let frame = check_bgr("frame", frame_bgr)?;
        let (width, height) = (frame.width as u32, frame.height as u32);
        let input = Self::input_size(width, height, options.min_face_size);
        if input.scale >= 1.0 {
            return self.detect_shrunk(frame_bgr, (width, height), options);
        }
        let (small_width, small_height) = input.scaled(width, height);
        let mut small = Mat::default();
        let size = Size::new(small_width as i32, small_height as i32);
        imgproc::resize(frame_bgr, &mut small, size, 0.0, 0.0, imgproc::INTER_AREA)
            .map_err(DetectError::at("shrinking the frame for detection"))?;
        self.detect_shrunk(&small, (width, height), options)
    }

    /// The same for callers that have already shrunk a frame of `frame_size` pixels to what [`input_size`](Self::input_size)
    /// [asks for](InputSize::scaled). Faces come back in frame pixels.
    ///
    /// # Errors
    /// As [`detect`](Self::detect), and when `small_bgr` does not fit into that input.
    pub fn detect_shrunk(
        &mut self,
        small_bgr: &(impl MatTraitConst + ToInputArray),
        (width, height): (u32, u32),
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        let small = check_bgr("shrunk frame", small_bgr)?;
        let input = Self::input_size(width, height, options.min_face_size);
        // The rounding of the size to whole pixels makes the true factors differ a little from the input's scale.
        let factors = (small.width as f32 / width.max(1) as f32, small.height as f32 / height.max(1) as f32);
        self.run(small_bgr, input, factors, options)
    }

    /// The same for callers that have already shrunk the frame by `input.scale` (to
    /// [`InputSize::scaled`] pixels, or anything that fits into the input). Faces come
    /// back in frame pixels.
    ///
    /// # Errors
    /// As [`detect`](Self::detect), and when `small_bgr` does not fit into `input`.
    pub fn detect_scaled(
        &mut self,
        small_bgr: &(impl MatTraitConst + ToInputArray),
        input: InputSize,
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        check_bgr("shrunk frame", small_bgr)?;
        self.run(small_bgr, input, (input.scale, input.scale), options)
    }

    /// The faces of a part of a frame, in pixels of the frame: of what `look` looks at, at [`Look::scaled`] pixels. One that
    /// an edge of the part cuts may be among them.
    ///
    /// # Errors
    /// As [`detect`](Self::detect), and when `part_bgr` does not fit into the look's input.
    pub fn look(
        &mut self,
        part_bgr: &(impl MatTraitConst + ToInputArray),
        look: &Look,
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        let part = check_bgr("part of a frame", part_bgr)?;
        let factor = |small: i32, large: i32| small as f32 / large.max(1) as f32;
        let factors = (factor(part.width, look.region.width), factor(part.height, look.region.height));
        let faces = self.run(part_bgr, look.input, factors, options)?;
        let (right, down) = (look.region.x as f32, look.region.y as f32);
        Ok(faces.iter().map(|face| face.shifted(right, down)).collect())
    }

    /// Pads, runs the network, and turns its outputs into the faces asked for.
    pub(crate) fn run(
        &mut self,
        small: &(impl MatTraitConst + ToInputArray),
        input: InputSize,
        factors: (f32, f32),
        options: &DetectOptions,
    ) -> Result<Vec<Face>, DetectError> {
        options.check()?;
        self.load_input(small, input)?;
        let mut outputs = Vector::<Mat>::new();
        let net = laid_out(&mut self.nets, &self.bytes, input)?;
        net.set_input_def(&self.blob)
            .and_then(|()| net.forward(&mut outputs, &self.output_names))
            .map_err(DetectError::at("running the face detector"))?;

        let mut candidates = Vec::new();
        let outputs = outputs.to_vec();
        for (&stride, level) in STRIDES.iter().zip(outputs.chunks_exact(OUTPUTS.len())) {
            let grid = self.grid(stride, input, level)?;
            yunet::decode(&grid, options.score_threshold, &mut candidates);
        }
        select(candidates, factors, options)
    }

    /// Fills the network's input: zeros right of and below the image, BGR, values as they are.
    fn load_input(
        &mut self,
        small: &(impl MatTraitConst + ToInputArray),
        input: InputSize,
    ) -> Result<(), DetectError> {
        let stage = "preparing the face detector's input";
        let size = small.size().map_err(DetectError::at(stage))?;
        let (right, below) = (
            i64::from(input.width) - i64::from(size.width),
            i64::from(input.height) - i64::from(size.height),
        );
        if !input.is_valid() || right < 0 || below < 0 {
            return Err(DetectError::WrongImage {
                what: "shrunk frame",
                expected: "at most the input size, whose sides are multiples of 32".to_owned(),
                found: format!("{}x{} pixels for {input:?}", size.width, size.height),
            });
        }
        let mut padded = Mat::default();
        // Isolated: a view into a larger image must not bring in its neighbours.
        let border = BORDER_CONSTANT | BORDER_ISOLATED;
        let black = Scalar::default();
        core::copy_make_border(small, &mut padded, 0, below as i32, 0, right as i32, border, black)
            .and_then(|()| {
                let as_is = Size::default();
                dnn::blob_from_image_to(&padded, &mut self.blob, 1.0, as_is, black, false, false, CV_32F)
            })
            .map_err(DetectError::at(stage))
    }

    /// One stride's outputs as slices, with their lengths checked against the input's size.
    fn grid<'a>(&self, stride: u32, input: InputSize, level: &'a [Mat]) -> Result<Grid<'a>, DetectError> {
        let columns = (input.width / stride) as usize;
        let cells = columns * (input.height / stride) as usize;
        let values = |output: usize| {
            let (name, per_cell) = OUTPUTS[output];
            let values = level[output]
                .data_typed::<f32>()
                .map_err(DetectError::at("reading the face detector's outputs"))?;
            if values.len() == cells * per_cell {
                return Ok(values);
            }
            Err(DetectError::ModelWrong {
                path: self.model.clone(),
                reason: format!(
                    "output {name}_{stride} holds {} values instead of {}",
                    values.len(),
                    cells * per_cell
                ),
            })
        };
        Ok(Grid {
            stride,
            columns,
            class: values(0)?,
            objectness: values(1)?,
            boxes: values(2)?,
            landmarks: values(3)?,
        })
    }
}

/// The network of `nets` that is laid out for this input, one read anew from the file's `bytes`, or one that can be spared.
fn laid_out<'a>(
    nets: &'a mut Vec<((u32, u32), dnn::Net)>,
    bytes: &Vector<u8>,
    input: InputSize,
) -> Result<&'a mut dnn::Net, DetectError> {
    let size = (input.width, input.height);
    let position = |wanted| nets.iter().position(|(size, _)| *size == wanted);
    let net = match position(size).or_else(|| position((0, 0))) {
        Some(index) => nets.remove(index).1,
        None if nets.len() < MOST_NETS => dnn::read_net_from_onnx_buffer(bytes)
            .map_err(DetectError::at("reading the face detector anew"))?,
        None => nets.remove(0).1,
    };
    nets.push((size, net));
    let last = nets.len() - 1;
    Ok(&mut nets[last].1)
}

/// OpenCV's messages span lines; ours are one.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
