// SPDX-License-Identifier: MIT OR Apache-2.0
//! The range and the colours of a video where GStreamer 1.22 loses them: between the bitstream and the decoder, and between
//! the encoder and the muxer.

use anyhow::{Context, Result};
use gst::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo};

use crate::sps;

/// What comes before the decoder of a video: for H.264 and H.265 the parser, whose caps hold the parameter sets, and the
/// element (named `name`) that [`declare_range`] needs; else nothing.
#[must_use]
pub fn before_decoder(media_type: &str, name: &str) -> String {
    let (parser, format) = match media_type {
        "video/x-h264" => ("h264parse", "avc"),
        "video/x-h265" => ("h265parse", "hvc1"),
        _ => return String::new(),
    };
    format!(
        "{parser} ! {media_type},stream-format={format},alignment=au ! capssetter name={name} caps={media_type} ! "
    )
}

/// Makes `setter` write the range into the caps that the bitstream declares: the demuxer of MP4 takes every video for limited
/// (it reads the byte beside the flag), the caps win over the bitstream further on, and a range without colours counts as
/// no colorimetry at all.
///
/// # Errors
/// When `setter` is no filter.
pub fn declare_range(setter: &gst::Element) -> Result<()> {
    on_caps(setter, |caps| {
        let media = caps.structure(0)?;
        let plain = gst::Caps::builder(media.name().as_str());
        Some(match ranged(media) {
            Some(colorimetry) => plain.field("colorimetry", colorimetry.to_string()).build(),
            None => plain.build(),
        })
    })
}

/// Makes `setter`, which follows an encoder, tell the muxer the colours of the raw video at `raw`: the encoders of AV1 and VP9
/// leave them out, and the muxer of MP4 crashes where it finds a colorimetry without the place of the chroma samples.
///
/// # Errors
/// When `setter` is no filter.
pub fn declare_colours(setter: &gst::Element, raw: &gst::Pad) -> Result<()> {
    /// Where the codecs' decoders take the chroma samples to lie when nothing is said.
    const CHROMA_SITE: &str = "mpeg2";
    let raw = raw.downgrade();
    on_caps(setter, move |caps| {
        let encoded = caps.structure(0)?;
        let raw = raw.upgrade()?.current_caps()?;
        let raw = raw.structure(0)?;
        let mut added = gst::Caps::builder(encoded.name().as_str());
        let missing = |field: &str| !encoded.has_field(field);
        if let Ok(colorimetry) = raw.get::<&str>("colorimetry")
            && missing("colorimetry")
        {
            added = added.field("colorimetry", colorimetry);
        }
        if missing("chroma-site") {
            added = added.field("chroma-site", raw.get::<&str>("chroma-site").unwrap_or(CHROMA_SITE));
        }
        Some(added.build())
    })
}

/// Sets the caps that `setter` merges in from each caps that come to it.
fn on_caps(
    setter: &gst::Element,
    merged: impl Fn(&gst::CapsRef) -> Option<gst::Caps> + Send + Sync + 'static,
) -> Result<()> {
    let weak = setter.downgrade();
    let pad = setter.static_pad("sink").context("a filter has an input")?;
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, probe| {
        if let Some(gst::PadProbeData::Event(event)) = &probe.data
            && let gst::EventView::Caps(caps) = event.view()
            && let (Some(setter), Some(merged)) = (weak.upgrade(), merged(caps.caps()))
        {
            setter.set_property("caps", merged);
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// The colorimetry of a parser's caps with the range of its parameter sets; None where these say nothing.
fn ranged(media: &gst::StructureRef) -> Option<VideoColorimetry> {
    let configuration = media.get::<gst::Buffer>("codec_data").ok()?;
    let full = sps::full_range(media.name().as_str(), &configuration.map_readable().ok()?)?;
    let told = media.get::<&str>("colorimetry").ok().and_then(|text| text.parse::<VideoColorimetry>().ok());
    // Without a matrix GStreamer takes all of a colorimetry, the range too, for its default by the size of the picture.
    let colours = match told.filter(|told| told.matrix() != VideoColorMatrix::Unknown) {
        Some(told) => told,
        None => default_colours(media)?,
    };
    let range = if full { VideoColorRange::Range0_255 } else { VideoColorRange::Range16_235 };
    Some(VideoColorimetry::new(range, colours.matrix(), colours.transfer(), colours.primaries()))
}

/// What GStreamer takes untagged video of this size for.
fn default_colours(media: &gst::StructureRef) -> Option<VideoColorimetry> {
    let side = |name: &str| u32::try_from(media.get::<i32>(name).ok()?).ok();
    let info = VideoInfo::builder(VideoFormat::I420, side("width")?, side("height")?).build().ok()?;
    Some(info.colorimetry())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What x264 writes for 64 × 48 with full range and no colours.
    const RANGE_ALONE: &str = "0142c015ffe100176742c015da11ec05b528000003000800000301e478b17501000468ce3c80";
    /// The same without any word on the signal.
    const SILENT: &str = "0142c015ffe100176742c015da11ec04a50000030001000003003c8f162ea001000468ce3c80";

    fn of(rest: &str) -> Option<String> {
        gst::init().unwrap();
        let caps: gst::Caps = format!("video/x-h264,{rest}").parse().unwrap();
        ranged(caps.structure(0).unwrap()).map(|colorimetry| colorimetry.to_string())
    }

    #[test]
    fn the_range_of_the_bitstream_wins_and_the_colours_stay() {
        let full = format!("width=64,height=48,codec_data=(buffer){RANGE_ALONE}");
        assert_eq!(of(&format!("{full},colorimetry=bt709")).unwrap(), "1:3:5:1");
        assert_eq!(of(&format!("{full},colorimetry=(string)1:0:0:0")).unwrap(), "1:4:16:4");
        assert_eq!(of(&full).unwrap(), "1:4:16:4", "SD is 601");
        let hd = format!("width=1920,height=1080,codec_data=(buffer){RANGE_ALONE}");
        assert_eq!(of(&hd).unwrap(), "1:3:5:1");
    }

    #[test]
    fn what_says_nothing_is_left_as_it_is() {
        assert_eq!(of(&format!("colorimetry=bt709,codec_data=(buffer){SILENT}")), None);
        assert_eq!(of("colorimetry=bt709"), None);
    }
}
