// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picture files: any bytes are a picture or refused, without gigabytes of memory for what a header says.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use training::picture;

fuzz_target!(|input: &[u8]| {
    if let Ok(picture) = picture::read_bytes(Path::new("picture"), input) {
        assert!(picture.width() > 0 && picture.height() > 0);
    }
});
