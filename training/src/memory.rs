// SPDX-License-Identifier: MIT OR Apache-2.0
//! How memory goes back to the system: not between two steps of a training.

/// Keeps what was freed, for this process. libtorch asks for the tensors of a step and frees them at its end; glibc gets large
/// ones from the system and gives them back each time, and the kernel then clears every page again: a third of the time of a
/// training with a perceptual term on two cores was the kernel's, and a hundredth without that (6 and 2 % of the time of
/// `idm bench --train --config training/configs/fast-512.toml` on another machine). Call it before threads start.
///
/// It takes the most memory that was ever needed at once until the end, which a training does anyway.
pub(crate) fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt changes settings of the allocator alone, and no other thread of ours allocates yet.
    unsafe {
        // Nothing by mmap, which is always given back; nothing given back from the heap's end, which grows by much at a time.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        // The heaps of further threads cannot grow so.
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
