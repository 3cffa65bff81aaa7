// SPDX-License-Identifier: MIT OR Apache-2.0
//! The range and the colours of a video where GStreamer 1.22 loses them: between the bitstream and the decoder, and between
//! the encoder and the muxer.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use gst::prelude::*;
use gst_video::{VideoColorMatrix, VideoColorRange, VideoColorimetry, VideoFormat, VideoInfo};

use crate::boxes;
use crate::container::Container;
use crate::source::Stream;
use crate::sps::{self, Colours, Signal};

/// Whether the container's header says that a stream has full range; None where it says nothing.
#[must_use]
pub fn of_container(file: &Path, container: &Container, stream: &Stream) -> Option<bool> {
    if container.demuxer == "qtdemux" {
        // Of the number and the flag the demuxer reads the wrong byte.
        return boxes::full_range(&mut File::open(file).ok()?, stream.track()?);
    }
    let told = stream.caps.structure(0)?.get::<&str>("colorimetry").ok()?.parse::<VideoColorimetry>().ok()?;
    match told.range() {
        VideoColorRange::Range0_255 => Some(true),
        VideoColorRange::Range16_235 => Some(false),
        _ => None,
    }
}

/// What comes before the decoder of a video: for H.264 and H.265 the parser, whose caps hold the parameter sets, and the
/// element (named `name`) that [`declare_range`] needs, also where the container declares a range (`full_range`); else
/// nothing.
#[must_use]
pub fn before_decoder(media_type: &str, full_range: Option<bool>, name: &str) -> String {
    let setter = format!("capssetter name={name} caps={media_type} ! ");
    let (parser, format) = match media_type {
        "video/x-h264" => ("h264parse", "avc"),
        "video/x-h265" => ("h265parse", "hvc1"),
        _ if full_range.is_some() => return setter,
        _ => return String::new(),
    };
    format!("{parser} ! {media_type},stream-format={format},alignment=au ! {setter}")
}

/// Makes `setter` write the range and the colours into the caps that the bitstream declares, or else its container
/// (`full_range`; the colours are in the caps already): the demuxer of MP4 takes every video for limited, the caps win over the
/// bitstream further on, and a range without colours counts as no colorimetry at all.
///
/// # Errors
/// When `setter` is no filter.
pub fn declare_range(setter: &gst::Element, full_range: Option<bool>) -> Result<()> {
    on_caps(setter, move |caps| {
        let media = caps.structure(0)?;
        let plain = gst::Caps::builder(media.name().as_str());
        Some(match declared(media, full_range) {
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

/// The colorimetry of `media`, the caps of a parser or demuxer: what the parameter sets say, then what the container says
/// (`full_range`, and the caps' own colours), then what GStreamer takes for granted; None where nothing says anything of it.
fn declared(media: &gst::StructureRef, full_range: Option<bool>) -> Option<VideoColorimetry> {
    let signal = signal_of(media);
    let full = signal.map(|signal| signal.full_range).or(full_range)?;
    let range = if full { VideoColorRange::Range0_255 } else { VideoColorRange::Range16_235 };
    if let Some(colours) = signal.and_then(|signal| h273(range, signal.colours?)) {
        return Some(colours);
    }
    let told = media.get::<&str>("colorimetry").ok().and_then(|text| text.parse::<VideoColorimetry>().ok());
    // Without a matrix GStreamer takes all of a colorimetry, the range too, for its default by the size of the picture.
    let colours = match told.filter(|told| told.matrix() != VideoColorMatrix::Unknown) {
        Some(told) => told,
        None => default_colours(media)?,
    };
    Some(VideoColorimetry::new(range, colours.matrix(), colours.transfer(), colours.primaries()))
}

/// What the parameter sets in a parser's caps say.
fn signal_of(media: &gst::StructureRef) -> Option<Signal> {
    let configuration = media.get::<gst::Buffer>("codec_data").ok()?;
    sps::signal(media.name().as_str(), &configuration.map_readable().ok()?)
}

/// The colorimetry of code points of ITU-T H.273 (tables 2 to 4); None where the matrix is none that GStreamer knows.
fn h273(range: VideoColorRange, colours: Colours) -> Option<VideoColorimetry> {
    /// The numbers that GStreamer has for them, in which a colorimetry can be written.
    const MATRICES: [(u8, u8); 7] = [(0, 1), (1, 3), (4, 2), (5, 4), (6, 4), (7, 5), (9, 6)];
    const TRANSFERS: [(u8, u8); 14] = [
        (1, 5),
        (4, 4),
        (5, 8),
        (6, 16),
        (7, 6),
        (8, 1),
        (9, 9),
        (10, 10),
        (11, 7),
        (13, 7),
        (14, 13),
        (15, 11),
        (16, 14),
        (18, 15),
    ];
    const PRIMARIES: [(u8, u8); 11] =
        [(1, 1), (4, 2), (5, 3), (6, 4), (7, 5), (8, 6), (9, 7), (10, 9), (11, 10), (12, 11), (22, 12)];
    let number =
        |table: &[(u8, u8)], code: u8| table.iter().find(|(known, _)| *known == code).map(|pair| pair.1);
    let range = if range == VideoColorRange::Range0_255 { 1 } else { 2 };
    let matrix = number(&MATRICES, colours.matrix)?;
    let transfer = number(&TRANSFERS, colours.transfer).unwrap_or_default();
    let primaries = number(&PRIMARIES, colours.primaries).unwrap_or_default();
    format!("{range}:{matrix}:{transfer}:{primaries}").parse().ok()
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

    /// What x264 writes for 64 × 48 with full range and the colours of BT.709.
    const BT709: &str =
        "01640014ffe1001c67640014acd942c4ec05b808080a000003000200000300791e28532c01000568ebecb22c";

    fn of(rest: &str, full_range: Option<bool>) -> Option<String> {
        gst::init().unwrap();
        let caps: gst::Caps = format!("video/x-h264,{rest}").parse().unwrap();
        declared(caps.structure(0).unwrap(), full_range).map(|colorimetry| colorimetry.to_string())
    }

    #[test]
    fn the_range_of_the_bitstream_wins_and_the_colours_stay() {
        let full = format!("width=64,height=48,codec_data=(buffer){RANGE_ALONE}");
        for container in [None, Some(false), Some(true)] {
            assert_eq!(of(&format!("{full},colorimetry=bt709"), container).unwrap(), "1:3:5:1");
            assert_eq!(of(&format!("{full},colorimetry=(string)1:0:0:0"), container).unwrap(), "1:4:16:4");
            assert_eq!(of(&full, container).unwrap(), "1:4:16:4", "SD is 601");
        }
        let hd = format!("width=1920,height=1080,codec_data=(buffer){RANGE_ALONE}");
        assert_eq!(of(&hd, None).unwrap(), "1:3:5:1");
    }

    #[test]
    fn the_colours_of_the_bitstream_win_over_the_container() {
        let caps = format!("width=64,height=48,colorimetry=bt2020,codec_data=(buffer){BT709}");
        assert_eq!(of(&caps, Some(false)).unwrap(), "1:3:5:1");
    }

    #[test]
    fn the_container_counts_where_the_bitstream_says_nothing() {
        let silent = format!("width=64,height=48,codec_data=(buffer){SILENT}");
        assert_eq!(of(&format!("{silent},colorimetry=bt709"), Some(true)).unwrap(), "1:3:5:1");
        assert_eq!(of(&format!("{silent},colorimetry=bt2020"), Some(false)).unwrap(), "bt2020");
        assert_eq!(of(&silent, Some(true)).unwrap(), "1:4:16:4");
        // A codec whose parameter sets are not read.
        assert_eq!(of("colorimetry=bt709", Some(true)).unwrap(), "1:3:5:1");
    }

    #[test]
    fn what_says_nothing_is_left_as_it_is() {
        assert_eq!(of(&format!("colorimetry=bt709,codec_data=(buffer){SILENT}"), None), None);
        assert_eq!(of("colorimetry=bt709", None), None);
    }

    #[test]
    fn code_points_have_the_names_of_their_standards() {
        gst::init().unwrap();
        // Primaries, transfer and matrix as ITU-T H.273 numbers them.
        for ([primaries, transfer, matrix], name) in [
            ([1, 1, 1], "bt709"),
            ([6, 6, 6], "bt601"),
            ([9, 15, 9], "bt2020"),
            ([9, 14, 9], "bt2020-10"),
            ([9, 16, 9], "bt2100-pq"),
            ([9, 18, 9], "bt2100-hlg"),
            ([7, 7, 7], "smpte240m"),
        ] {
            let colours = Colours { primaries, transfer, matrix };
            assert_eq!(h273(VideoColorRange::Range16_235, colours).unwrap().to_string(), name);
        }
        // Unspecified.
        assert_eq!(h273(VideoColorRange::Range0_255, Colours { primaries: 2, transfer: 2, matrix: 2 }), None);
    }
}
