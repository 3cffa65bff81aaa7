// SPDX-License-Identifier: MIT OR Apache-2.0
//! ONNX networks through OpenCV's dnn module.

use opencv::core::{Mat, Scalar, Vector};
use opencv::dnn;
use opencv::prelude::*;
use tch::{Kind, Tensor};

/// What an ONNX network of two inputs must call them.
const PAIR: [&str; 2] = ["a", "b"];

/// A network from an ONNX file, on the CPU.
pub(super) struct OnnxNetwork {
    net: dnn::Net,
}

impl OnnxNetwork {
    /// # Errors
    /// OpenCV's reason.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, String> {
        let net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(bytes)).map_err(|e| gist(&e))?;
        Ok(Self { net })
    }

    /// The first output, float64, for one input `[N, …]` or for two named `a` and `b`. Pictures go through one by one,
    /// since exported networks often hold a batch of 1 in their reshapes.
    ///
    /// # Errors
    /// OpenCV's or libtorch's reason.
    pub(super) fn forward(&mut self, inputs: &[&Tensor]) -> Result<Tensor, String> {
        let count = inputs[0].size()[0];
        let outputs = (0..count).map(|index| {
            for (input, name) in inputs.iter().zip(if inputs.len() == 1 { ["", ""] } else { PAIR }) {
                let one = input.f_narrow(0, index, 1).map_err(|error| error.to_string())?;
                self.set_input(&one, name)?;
            }
            let output = self.net.forward_single_def().map_err(|error| gist(&error))?;
            to_tensor(&output)
        });
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        Tensor::f_cat(&outputs, 0).map_err(|error| error.to_string())
    }

    fn set_input(&mut self, picture: &Tensor, name: &str) -> Result<(), String> {
        let shape: Vec<i32> = picture.size().into_iter().map(|side| side as i32).collect();
        let values = picture
            .f_to_device(tch::Device::Cpu)
            .and_then(|picture| picture.f_to_kind(Kind::Float)?.f_reshape([-1]))
            .and_then(|flat| Vec::<f32>::try_from(&flat))
            .map_err(|error| error.to_string())?;
        let blob = Mat::new_nd_with_data(&shape, &values).map_err(|error| gist(&error))?;
        // OpenCV copies the values only when it runs, so it gets a copy that it owns.
        let blob = blob.try_clone().map_err(|error| gist(&error))?;
        self.net.set_input(&blob, name, 1.0, Scalar::default()).map_err(|error| gist(&error))
    }
}

fn to_tensor(output: &Mat) -> Result<Tensor, String> {
    let shape: Vec<i64> = output.mat_size().iter().map(|&side| i64::from(side)).collect();
    let values = output.data_typed::<f32>().map_err(|error| gist(&error))?;
    Tensor::f_from_slice(values)
        .and_then(|tensor| tensor.f_view(&shape[..])?.f_to_kind(Kind::Double))
        .map_err(|error| error.to_string())
}

/// OpenCV's messages span lines; ours are one.
fn gist(error: &opencv::Error) -> String {
    error.message.split_whitespace().collect::<Vec<_>>().join(" ")
}
