// SPDX-License-Identifier: MIT OR Apache-2.0
//! The progress bar of the long commands.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` things called `noun`, with the time left. It is drawn on a terminal's standard error only.
pub fn bar(length: usize, noun: &str) -> ProgressBar {
    let template = format!("{{bar:40}} {{pos}}/{{len}} {noun}, {{elapsed}} gone, {{eta}} left");
    // The template is constant up to the noun; were it wrong, a plain bar does too.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length as u64).with_style(style)
}
