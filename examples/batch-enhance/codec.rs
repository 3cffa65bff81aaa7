// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which encoder follows which input codec, and at which quality; and which parser a copied stream needs.

use gst::prelude::*;

use crate::container::holds;

/// An encoder of the family of `caps`, with the options for a quality at which its loss is hard to see, and its parser.
#[derive(Debug)]
pub struct Encoder {
    /// The media type of what it makes.
    pub caps: &'static str,
    /// Whether its caps tell the colours of the video.
    pub names_colours: bool,
    line: &'static str,
    /// The same for containers that store frames in the order in which they are shown.
    in_order: &'static str,
}

impl Encoder {
    const fn new(caps: &'static str, line: &'static str) -> Self {
        Self { caps, names_colours: true, line, in_order: line }
    }

    const fn without_colours(self) -> Self {
        Self { names_colours: false, ..self }
    }

    /// The media type of what it makes.
    #[must_use]
    pub fn media_type(&self) -> gst::Caps {
        self.caps.parse().expect("the table's caps are constant")
    }

    /// The name of the element that encodes.
    #[must_use]
    pub fn factory(&self) -> &'static str {
        self.line.split_whitespace().next().unwrap_or_default()
    }

    /// Whether it says which lines of a frame are of which field. x265's element hands whole frames to an encoder of fields,
    /// and the others know none.
    #[must_use]
    pub fn tells_fields(&self) -> bool {
        self.caps == "video/x-h264"
    }

    /// Its launch line for a container that `reorders` frames, or does not.
    #[must_use]
    pub fn line(&self, reorders: bool) -> &'static str {
        if reorders { self.line } else { self.in_order }
    }
}

/// The first that the container holds also serves for the families without an encoder; libav's of MPEG-2 and MPEG-4 part 2
/// lose frames of some rates without a word, so they are not here.
static ENCODERS: [Encoder; 7] = [
    Encoder {
        caps: "video/x-h264",
        names_colours: true,
        line: "x264enc pass=qual quantizer=18 speed-preset=medium ! h264parse",
        in_order: "x264enc pass=qual quantizer=18 speed-preset=medium bframes=0 ! h264parse",
    },
    Encoder {
        caps: "video/x-h265",
        names_colours: true,
        line: "x265enc option-string=crf=19 speed-preset=medium ! h265parse",
        in_order: "x265enc option-string=crf=19:bframes=0 speed-preset=medium ! h265parse",
    },
    Encoder::new(
        "video/x-vp9",
        "vp9enc end-usage=cq cq-level=20 target-bitrate=100000000 deadline=1000000 cpu-used=3 row-mt=true ! vp9parse",
    )
    .without_colours(),
    Encoder::new(
        "video/x-vp8",
        "vp8enc end-usage=cq cq-level=8 max-quantizer=24 target-bitrate=50000000 deadline=1000000 cpu-used=2",
    ),
    Encoder::new("video/x-av1", "av1enc max-quantizer=24 target-bitrate=100000 cpu-used=6 ! av1parse")
        .without_colours(),
    Encoder::new("image/jpeg", "jpegenc quality=95"),
    Encoder::new("video/x-theora", "theoraenc quality=60"),
];

/// The encoder for a video of `caps` that goes into `muxer`: of the same family if there is one, else H.264 or what the
/// container holds. None if it holds none.
#[must_use]
pub fn encoder(caps: &gst::Caps, muxer: &gst::Element) -> Option<&'static Encoder> {
    let mut usable = ENCODERS.iter().filter(|encoder| holds(muxer, &encoder.media_type())).peekable();
    let first = usable.peek().copied();
    usable.find(|encoder| encoder.media_type().can_intersect(caps)).or(first)
}

/// The parser that brings a stream of `caps` into the form that `muxer` takes: `Some(None)` when it has that form, `None`
/// when the container cannot hold it.
#[must_use]
pub fn parser(caps: &gst::Caps, muxer: &gst::Element) -> Option<Option<gst::ElementFactory>> {
    let framed = caps
        .structure(0)
        .is_some_and(|media| ["framed", "parsed"].iter().any(|field| media.get::<bool>(*field) == Ok(true)));
    let parsers =
        gst::ElementFactory::factories_with_type(gst::ElementFactoryType::PARSER, gst::Rank::MARGINAL);
    let sources = |factory: &gst::ElementFactory| -> Vec<gst::Caps> {
        let templates = factory.static_pad_templates();
        templates
            .iter()
            .filter(|pad| pad.direction() == gst::PadDirection::Src)
            .map(|pad| pad.caps())
            .collect()
    };
    let fits = |factory: &gst::ElementFactory| {
        factory.can_sink_all_caps(caps) && sources(factory).iter().any(|caps| holds(muxer, caps))
    };
    let parser = parsers.iter().filter(|factory| fits(factory)).max_by_key(|factory| factory.rank());
    match (holds(muxer, caps), parser) {
        (true, _) if framed => Some(None),
        (_, Some(parser)) => Some(Some(parser.clone())),
        (true, None) => Some(None),
        (false, None) => None,
    }
}
