// SPDX-License-Identifier: MIT OR Apache-2.0
//! SHA-256 as text.

use sha2::{Digest, Sha256};

/// The digest of what `hash` has taken in, in hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
