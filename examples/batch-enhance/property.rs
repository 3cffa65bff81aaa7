// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties of the element as the command line gives them.

use anyhow::{Context, Result, bail, ensure};
use gst::prelude::*;

/// Checks a property before any work begins.
///
/// # Errors
/// When the element has no such property, or not with such a value.
pub fn set_property(element: &gst::Element, name: &str, value: &str) -> Result<()> {
    let Some(property) = element.find_property(name) else {
        bail!("facerestore has no property {name:?}: gst-inspect-1.0 facerestore lists them")
    };
    ensure!(
        property.flags().contains(gst::glib::ParamFlags::WRITABLE),
        "facerestore's property {name} cannot be set"
    );
    let parsed = gst::glib::Value::deserialize(value, property.value_type())
        .ok()
        .filter(|parsed| in_range(&property, parsed))
        .with_context(|| format!("facerestore's property {name} cannot be {value:?}: gst-inspect-1.0 facerestore has its values"))?;
    element.set_property_from_value(name, &parsed);
    Ok(())
}

/// Whether a number is one that the property takes; setting another panics.
fn in_range(property: &gst::glib::ParamSpec, value: &gst::glib::Value) -> bool {
    if let Some(range) = property.downcast_ref::<gst::glib::ParamSpecDouble>() {
        return value.get().is_ok_and(|value: f64| (range.minimum()..=range.maximum()).contains(&value));
    }
    let Some(range) = property.downcast_ref::<gst::glib::ParamSpecUInt>() else { return true };
    value.get().is_ok_and(|value: u32| (range.minimum()..=range.maximum()).contains(&value))
}
