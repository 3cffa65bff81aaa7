// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the pictures of a restored video lose: transparency, bits of depth, chroma samples, what they say of HDR.

use gst_video::{VideoFormatInfo, VideoInfo};

/// Fields of caps with what a screen for HDR needs.
const HDR: [(&str, &str); 2] = [
    ("mastering-display-info", "the colours of the mastering display (HDR)"),
    ("content-light-level", "the content's light level (HDR)"),
];

/// What is lost between a stream of the file (`stream`), its pictures (`decoded`), those that are encoded (`raw`) and the
/// encoded video.
#[must_use]
pub fn losses(
    stream: &gst::CapsRef,
    decoded: &gst::CapsRef,
    raw: &gst::CapsRef,
    encoded: &gst::CapsRef,
) -> Vec<String> {
    let (Ok(from), Ok(to)) = (VideoInfo::from_caps(decoded), VideoInfo::from_caps(raw)) else {
        return vec![];
    };
    let mut losses = of_formats(&from.format_info(), &to.format_info(), has_alpha_layer(stream));
    for (field, name) in HDR {
        let has = |caps: &gst::CapsRef| caps.structure(0).is_some_and(|media| media.has_field(field));
        if (has(stream) || has(decoded)) && !has(encoded) {
            losses.push(name.to_owned());
        }
    }
    losses
}

/// Whether a video of VP8 or VP9 carries its transparency in a second picture, which no encoder here writes.
fn has_alpha_layer(stream: &gst::CapsRef) -> bool {
    stream.structure(0).is_some_and(|media| media.get::<bool>("codec-alpha") == Ok(true))
}

fn of_formats(from: &VideoFormatInfo, to: &VideoFormatInfo, alpha_layer: bool) -> Vec<String> {
    let mut losses = Vec::new();
    if (from.has_alpha() || alpha_layer) && !to.has_alpha() {
        losses.push("transparency".to_owned());
    }
    let depth = |format: &VideoFormatInfo| format.depth().iter().copied().max().unwrap_or_default();
    if depth(from) > depth(to) {
        losses.push(format!("{} bits a channel became {}", depth(from), depth(to)));
    }
    if let (Some((from, finer)), Some((to, coarser))) = (chroma(from), chroma(to))
        && finer < coarser
    {
        losses.push(format!("chroma {from} became {to}"));
    }
    losses
}

/// The name of a format's chroma subsampling, and log2 of how many pixels share a sample; None without chroma.
fn chroma(format: &VideoFormatInfo) -> Option<(&'static str, u32)> {
    let (horizontal, vertical) = (*format.w_sub().get(1)?, *format.h_sub().get(1)?);
    let name = match (horizontal, vertical) {
        (0, 0) => "4:4:4",
        (1, 0) => "4:2:2",
        (1, 1) => "4:2:0",
        (2, 0) => "4:1:1",
        (0, 1) => "4:4:0",
        _ => "4:1:0",
    };
    Some((name, horizontal + vertical))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::VideoFormat;

    fn of(from: VideoFormat, to: VideoFormat) -> Vec<String> {
        gst::init().unwrap();
        of_formats(&VideoFormatInfo::from_format(from), &VideoFormatInfo::from_format(to), false)
    }

    #[test]
    fn depth_chroma_and_transparency_are_named() {
        assert_eq!(
            of(VideoFormat::I42210le, VideoFormat::I420),
            ["10 bits a channel became 8", "chroma 4:2:2 became 4:2:0"]
        );
        assert_eq!(of(VideoFormat::A420, VideoFormat::I420), ["transparency"]);
        assert_eq!(of(VideoFormat::Bgra, VideoFormat::I420), ["transparency", "chroma 4:4:4 became 4:2:0"]);
        assert_eq!(of(VideoFormat::Nv12, VideoFormat::I420), [""; 0]);
        assert_eq!(of(VideoFormat::Gray8, VideoFormat::I420), [""; 0]);
    }
}
