// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures that need a pretrained network, which the user brings as a TorchScript or ONNX file.
//!
//! Pictures are RGB in [0, 1], `[N, 3, S, S]` float32, at the size of the evaluation: whatever the network wants done
//! to them (crop, other size, other range) must be inside the file. What it gives depends on its part:
//!
//! | part | input | output |
//! | --- | --- | --- |
//! | identity | pictures | embedding `[N, D]`, of any length |
//! | perceptual distance | pictures a and b (ONNX: inputs named `a` and `b`) | distance `[N]`, 0 for identical |
//! | NIMA | pictures | shares `[N, 10]` of the votes 1 to 10, or mean scores `[N]` |
//! | Inception | pictures | features `[N, D]` |
//!
//! Further dimensions of 1 (`[N, 1, 1, 1]`, `[N, D, 1, 1]`) do no harm.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::RgbImage;
use restore_core::RestoreError;
use sha2::{Digest, Sha256};
use tch::{CModule, Device, Kind, TchError, Tensor};

#[cfg(feature = "detect")]
use super::onnx::OnnxNetwork;
use crate::digest::hexadecimal;
use crate::picture;

/// Votes of NIMA's scale, 1 to 10.
const VOTES: i64 = 10;

/// Why a network for a measure cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file is missing, not permitted, …
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file holds no network that can be loaded.
    #[error("{} holds no usable network: {reason}. {remedy}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What libtorch or OpenCV found.
        reason: String,
        /// What the user can do.
        remedy: &'static str,
    },
    /// The network failed on pictures.
    #[error("{} failed on pictures of shape {shape:?}, RGB in [0, 1]: {reason}", path.display())]
    Forward {
        /// The file.
        path: PathBuf,
        /// The shape of what it got.
        shape: Vec<i64>,
        /// What libtorch or OpenCV found.
        reason: String,
    },
    /// The network's output is not what its part asks for.
    #[error("{} gave {got} for {count} pictures, expected {expected}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// The shape, or what else is wrong with the values.
        got: String,
        /// How many pictures it saw.
        count: i64,
        /// The shape that was expected, and what it means.
        expected: &'static str,
    },
}

/// The two formats.
enum Backend {
    TorchScript(CModule),
    #[cfg(feature = "detect")]
    Onnx(OnnxNetwork),
}

/// A pretrained network from a file, and how long it has computed.
pub struct MetricNetwork {
    path: PathBuf,
    sha256: String,
    device: Device,
    backend: Backend,
    pictures: i64,
    time: Duration,
}

impl MetricNetwork {
    /// Loads `path`: ONNX when its name ends in `.onnx` (which runs on the CPU), TorchScript otherwise.
    ///
    /// # Errors
    /// [`NetworkError::Read`] and [`NetworkError::Load`].
    pub fn open(path: &Path, device: Device) -> Result<Self, NetworkError> {
        let bytes =
            std::fs::read(path).map_err(|source| NetworkError::Read { path: path.to_owned(), source })?;
        let onnx = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
        let backend =
            if onnx { Self::onnx(path, &bytes)? } else { Self::torch_script(path, &bytes, device)? };
        let sha256 = hexadecimal(Sha256::new().chain_update(&bytes));
        Ok(Self { path: path.to_owned(), sha256, device, backend, pictures: 0, time: Duration::ZERO })
    }

    fn torch_script(path: &Path, mut bytes: &[u8], device: Device) -> Result<Backend, NetworkError> {
        let mut module = CModule::load_data_on_device(&mut bytes, device).map_err(|error| NetworkError::Load {
            path: path.to_owned(),
            reason: format!("it is not a whole TorchScript module ({})", gist(&error)),
            remedy: "Save the network with torch.jit.script or torch.jit.trace, or as ONNX in a file named .onnx; \
                     a .pth of weights alone is not enough",
        })?;
        // A frozen module has no training mode to leave.
        let _ = module.f_set_eval();
        Ok(Backend::TorchScript(module))
    }

    #[cfg(feature = "detect")]
    fn onnx(path: &Path, bytes: &[u8]) -> Result<Backend, NetworkError> {
        let network = OnnxNetwork::new(bytes).map_err(|reason| NetworkError::Load {
            path: path.to_owned(),
            reason: format!("OpenCV cannot load it as ONNX ({reason})"),
            remedy: "If the file is whole, it uses what OpenCV's dnn does not know: export it as TorchScript (.pt)",
        })?;
        Ok(Backend::Onnx(network))
    }

    #[cfg(not(feature = "detect"))]
    fn onnx(path: &Path, _: &[u8]) -> Result<Backend, NetworkError> {
        Err(NetworkError::Load {
            path: path.to_owned(),
            reason: "this idm was built without the feature `detect`, so it has no OpenCV to run ONNX"
                .to_owned(),
            remedy: "Bring the network as TorchScript (.pt), or build idm with default features",
        })
    }

    /// The file's name without its ending, under which the measure is reported.
    #[must_use]
    pub fn name(&self) -> String {
        picture::stem(&self.path)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of the file in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Milliseconds that a picture (or a pair, for a perceptual distance) took so far; `None` before the first.
    #[must_use]
    pub fn milliseconds_per_picture(&self) -> Option<f64> {
        (self.pictures > 0).then(|| 1000.0 * self.time.as_secs_f64() / self.pictures as f64)
    }

    /// Embeddings or features `[N, D]` of `pictures` `[N, 3, S, S]`, float64 on the CPU.
    ///
    /// # Errors
    /// [`NetworkError::Forward`] and [`NetworkError::Output`].
    pub fn features(&mut self, pictures: &Tensor) -> Result<Tensor, NetworkError> {
        const EXPECTED: &str = "[N, D], one list of features for each picture";
        let output = self.forward(&[pictures], EXPECTED)?;
        match output.size()[..] {
            [_, _] => Ok(output),
            _ => Err(self.wrong(format!("{:?}", output.size()), pictures, EXPECTED)),
        }
    }

    /// Distance between picture i of `left` and picture i of `right`, both `[N, 3, S, S]`.
    ///
    /// # Errors
    /// [`NetworkError::Forward`] and [`NetworkError::Output`].
    pub fn distances(&mut self, left: &Tensor, right: &Tensor) -> Result<Vec<f64>, NetworkError> {
        const EXPECTED: &str = "[N], one distance for each pair";
        let output = self.forward(&[left, right], EXPECTED)?;
        self.one_each(&output, left, EXPECTED)
    }

    /// Mean vote of each of `pictures` `[N, 3, S, S]`: Σ k p_k where the network gives shares p_k of the votes k from
    /// 1 to 10, else the score that it gives.
    ///
    /// # Errors
    /// [`NetworkError::Forward`], and [`NetworkError::Output`] also when shares do not add up to 1.
    pub fn opinions(&mut self, pictures: &Tensor) -> Result<Vec<f64>, NetworkError> {
        const EXPECTED: &str = "[N, 10], shares of the votes 1 to 10 that add up to 1, or [N], mean scores";
        let output = self.forward(&[pictures], EXPECTED)?;
        if output.size().get(1) != Some(&VOTES) {
            return self.one_each(&output, pictures, EXPECTED);
        }
        let sums = |weights: &Tensor| -> Result<Vec<f64>, TchError> { Vec::try_from(&output.f_mv(weights)?) };
        let (shares, votes) = Tensor::f_ones([VOTES], (Kind::Double, Device::Cpu))
            .and_then(|ones| Ok((sums(&ones)?, sums(&ones.f_cumsum(0, Kind::Double)?)?)))
            .map_err(|error| self.failed(&[pictures], gist(&error)))?;
        match shares.iter().find(|sum| (*sum - 1.0).abs() > 1e-3) {
            Some(sum) => Err(self.wrong(format!("shares that add up to {sum:.3}"), pictures, EXPECTED)),
            None => Ok(votes),
        }
    }

    fn one_each(
        &self,
        output: &Tensor,
        pictures: &Tensor,
        expected: &'static str,
    ) -> Result<Vec<f64>, NetworkError> {
        let shape = output.size();
        match shape[..] {
            [_] => Vec::try_from(output).map_err(|error| self.failed(&[pictures], gist(&error))),
            _ => Err(self.wrong(format!("{shape:?}"), pictures, expected)),
        }
    }

    /// Runs the network without gradients. The result is float64 on the CPU, has N rows and finite values, and its
    /// trailing dimensions of 1 are gone (of `[N, 1]` too).
    fn forward(&mut self, inputs: &[&Tensor], expected: &'static str) -> Result<Tensor, NetworkError> {
        let _no_grad = tch::no_grad_guard();
        let start = Instant::now();
        let output = match &mut self.backend {
            Backend::TorchScript(module) => run_torch_script(module, inputs, self.device),
            #[cfg(feature = "detect")]
            Backend::Onnx(network) => network.forward(inputs),
        };
        let output = output.map_err(|reason| self.failed(inputs, reason))?;
        let count = inputs[0].size()[0];
        self.time += start.elapsed();
        self.pictures += count;
        let mut shape = output.size();
        while shape.len() > 1 && shape.last() == Some(&1) {
            shape.pop();
        }
        if shape.first() != Some(&count) {
            return Err(self.wrong(format!("{:?}", output.size()), inputs[0], expected));
        }
        let finite = |output: &Tensor| -> Result<bool, TchError> {
            Ok(i64::try_from(output.f_isfinite()?.f_all()?.f_to_kind(Kind::Int64)?)? == 1)
        };
        match output.f_view(&shape[..]).and_then(|output| Ok((finite(&output)?, output))) {
            Ok((true, output)) => Ok(output),
            Ok((false, _)) => Err(self.wrong("infinite or undefined values".to_owned(), inputs[0], expected)),
            Err(error) => Err(self.failed(inputs, gist(&error))),
        }
    }

    fn failed(&self, inputs: &[&Tensor], reason: String) -> NetworkError {
        NetworkError::Forward { path: self.path.clone(), shape: inputs[0].size(), reason }
    }

    fn wrong(&self, got: String, pictures: &Tensor, expected: &'static str) -> NetworkError {
        NetworkError::Output { path: self.path.clone(), got, count: pictures.size()[0], expected }
    }
}

fn run_torch_script(module: &CModule, inputs: &[&Tensor], device: Device) -> Result<Tensor, String> {
    let run = || {
        let inputs: Vec<Tensor> =
            inputs.iter().map(|input| input.f_to_device(device)).collect::<Result<_, _>>()?;
        module.forward_ts(&inputs)?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()
    };
    run().map_err(|error| gist(&error))
}

/// The line of a libtorch message that says what happened: it comes with a trace through the network's own code.
fn gist(error: &TchError) -> String {
    let text = error.to_string();
    let said = text.lines().find_map(|line| line.split_once("Error: ").map(|(_, said)| said));
    said.or_else(|| text.lines().next()).unwrap_or_default().trim().to_owned()
}

/// `pictures` of `size`×`size` pixels as networks for measures take them: RGB in [0, 1], `[N, 3, S, S]` float32.
///
/// # Errors
/// [`RestoreError::Shape`] when a picture has another size.
pub fn pictures_tensor(pictures: &[&RgbImage], size: u32) -> Result<Tensor, RestoreError> {
    let bytes: Vec<&[u8]> = pictures.iter().map(|picture| picture.as_raw().as_slice()).collect();
    Ok(restore_core::faces_from_rgb8(&bytes, size)?.f_mul_scalar(0.5)?.f_add_scalar(0.5)?)
}
