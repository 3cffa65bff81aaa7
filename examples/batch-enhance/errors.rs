// SPDX-License-Identifier: MIT OR Apache-2.0
//! Error messages of a pipeline as a user reads them.

/// An error that a run of the batch cannot get past: every other file would meet it as well.
#[derive(Debug)]
pub struct DiskFull;

impl std::fmt::Display for DiskFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the disk of the outputs is full: free some space and run the same command again")
    }
}

impl std::error::Error for DiskFull {}

/// What an element reports: its sentence, and what it adds for developers where that says more.
#[must_use]
pub fn text(error: &gst::message::Error) -> String {
    let sentence = error.error().to_string();
    // The first line of the details is a place in a source file.
    match error.debug().as_ref().and_then(|debug| debug.lines().nth(1)) {
        Some(detail) if !detail.is_empty() => format!("{sentence} ({detail})"),
        _ => sentence,
    }
}

/// The error of a message.
#[must_use]
pub fn of(error: &gst::message::Error) -> anyhow::Error {
    if error.error().matches(gst::ResourceError::NoSpaceLeft) {
        return DiskFull.into();
    }
    anyhow::Error::msg(text(error))
}

/// Whether a file could not be written because the disk is full.
#[must_use]
pub fn is_disk_full(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        cause.is::<DiskFull>() || io == Some(std::io::ErrorKind::StorageFull)
    })
}
