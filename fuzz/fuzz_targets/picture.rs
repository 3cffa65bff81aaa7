// SPDX-License-Identifier: MIT OR Apache-2.0
//! Picture files: any bytes are a picture or refused, without gigabytes of memory for what a header says.
#![no_main]

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;
use training::picture::{Content, PictureFile};

fuzz_target!(|input: &[u8]| {
    let path = file("picture", input);
    let _ = Content::of(&path);
    if let Ok(picture) = PictureFile::open(&path) {
        let pixels = picture.to_rgb();
        assert!(pixels.width() > 0 && pixels.height() > 0);
        // Its copy, with all that is kept beside the pixels.
        let _ = picture.encode(&pixels);
    }
});
