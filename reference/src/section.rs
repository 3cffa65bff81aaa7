// SPDX-License-Identifier: MIT OR Apache-2.0
//! The element's documentation comments in the plugin's sources, which GStreamer's own documentation reads, as Markdown.

use anyhow::{Context, Result};

const ELEMENT: &str = include_str!("../../gst-plugin/src/facerestore/imp.rs");
const PROPERTIES: &str = include_str!("../../gst-plugin/src/facerestore/properties.rs");

/// The first version, of which everything is that says nothing else.
const FIRST: &str = "0.1";

/// What `SECTION:element-facerestore` says, with links to the headings of the properties.
pub fn section() -> Result<String> {
    let comment = comment_after(ELEMENT, "SECTION:element-facerestore\n")
        .context("imp.rs has no comment SECTION:element-facerestore")?;
    let mut markdown = String::new();
    for line in comment.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("* ").or_else(|| line.strip_prefix('*')).unwrap_or(line);
        if line == "|[" {
            markdown.push_str("```sh\n");
        } else if let Some(what) = line.strip_prefix("]|") {
            markdown.push_str(&format!("```\n\n{}\n\n", what.trim()));
        } else if let Some(version) = line.strip_prefix("Since: ") {
            markdown.push_str(&format!("*Since {version}.*\n"));
        } else if line.starts_with("## ") {
            markdown.push_str(&format!("{line}\n"));
        } else {
            markdown.push_str(&format!("{}\n", with_names(line)));
        }
    }
    Ok(markdown.trim().to_owned())
}

/// The version since which there is a property.
pub fn since(property: &str) -> &'static str {
    comment_after(PROPERTIES, &format!("* GstFaceRestore:{property}:\n"))
        .and_then(|comment| comment.split_once("Since: "))
        .map_or(FIRST, |(_, version)| version.lines().next().unwrap_or_default().trim())
}

/// The rest of the comment in which `start` is.
fn comment_after(source: &'static str, start: &str) -> Option<&'static str> {
    let (_, rest) = source.split_once(start)?;
    rest.split_once("*/").map(|(comment, _)| comment)
}

/// A line with GStreamer's #names as code, those of properties as links.
fn with_names(line: &str) -> String {
    let mut parts = line.split('#');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == ':' || c == '-';
        let end = part.find(|c: char| !is_of_name(c)).unwrap_or(part.len());
        let name = part[..end].trim_end_matches(':');
        text.push_str(&match name.strip_prefix("GstFaceRestore:") {
            Some(property) => format!("[`{property}`](#{property})"),
            None => format!("`{name}`"),
        });
        text.push_str(&part[name.len()..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_code_and_properties_links() {
        let line = "With #GstFaceRestore:attach-meta=true each (#guint64) is a #GstArray: so";
        let markdown = "With [`attach-meta`](#attach-meta)=true each (`guint64`) is a `GstArray`: so";
        assert_eq!(with_names(line), markdown);
    }

    #[test]
    fn the_comment_has_its_parts() {
        let section = section().unwrap();
        for part in [
            "## Element messages\n",
            "## Regions of interest\n",
            "```sh\ngst-launch-1.0 ",
            "* `faces` (`GstValueArray`",
        ] {
            assert!(section.contains(part), "{part:?} is not in {section}");
        }
        assert!(!section.contains('|') && !section.contains("Since: "), "{section}");
    }

    #[test]
    fn a_property_without_a_version_is_of_the_first() {
        assert_eq!((since("strength"), since("detail")), ("0.1", "0.2"));
    }
}
