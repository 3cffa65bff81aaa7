// SPDX-License-Identifier: MIT OR Apache-2.0
//! Subtitles of Matroska and WebM, which the demuxer hands out in another form than the muxer takes.

use gst::prelude::*;

/// A converter for a stream of subtitles whose text is escaped for Pango markup: the demuxer escapes plain text on reading,
/// and the muxer writes plain text only. None when the text is plain.
#[must_use]
pub fn unescaper(caps: &gst::Caps) -> Option<gst::Element> {
    let media = caps.structure(0)?;
    if media.name() != "text/x-raw" || media.get::<&str>("format") != Ok("pango-markup") {
        return None;
    }
    let plain = gst::Caps::builder("text/x-raw").field("format", "utf8").build();
    let setter = gst::ElementFactory::make("capssetter").property("caps", plain).build().ok()?;
    setter.static_pad("src")?.add_probe(gst::PadProbeType::BUFFER, |_, probe| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data
            && let Some(plain) = unescaped(buffer)
        {
            *buffer = plain;
        }
        gst::PadProbeReturn::Ok
    });
    Some(setter)
}

/// The buffer with its entities resolved; None when it has none.
fn unescaped(buffer: &gst::Buffer) -> Option<gst::Buffer> {
    let map = buffer.map_readable().ok()?;
    let text = std::str::from_utf8(&map).ok().filter(|text| text.contains('&'))?;
    let mut plain = gst::Buffer::from_slice(unescape(text).into_bytes());
    buffer
        .copy_into(plain.get_mut()?, gst::BufferCopyFlags::META | gst::BufferCopyFlags::TIMESTAMPS, ..)
        .ok()?;
    Some(plain)
}

/// Undoes `g_markup_escape_text`.
fn unescape(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_resolved_once() {
        assert_eq!(
            unescape("Tom &amp; &quot;Jerry&quot;: 1 &lt; 2, &amp;lt;"),
            "Tom & \"Jerry\": 1 < 2, &lt;"
        );
    }
}
