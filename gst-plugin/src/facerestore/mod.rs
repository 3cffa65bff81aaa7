// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element `facerestore`: its type and its registration.

use gst::glib;
use gst::prelude::*;

pub(crate) mod choices;
mod imp;
mod planner;
mod properties;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

pub use choices::{Mode, Precision, Sampler, TorchScriptRange};

glib::wrapper! {
    /// The element `facerestore`, a `GstVideoFilter` that restores faces in place.
    pub struct FaceRestore(ObjectSubclass<imp::FaceRestore>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element with its plugin.
///
/// # Errors
/// GStreamer's, when the name is taken.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    // So that GStreamer's documentation lists the values of the element's properties.
    #[cfg(feature = "doc")]
    for choice in [
        Mode::static_type(),
        Precision::static_type(),
        Sampler::static_type(),
        TorchScriptRange::static_type(),
    ] {
        choice.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }

    gst::Element::register(Some(plugin), "facerestore", gst::Rank::NONE, FaceRestore::static_type())
}
