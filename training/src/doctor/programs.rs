// SPDX-License-Identifier: MIT OR Apache-2.0
//! OpenCV and GStreamer with the element.

use super::Finding;

/// What this program was built with.
pub fn all() -> Vec<Finding> {
    #[cfg_attr(
        not(any(feature = "detect", feature = "video")),
        expect(unused_mut, reason = "built without both")
    )]
    let mut findings = Vec::new();
    #[cfg(feature = "detect")]
    findings.push(opencv());
    #[cfg(feature = "video")]
    findings.extend(gstreamer());
    findings
}

#[cfg(feature = "detect")]
fn opencv() -> Finding {
    match opencv::core::get_version_string() {
        Ok(version) => Finding::right("OpenCV", version),
        Err(error) => Finding::wrong("OpenCV", error, "run scripts/setup"),
    }
}

#[cfg(feature = "video")]
fn gstreamer() -> Vec<Finding> {
    use gst::prelude::*;

    /// Elements of other packages that the documentation's lines use, and the Debian package of each.
    const ELEMENTS: [(&str, &str); 4] = [
        ("x264enc", "gstreamer1.0-plugins-ugly"),
        ("avdec_h264", "gstreamer1.0-libav"),
        ("mp4mux", "gstreamer1.0-plugins-good"),
        ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ];

    if let Err(error) = gst::init() {
        return vec![Finding::wrong("GStreamer", error, "run scripts/setup")];
    }
    let mut findings = vec![Finding::right("GStreamer", gst::version_string())];
    let missing: Vec<_> =
        ELEMENTS.into_iter().filter(|(element, _)| gst::ElementFactory::find(element).is_none()).collect();
    for (element, package) in missing {
        findings.push(Finding::wrong(
            "GStreamer",
            format!("has no {element}"),
            format!("apt install {package}"),
        ));
    }
    let factory = gst::ElementFactory::find("facerestore");
    let plugin = factory.and_then(|factory| factory.plugin()).and_then(|plugin| plugin.filename());
    findings.push(match plugin {
        Some(file) => Finding::right("element", format!("facerestore, in {}", file.display())),
        None => Finding::wrong(
            "element",
            "GStreamer does not know facerestore",
            "export GST_PLUGIN_PATH=the folder of libgstfacerestore.so (target/release after cargo build --release -p \
             gst-plugin-facerestore); if it is set, GST_DEBUG=GST_PLUGIN_LOADING:4 gst-inspect-1.0 facerestore says why it \
             does not load",
        ),
    });
    findings
}
