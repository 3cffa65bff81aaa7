// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page of the element: what `gst-inspect-1.0 facerestore` says, from the same objects, after the documentation in its source.

use std::fmt::Write;

use anyhow::{Context, Result};
use gst::glib;
use gst::prelude::*;

use crate::section::{section, since};

/// The page, in Markdown.
pub fn page() -> Result<String> {
    gst::init()?;
    gstfacerestore::plugin_register_static()?;
    let factory = gst::ElementFactory::find("facerestore").context("the element is not registered")?;
    let element = factory.create().build()?;
    let mut page = format!("# The element `{}`\n\n", factory.name());
    writeln!(page, "{}\n\n## Properties\n", section()?)?;
    let own = element.type_();
    let mut properties: Vec<_> =
        element.list_properties().iter().filter(|property| property.owner_type() == own).cloned().collect();
    properties.sort_by(|a, b| a.name().cmp(b.name()));
    for property in properties {
        describe(&mut page, &property)?;
    }
    writeln!(page, "## Pads\n")?;
    for template in factory.static_pad_templates() {
        writeln!(page, "- `{}`:", template.name_template())?;
        for structure in template.caps().iter() {
            writeln!(page, "  - `{structure}`")?;
        }
    }
    Ok(page)
}

fn describe(page: &mut String, property: &glib::ParamSpec) -> Result<()> {
    writeln!(page, "### `{}`\n", property.name())?;
    writeln!(page, "{}\n", escaped(property.blurb().unwrap_or_default()))?;
    writeln!(page, "- Type: `{}`{}", property.value_type().name(), range(property))?;
    writeln!(page, "- Default: {}", default(property))?;
    let flags = property.flags();
    let when = if flags.contains(gst::PARAM_FLAG_CONTROLLABLE) {
        "at any time, also by a controller"
    } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
        "at any time"
    } else if flags.contains(gst::PARAM_FLAG_MUTABLE_READY) {
        "in NULL and READY"
    } else if flags.contains(glib::ParamFlags::WRITABLE) {
        "before the stream starts"
    } else {
        "never: it is read"
    };
    writeln!(page, "- Can be set: {when}")?;
    writeln!(page, "- Since: {}\n", since(property.name()))?;
    Ok(())
}

fn default(property: &glib::ParamSpec) -> String {
    let value = property.default_value();
    // A structure that is not there cannot be written out.
    let text = if value.type_().is_a(glib::Type::BOXED) {
        None
    } else if let Ok(number) = value.get::<f64>() {
        // As it was meant: GStreamer writes 0.6 with all of its digits.
        Some(number.to_string())
    } else {
        value.serialize().ok().map(Into::into)
    };
    text.filter(|text| !text.is_empty()).map_or("none".to_owned(), |text| format!("`{text}`"))
}

/// What values there are, for numbers and enumerations.
fn range(property: &glib::ParamSpec) -> String {
    if let Some(number) = property.downcast_ref::<glib::ParamSpecDouble>() {
        return format!(", {} to {}", number.minimum(), number.maximum());
    }
    if let Some(number) = property.downcast_ref::<glib::ParamSpecFloat>() {
        return format!(", {} to {}", number.minimum(), number.maximum());
    }
    if let Some(number) = property.downcast_ref::<glib::ParamSpecUInt>() {
        return format!(", {} to {}", number.minimum(), number.maximum());
    }
    if let Some(number) = property.downcast_ref::<glib::ParamSpecUInt64>() {
        return format!(", {} to {}", number.minimum(), number.maximum());
    }
    if let Some(number) = property.downcast_ref::<glib::ParamSpecInt>() {
        return format!(", {} to {}", number.minimum(), number.maximum());
    }
    let Some(class) = glib::EnumClass::with_type(property.value_type()) else {
        return String::new();
    };
    let values = class.values().iter().map(|value| format!("`{}` ({})", value.nick(), value.name()));
    format!(": {}", values.collect::<Vec<_>>().join(", "))
}

/// Text that Markdown leaves as it is.
fn escaped(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}
