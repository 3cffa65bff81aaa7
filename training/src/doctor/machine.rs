// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processor, libtorch and the GPU.

use std::fs;

use restore_core::{DeviceChoice, Precision, device_name};
use tch::Device;

use super::Finding;

/// Features of x86 processors that decide how fast networks are, as Linux names them.
const FEATURES: [&str; 5] = ["avx2", "avx512f", "avx512_bf16", "amx_bf16", "avx512_fp16"];

/// The processor, and the precision that is chosen for it.
pub fn processor() -> Finding {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let name = value("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let flags = value("flags").unwrap_or_default();
    let has: Vec<_> =
        FEATURES.into_iter().filter(|feature| flags.split(' ').any(|flag| flag == *feature)).collect();
    let precision = Precision::Auto.resolve(Device::Cpu);
    let has = if has.is_empty() { "no AVX2".to_owned() } else { has.join(" ") };
    Finding::right("processor", format!("{name}, {threads} threads, {has}: networks compute in {precision}"))
}

/// The libtorch that is loaded.
pub fn libtorch() -> Finding {
    // The loader's own word: what was found by an rpath, LD_LIBRARY_PATH or the system's list.
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let library = maps.lines().find_map(|line| {
        let path = &line[line.find('/')?..];
        path.ends_with("libtorch_cpu.so").then(|| path.to_owned())
    });
    let threads = tch::get_num_threads();
    match library {
        Some(path) => Finding::right("libtorch", format!("{path}, {threads} threads")),
        None => Finding::right("libtorch", format!("linked in, {threads} threads")),
    }
}

/// The GPU that would be used, or why the CPU is. A machine without one is right too.
pub fn gpu() -> Finding {
    match DeviceChoice::Auto.resolve() {
        Ok(device) if device.is_cuda() => {
            let count = tch::Cuda::device_count();
            let precision = Precision::Auto.resolve(device);
            Finding::right(
                "GPU",
                format!("{} of {count}: networks compute there, in {precision}", device_name(device)),
            )
        }
        Ok(_) => {
            let reason =
                DeviceChoice::Cuda(0).resolve().map_or_else(|error| error.to_string(), |_| String::new());
            Finding::right("GPU", format!("none is used: {reason}"))
        }
        Err(error) => Finding::wrong("GPU", error, "use the device cpu"),
    }
}
