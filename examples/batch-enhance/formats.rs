// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which format of raw video an element is given: GStreamer 1.22's `videoconvert` takes the first that the element offers,
//! whatever it costs.

use std::str::FromStr;

use gst_video::{VideoFormat, VideoFormatInfo};

/// The formats of raw video that the inputs of `templates` take, in their order.
pub fn offered<'a>(templates: impl IntoIterator<Item = &'a gst::Caps>) -> Vec<VideoFormat> {
    let mut formats = Vec::new();
    for (media, features) in templates.into_iter().flat_map(|caps| caps.iter_with_features()) {
        // Formats of memory that is not this machine's own, and those that an element merely lets through.
        if features.is_any() || !features.contains(gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY) {
            continue;
        }
        let Ok(value) = media.value("format") else { continue };
        let mut add =
            |value: &gst::glib::SendValue| formats.extend(value.get::<&str>().ok().and_then(format_of));
        match value.get::<gst::List>() {
            Ok(list) => list.iter().for_each(&mut add),
            Err(_) => add(value),
        }
    }
    formats
}

/// The formats that an element of the kind `factory` takes.
pub fn of_factory(factory: &str) -> Vec<VideoFormat> {
    let factory = gst::ElementFactory::find(factory);
    let templates = factory.iter().flat_map(|factory| factory.static_pad_templates());
    let inputs: Vec<gst::Caps> =
        templates.filter(|pad| pad.direction() == gst::PadDirection::Sink).map(|pad| pad.caps()).collect();
    offered(&inputs)
}

/// The format of raw video of `caps`.
pub fn of_caps(caps: &gst::CapsRef) -> Option<VideoFormat> {
    caps.structure(0)?.get::<&str>("format").ok().and_then(format_of)
}

/// The one of the `offered` formats in which pictures of `from` lose least, and that is not larger than it needs to be.
pub fn nearest(from: VideoFormat, offered: &[VideoFormat]) -> Option<VideoFormat> {
    let from = VideoFormatInfo::from_format(from);
    offered.iter().copied().min_by_key(|format| cost(&from, &VideoFormatInfo::from_format(*format)))
}

/// Raw video of one format.
pub fn caps(format: VideoFormat) -> gst::Caps {
    gst::Caps::builder("video/x-raw").field("format", format.to_str().as_str()).build()
}

fn format_of(name: &str) -> Option<VideoFormat> {
    VideoFormat::from_str(name).ok()
}

/// What is lost first, in the order of what is seen: bits, chroma, transparency, the roundings between RGB and Y'CbCr. What
/// is added for nothing comes after it.
fn cost(from: &VideoFormatInfo, to: &VideoFormatInfo) -> [u32; 8] {
    /// More than any subsampling, so that grey lacks all chroma.
    const NONE: u32 = 8;
    let depth = |format: &VideoFormatInfo| format.depth().iter().copied().max().unwrap_or_default();
    let chroma = |format: &VideoFormatInfo| {
        let shift = |shifts: &[u32]| shifts.get(1).copied().unwrap_or(NONE);
        if format.is_gray() { [NONE; 2] } else { [shift(format.w_sub()), shift(format.h_sub())] }
    };
    let coarser = |from: [u32; 2], to: [u32; 2]| -> u32 {
        from.iter().zip(to).map(|(from, to)| to.saturating_sub(*from)).sum()
    };
    let (from_chroma, to_chroma) = (chroma(from), chroma(to));
    [
        depth(from).saturating_sub(depth(to)),
        coarser(from_chroma, to_chroma),
        u32::from(from.has_alpha() && !to.has_alpha()),
        u32::from(from.is_rgb() != to.is_rgb()),
        depth(to).saturating_sub(depth(from)),
        coarser(to_chroma, from_chroma),
        u32::from(to.has_alpha() && !from.has_alpha()),
        u32::from(from.format() != to.format()),
    ]
}

#[cfg(test)]
mod tests {
    use VideoFormat::{
        A420, A44410le, Bgra, Gray8, I420, I42010le, I42012le, I42210le, I42212le, Nv12, Nv16, P01010le,
        Uyvp, V210, Y41b, Y42b, Y444, Y44410le,
    };

    use super::*;

    #[test]
    fn depth_and_chroma_stay_where_the_encoder_has_them() {
        gst::init().unwrap();
        // As x264enc lists them, the largest one first.
        let h264 = [Y444, Y42b, I420, VideoFormat::Yv12, Nv12, Y44410le, I42210le, I42010le];
        for (from, to) in [
            (I420, I420),
            (Nv12, Nv12),
            (Gray8, I420),
            (P01010le, I42010le),
            (I42210le, I42210le),
            (V210, I42210le),
            (I42012le, I42010le),
            (I42212le, I42210le),
            (Nv16, Y42b),
            (Uyvp, I42210le),
            (Y41b, Y42b),
            (A420, I420),
            (Bgra, Y444),
            (A44410le, Y44410le),
        ] {
            assert_eq!(nearest(from, &h264), Some(to), "{from:?}");
        }
        // Not even all of its bits are worth a finer chroma than there is.
        assert_eq!(nearest(I42010le, &[Y444, I420]), Some(I420));
        assert_eq!(nearest(I420, &[]), None);
    }

    #[test]
    fn the_formats_of_a_template_are_read_in_order_and_those_of_other_memory_left_out() {
        gst::init().unwrap();
        let caps: gst::Caps = "video/x-raw,format={NV12,I420_10LE};video/x-raw(memory:DMABuf),format=NV16;\
                               video/x-raw(ANY),format=Y444;video/x-raw,format=GRAY8"
            .parse()
            .unwrap();
        assert_eq!(offered([&caps]), [VideoFormat::Nv12, VideoFormat::I42010le, VideoFormat::Gray8]);
        assert_eq!(of_caps(&super::caps(VideoFormat::P01010le)), Some(VideoFormat::P01010le));
    }
}
