// SPDX-License-Identifier: MIT OR Apache-2.0
//! SHA-256 as text.

use std::path::Path;

use sha2::{Digest, Sha256};

/// The digest of what `hash` has taken in, in hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of a file's bytes in hexadecimal digits.
pub(crate) fn of_file(path: &Path) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
    Ok(hexadecimal(hash))
}
