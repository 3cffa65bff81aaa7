// SPDX-License-Identifier: MIT OR Apache-2.0
//! An error and its causes in one line.

use std::error::Error;

/// What `error` says, then its causes, each after a colon; a cause that was said already is not said again.
#[must_use]
pub fn reason(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |reason, cause| {
        let cause = cause.to_string();
        if reason.ends_with(&cause) { reason } else { format!("{reason}: {cause}") }
    })
}
