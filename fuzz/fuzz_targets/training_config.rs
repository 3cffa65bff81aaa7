// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TOML file of a training run: any text is a configuration that can be used, or refused with a message.
#![no_main]

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;
use training::train::config::TrainConfig;

fuzz_target!(|input: &[u8]| {
    match TrainConfig::open(&file("run.toml", input)) {
        Ok(config) => {
            for step in [0, 1, config.run.iterations, u64::MAX] {
                assert!(config.learning_rate(step) >= 0.0, "step {step}");
            }
            assert!(config.faces_per_step() > 0);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
