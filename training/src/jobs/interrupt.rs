// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ctrl-C (or a job scheduler's SIGTERM) ends a long command at its next safe point.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an interrupted process exits with by convention: 128 + SIGINT.
pub const EXIT_CODE: u8 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static HANDLER: OnceLock<Result<(), InterruptError>> = OnceLock::new();

/// Whether a long command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did all that it was asked.
    Finished,
    /// It was interrupted, and can go on from what it has written.
    Interrupted,
}

/// The system's reason not to let the handler be set.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot handle Ctrl-C: {0}")]
pub struct InterruptError(String);

/// From now on the first Ctrl-C or SIGTERM only makes [`requested`] true; a second one ends the process at once. The
/// handler is the process's, so any number of commands may call this.
///
/// # Errors
/// When the system does not let the handler be set.
pub fn listen() -> Result<(), InterruptError> {
    let set = HANDLER.get_or_init(|| {
        ctrlc::set_handler(|| {
            if REQUESTED.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(EXIT_CODE));
            }
        })
        .map_err(|error| InterruptError(error.to_string()))
    });
    set.clone()
}

/// Whether the user asked this process to stop.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
