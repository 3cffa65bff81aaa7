// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames of every format with any size, strides, memory, region and field: read, changed or refused.
#![no_main]

use std::sync::Once;

use face_detect::Region;
use facerestore_fuzz::Numbers;
use gstfacerestore::fuzzing::{AnyFrame, read_and_change};
use libfuzzer_sys::fuzz_target;

static INIT: Once = Once::new();

fuzz_target!(|input: &[u8]| {
    INIT.call_once(|| gst::init().expect("GStreamer"));
    let mut numbers = Numbers(input);
    let [format, field, width, height] = numbers.bytes();
    // Small enough that the fuzzer's bytes can fill a frame, and now and then of any size.
    let large = field & 0x80 != 0;
    let side = |small: u8, any: u16| u32::from(if large { any } else { u16::from(small) });
    let (width, height) = (side(width, numbers.u16()), side(height, numbers.u16()));
    let strides = std::array::from_fn(|_| {
        let stride = numbers.u16();
        // The largest values are the ones that overflow.
        if stride > 0xff00 { usize::MAX >> (stride & 0x3f) } else { stride.into() }
    });
    let region = Region { x: numbers.i32(), y: numbers.i32(), width: numbers.i32(), height: numbers.i32() };
    let field = [None, Some(true), Some(false)][usize::from(field & 0x7f) % 3];
    let frame = AnyFrame { format: format.into(), width, height, strides, region, field };
    let _ = read_and_change(&frame, numbers.0);
});
