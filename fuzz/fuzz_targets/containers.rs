// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `batch-enhance` reads of videos itself: boxes of MP4, elements of Matroska, parameter sets of H.264 and H.265.
#![no_main]
#![allow(dead_code, reason = "the readers are the program's own files, with all that it needs of them")]

use std::fs::File;

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;

#[path = "../../examples/batch-enhance/boxes.rs"]
mod boxes;
#[path = "../../examples/batch-enhance/ebml.rs"]
mod ebml;
#[path = "../../examples/batch-enhance/sps.rs"]
mod sps;

fuzz_target!(|input: &[u8]| {
    for media_type in ["video/x-h264", "video/x-h265", "video/x-vp9"] {
        let _ = sps::full_range(media_type, input);
    }
    let path = file("video", input);
    let open = || File::open(&path).expect("the file was just written");
    let _ = (boxes::hidden(&mut open()), ebml::hidden(&mut open()));
});
