// SPDX-License-Identifier: MIT OR Apache-2.0
//! What restores one stream of video: parser → decoder → element → encoder.

use anyhow::{Context, Result};
use gst::prelude::*;

use crate::cli::Property;
use crate::codec::Encoder;
use crate::colorimetry;
use crate::picture;
use crate::property::set_property;

/// The elements of one stream of video, in the pipeline.
#[derive(Debug)]
pub struct Chain {
    /// The number of the stream in the file.
    pub number: usize,
    /// Where the stream goes in.
    pub input: gst::Pad,
    /// The element.
    pub restorer: gst::Element,
    /// Where the encoded video comes out.
    pub output: gst::Pad,
    /// What the file calls the stream.
    caps: gst::Caps,
    decoded: gst::Pad,
    raw: gst::Pad,
}

impl Chain {
    /// Adds the elements for a stream of `caps` to the pipeline; `line` is the launch line of its `encoder`.
    ///
    /// # Errors
    /// When an element is missing, or a property is not one of the element's.
    pub fn build(
        pipeline: &gst::Pipeline,
        caps: &gst::Caps,
        encoder: &Encoder,
        line: &str,
        number: usize,
        properties: &[Property],
    ) -> Result<Self> {
        let bin = gst::parse::bin_from_description(&launch_line(caps, encoder, line, number), false)
            .context("an encoder is missing: run scripts/setup")?;
        let find = |name: &str| bin.by_name(&format!("{name}{number}"));
        let named = |name: &str| find(name).with_context(|| format!("the line names {name}"));
        let pad_of = |name: &str, pad: &str| {
            named(name)?.static_pad(pad).with_context(|| format!("{name} has a pad {pad}"))
        };
        let (decoder, restorer) = (named("decoder")?, named("restorer")?);
        let (decoded, raw, output) =
            (pad_of("decoded", "sink")?, pad_of("converted", "src")?, pad_of("end", "src")?);
        for Property { name, value } in properties {
            set_property(&restorer, name, value)?;
        }
        if let Some(setter) = find("range") {
            colorimetry::declare_range(&setter)?;
        }
        if let Some(setter) = find("colours") {
            colorimetry::declare_colours(&setter, &raw)?;
        }
        link_when_decoded(&decoder, &decoded);
        let elements: Vec<gst::Element> = bin.children();
        unpack(&bin, pipeline)?;
        let mut inputs = elements.iter().flat_map(|element| element.sink_pads());
        // The decoder makes its output when it knows its input, and `decoded` waits for that.
        let input = inputs.find(|pad| !pad.is_linked() && *pad != decoded).context("the line has a start")?;
        Ok(Self { number, input, restorer, output, caps: caps.clone(), decoded, raw })
    }

    /// What the encoded video lacks of the stream's pictures, once frames have flowed.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let (decoded, raw) = (self.decoded.current_caps(), self.raw.current_caps());
        match (decoded, raw, self.output.current_caps()) {
            (Some(decoded), Some(raw), Some(encoded)) => {
                picture::losses(&self.caps, &decoded, &raw, &encoded)
            }
            _ => vec![],
        }
    }
}

/// The line of a chain; names end with the stream's number, since a pipeline has each name once.
fn launch_line(caps: &gst::Caps, encoder: &Encoder, line: &str, number: usize) -> String {
    const QUEUE: &str = "queue max-size-buffers=3 max-size-bytes=0 max-size-time=0";
    let media_type = caps.structure(0).map(|media| media.name().as_str()).unwrap_or_default();
    let head = colorimetry::before_decoder(media_type, &format!("range{number}"));
    let tail = if encoder.names_colours {
        String::new()
    } else {
        format!("capssetter name=colours{number} caps={} ! ", encoder.caps)
    };
    // A phone's video that lies on its side is set upright: faces are found in it only then, and the muxers forget the tag.
    format!(
        "{head}decodebin name=decoder{number} videoconvert name=decoded{number} ! videoflip video-direction=auto \
         ! {QUEUE} ! facerestore name=restorer{number} ! {QUEUE} \
         ! videoconvert name=converted{number} ! {line} ! {tail}queue name=end{number}"
    )
}

fn link_when_decoded(decoder: &gst::Element, decoded: &gst::Pad) {
    let decoded = decoded.clone();
    decoder.connect_pad_added(move |decoder, pad| {
        if pad.link(&decoded).is_err() {
            gst::element_error!(
                decoder,
                gst::StreamError::Decode,
                ("the video cannot be decoded to pictures")
            );
        }
    });
}

/// Moves the elements of a bin, with their links, into the pipeline.
///
/// # Errors
/// When the pipeline has an element of one of the names.
pub fn unpack(bin: &gst::Bin, pipeline: &gst::Pipeline) -> Result<()> {
    let elements: Vec<gst::Element> = bin.children();
    let mut links = Vec::new();
    for pad in elements.iter().flat_map(|element| element.src_pads()) {
        links.extend(pad.peer().map(|peer| (pad, peer)));
    }
    bin.remove_many(&elements)?;
    pipeline.add_many(&elements)?;
    for (from, to) in links {
        if !from.is_linked() {
            from.link(&to)?;
        }
    }
    Ok(())
}
