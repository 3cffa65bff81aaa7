// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz targets share: numbers out of the fuzzer's bytes, and files that hold them.

use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder for temporary files"));

/// A file `name` in a folder of this process, which holds `bytes`.
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.path().join(name);
    std::fs::write(&path, bytes).expect("a temporary file");
    path
}

/// The fuzzer's bytes as numbers; zeros once they are used up.
#[derive(Debug)]
pub struct Numbers<'a>(pub &'a [u8]);

impl Numbers<'_> {
    /// The next so many bytes.
    pub fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        let taken = COUNT.min(self.0.len());
        let (head, rest) = self.0.split_at(taken);
        bytes[..taken].copy_from_slice(head);
        self.0 = rest;
        bytes
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes())
    }

    /// The next four bytes.
    pub fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.bytes())
    }

    /// The next four bytes, any bit pattern.
    pub fn f32(&mut self) -> f32 {
        f32::from_le_bytes(self.bytes())
    }

    /// The next eight bytes, any bit pattern.
    pub fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.bytes())
    }
}
