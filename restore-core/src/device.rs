// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where and in which precision to compute: `auto|cpu|cuda:N` and `auto|fp32|bf16|fp16`.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use tch::{Cuda, Device, Kind};

use crate::{RestoreError, named_choice};

/// The device that a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA device number N; an error when it is not there.
    Cuda(usize),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = RestoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Self::Cuda).ok_or_else(
                || {
                    RestoreError::Config(format!(
                        "unknown device {text:?}, must be auto, cpu, cuda or cuda:N"
                    ))
                },
            ),
        }
    }
}

impl DeviceChoice {
    /// The libtorch device, after loading the CUDA kernels where they are wanted.
    ///
    /// # Errors
    /// [`RestoreError::Device`] when a CUDA device is asked for by name and cannot be used.
    pub fn resolve(self) -> Result<Device, RestoreError> {
        let unavailable = |reason: String| RestoreError::Device { device: self.to_string(), reason };
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => match load_cuda() {
                Ok(()) if Cuda::is_available() => Ok(Device::Cuda(0)),
                Ok(()) => Ok(Device::Cpu),
                Err(reason) => {
                    tracing::info!("computing on the CPU: {reason}");
                    Ok(Device::Cpu)
                }
            },
            Self::Cuda(index) => {
                load_cuda().map_err(|reason| {
                    unavailable(format!("{reason}; install the whole torch 2.11 wheel (scripts/setup on a machine with an NVIDIA GPU), or use device cpu"))
                })?;
                let count = Cuda::device_count().max(0) as usize;
                if index >= count {
                    return Err(unavailable(format!(
                        "libtorch sees {count} CUDA devices; check nvidia-smi, or use device cpu"
                    )));
                }
                Ok(Device::Cuda(index))
            }
        }
    }
}

/// The name of a device as users write it.
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => DeviceChoice::Cuda(index).to_string(),
        _ => DeviceChoice::Cpu.to_string(),
    }
}

/// Loads `libtorch_cuda.so`, which registers the CUDA kernels. The linker drops it, as nothing refers to its symbols.
///
/// To be called before libtorch is asked anything about CUDA: it looks for the library once, at the first question (a seed of
/// its generators is one), and without it sees 0 devices ever after.
pub(crate) fn load_cuda() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED
        .get_or_init(|| {
            // SAFETY: the initialisers of libtorch_cuda only register kernels with the libtorch_cpu of the same
            // wheel, already loaded, found by the rpath of this binary.
            let library = unsafe { libloading::Library::new("libtorch_cuda.so") };
            match library {
                Ok(library) => {
                    // Registered kernels must never be unmapped.
                    std::mem::forget(library);
                    Ok(())
                }
                Err(error) => Err(format!("libtorch_cuda.so could not be loaded ({error})")),
            }
        })
        .clone()
}

named_choice! {
    /// The precision of the network's layers. Norms accumulate, and the diffusion steps compute, in fp32 always.
    pub enum Precision ("precision") {
        /// bf16 where the hardware is fast in it (CUDA; CPUs with AVX512-BF16 or AMX), else fp32.
        Auto = "auto",
        /// 32-bit floats.
        Fp32 = "fp32",
        /// 16-bit floats with the range of fp32.
        Bf16 = "bf16",
        /// IEEE half precision; overflows in some networks, for which bf16 exists.
        Fp16 = "fp16",
    }
}

impl Precision {
    /// The precision in effect on `device`: never [`Precision::Auto`].
    pub fn resolve(self, device: Device) -> Self {
        match self {
            Self::Auto if device.is_cuda() || cpu_has_fast_bf16() => Self::Bf16,
            Self::Auto => Self::Fp32,
            other => other,
        }
    }

    /// The tensor kind of a resolved precision ([`Precision::Auto`] counts as fp32).
    pub fn kind(self) -> Kind {
        match self {
            Self::Auto | Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }
}

/// Whether this CPU multiplies bf16 in hardware: AVX512-BF16 (AMD since Zen 4), which every CPU with AMX has too.
pub fn cpu_has_fast_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_in_torch() {
        for (text, choice) in
            [("auto", DeviceChoice::Auto), ("cpu", DeviceChoice::Cpu), ("cuda:3", DeviceChoice::Cuda(3))]
        {
            assert_eq!(text.parse::<DeviceChoice>().unwrap(), choice);
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceChoice>().unwrap(), DeviceChoice::Cuda(0));
        for text in ["gpu", "cuda:", "cuda:-1", "CPU", ""] {
            let error = text.parse::<DeviceChoice>().unwrap_err().to_string();
            assert!(error.contains("must be auto, cpu"), "{error}");
        }
    }

    #[test]
    fn a_device_that_is_not_there_is_an_error_and_auto_is_not() {
        let error = DeviceChoice::Cuda(4096).resolve().unwrap_err().to_string();
        assert!(error.contains("cuda:4096") && error.contains("use device cpu"), "{error}");
        DeviceChoice::Auto.resolve().unwrap();
    }

    #[test]
    fn automatic_precision_follows_the_hardware() {
        let expected = if cpu_has_fast_bf16() { Precision::Bf16 } else { Precision::Fp32 };
        assert_eq!(Precision::Auto.resolve(Device::Cpu), expected);
        assert_eq!(Precision::Auto.resolve(Device::Cuda(0)), Precision::Bf16);
        assert_eq!(Precision::Fp32.resolve(Device::Cuda(0)), Precision::Fp32);
    }
}
