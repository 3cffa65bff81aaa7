// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plugin's description and entry points.
#![allow(missing_docs, reason = "the macro's items are GStreamer's entry points")]

use gst::glib;

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    crate::facerestore::register(plugin)
}

gst::plugin_define!(
    facerestore,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_NAME"),
    env!("CARGO_PKG_REPOSITORY"),
    env!("BUILD_REL_DATE")
);
