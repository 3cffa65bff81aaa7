// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seeds that follow from a name.

/// A seed that depends on `seed` and `name` alone, the same in every version and on every machine (FNV-1a,
/// 64 bits, over the little-endian bytes of `seed` and those of `name`).
#[must_use]
pub fn seed_for(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
