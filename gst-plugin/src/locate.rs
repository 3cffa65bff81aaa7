// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the model and the detector: the file of a property, or a shipped file near the plugin's own file.

use std::path::{Path, PathBuf};

use restore_core::{LIVE_MODEL_FILE, MODEL_FILE, shipped_for};

use crate::error::StartError;

/// A file that the element needs.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// The property that names it.
    pub property: &'static str,
    /// The shipped file that is used when the property is not set.
    pub file: &'static str,
}

/// The restoration model of offline mode.
pub const MODEL: Resource = Resource { property: "model", file: MODEL_FILE };
/// The restoration model of live mode.
pub const LIVE_MODEL: Resource = Resource { property: "model", file: LIVE_MODEL_FILE };
/// The face detector.
pub const DETECTOR: Resource = Resource { property: "detector", file: face_detect::DETECTOR_FILE };

impl Resource {
    /// `chosen` (the property's value) if set; else the shipped file, as [`shipped_for`] finds it for
    /// `plugin`.
    ///
    /// # Errors
    /// [`StartError::NoSuchFile`] or [`StartError::NotFound`], with the remedy.
    pub fn locate(&self, chosen: Option<&Path>, plugin: &Path) -> Result<PathBuf, StartError> {
        if let Some(path) = chosen {
            return if path.is_file() { Ok(path.to_owned()) } else { Err(self.no_such_file(path)) };
        }
        shipped_for(plugin, self.file)
            .map_err(|source| StartError::NotFound { source, remedy: self.remedy() })
    }

    fn no_such_file(&self, path: &Path) -> StartError {
        StartError::NoSuchFile {
            property: self.property,
            path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
            remedy: format!("Correct the path, or leave `{}` unset to use {}", self.property, self.file),
        }
    }

    fn remedy(&self) -> String {
        format!(
            "Set the property `{}` to the path of the file, or copy it to one of these places",
            self.property
        )
    }
}

/// The file of the plugin that `element` comes from; the program's own file when it is linked in statically.
#[must_use]
pub fn plugin_file(factory: Option<gst::ElementFactory>) -> PathBuf {
    use gst::prelude::*;
    let file = factory.and_then(|factory| factory.plugin()).and_then(|plugin| plugin.filename());
    let file = file.or_else(|| std::env::current_exe().ok()).unwrap_or_default();
    // Links are followed, so that a plugin linked into GStreamer's folder finds the files beside its real place.
    file.canonicalize().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_files_are_found_in_a_checkout_and_under_a_prefix() {
        let root = tempfile::tempdir().unwrap();
        for (plugin, file) in [
            ("target/debug/libgstfacerestore.so", "models/face_detection_yunet_2023mar.onnx"),
            (
                "usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstfacerestore.so",
                "usr/share/facerestore/models/face_detection_yunet_2023mar.onnx",
            ),
            ("opt/plugins/libgstfacerestore.so", "opt/plugins/face_detection_yunet_2023mar.onnx"),
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, b"").unwrap();
            let found = DETECTOR.locate(None, &root.path().join(plugin)).unwrap();
            assert_eq!(found, path, "for {plugin}");
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_missing_file_is_reported_with_every_place_and_the_remedy() {
        let root = tempfile::tempdir().unwrap();
        let plugin = root.path().join("a/b/c/d/e/f/libgstfacerestore.so");
        let text = MODEL.locate(None, &plugin).unwrap_err().to_string();
        for place in ["a/b/c/d/e/f", "a/b/c/d/e/f/models", "a/b/c/d/e/models", "a/b/share/facerestore/models"]
        {
            let path = root.path().join(place).join(MODEL_FILE);
            assert!(text.contains(&path.display().to_string()), "{} not in {text}", path.display());
        }
        assert!(text.contains("Set the property `model`"), "{text}");
    }

    #[test]
    fn a_chosen_file_is_never_replaced_by_the_shipped_one() {
        let text = MODEL
            .locate(Some(Path::new("no/such.safetensors")), Path::new("/x/y.so"))
            .unwrap_err()
            .to_string();
        assert!(text.contains("no/such.safetensors") && text.contains("`model`"), "{text}");
    }
}
