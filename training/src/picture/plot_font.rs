// SPDX-License-Identifier: MIT OR Apache-2.0
//! The font of plots.

use std::sync::Once;

use plotters::style::{FontStyle, register_font};

/// The name under which plotters knows it.
pub(crate) const FONT: &str = "sans-serif";

/// Makes [`FONT`] known. plotters has no font of its own; this one is compiled in, so that a bare machine without fonts draws the
/// same.
pub(crate) fn register() {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // An unusable font is reported by whatever is written with it.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}
