// SPDX-License-Identifier: MIT OR Apache-2.0
//! What restores one stream of video: parser → decoder → element → encoder.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use gst::prelude::*;

use crate::cli::{Property, Treatment};
use crate::codec::Encoder;
use crate::colorimetry;
use crate::formats;
use crate::picture;
use crate::property::set_property;
use crate::start::{Decided, Start};

/// A stream of video that is to be restored.
#[derive(Debug, Clone, Copy)]
pub struct Video<'a> {
    /// What the file calls it.
    pub caps: &'a gst::Caps,
    /// Whether its container says that its samples have full range.
    pub full_range: Option<bool>,
    /// Its number in the file.
    pub number: usize,
}

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
    decided: Arc<OnceLock<Decided>>,
    raw: gst::Pad,
}

impl Chain {
    /// Adds the elements for a stream to the pipeline; `line` is the launch line of its `encoder`.
    ///
    /// # Errors
    /// When an element is missing, or a property is not one of the element's.
    pub fn build(
        pipeline: &gst::Pipeline,
        video: Video,
        encoder: &Encoder,
        line: &str,
        treatment: &Treatment,
    ) -> Result<Self> {
        let number = video.number;
        let bin = gst::parse::bin_from_description(&launch_line(video, encoder, line), false)
            .context("an encoder is missing: run scripts/setup")?;
        let find = |name: &str| bin.by_name(&format!("{name}{number}"));
        let named = |name: &str| find(name).with_context(|| format!("the line names {name}"));
        let pad_of = |name: &str, pad: &str| {
            named(name)?.static_pad(pad).with_context(|| format!("{name} has a pad {pad}"))
        };
        let (decoder, restorer) = (named("decoder")?, named("restorer")?);
        let (decoded, raw, output) =
            (pad_of("decoded", "sink")?, pad_of("encodable", "src")?, pad_of("end", "src")?);
        for Property { name, value } in &treatment.properties {
            set_property(&restorer, name, value)?;
        }
        if let Some(setter) = find("range") {
            colorimetry::declare_range(&setter, video.full_range)?;
        }
        if let Some(setter) = find("colours") {
            colorimetry::declare_colours(&setter, &raw)?;
        }
        let template = restorer.pad_template("sink").context("the element has an input")?;
        let decided = Arc::default();
        let start = Start {
            input: decoded.clone(),
            restorable: (named("restorable")?, formats::offered([template.caps()])),
            told: named("told")?,
            encodable: (named("encodable")?, formats::of_factory(encoder.factory())),
            deinterlace: treatment.deinterlace,
            encoder_tells_fields: encoder.tells_fields(),
            decided: Arc::clone(&decided),
        };
        start.wait_for(&decoder);
        let elements: Vec<gst::Element> = bin.children();
        unpack(&bin, pipeline)?;
        let mut inputs = elements.iter().flat_map(|element| element.sink_pads());
        // The decoder makes its output when it knows its input, and `decoded` waits for that.
        let input = inputs.find(|pad| !pad.is_linked() && *pad != decoded).context("the line has a start")?;
        Ok(Self { number, input, restorer, output, caps: video.caps.clone(), decided, raw })
    }

    /// What the encoded video lacks of the stream's pictures, once frames have flowed.
    #[must_use]
    pub fn losses(&self) -> Vec<String> {
        let Some(Decided { decoded, fields }) = self.decided.get() else { return vec![] };
        let (decoded, raw) = (decoded.current_caps(), self.raw.current_caps());
        let mut losses = match (decoded, raw, self.output.current_caps()) {
            (Some(decoded), Some(raw), Some(encoded)) => {
                picture::losses(&self.caps, &decoded, &raw, &encoded)
            }
            _ => vec![],
        };
        losses.extend(fields.note.map(str::to_owned));
        losses
    }
}

/// The line of a chain; names end with the stream's number, since a pipeline has each name once.
fn launch_line(video: Video, encoder: &Encoder, line: &str) -> String {
    const QUEUE: &str = "queue max-size-buffers=3 max-size-bytes=0 max-size-time=0";
    let number = video.number;
    let media_type = video.caps.structure(0).map(|media| media.name().as_str()).unwrap_or_default();
    let head = colorimetry::before_decoder(media_type, video.full_range, &format!("range{number}"));
    let tail = if encoder.names_colours {
        String::new()
    } else {
        format!("capssetter name=colours{number} caps={} ! ", encoder.caps)
    };
    format!(
        "{head}decodebin name=decoder{number} videoconvert name=decoded{number} ! capsfilter name=restorable{number} \
         ! {QUEUE} ! facerestore name=restorer{number} ! {QUEUE} ! capssetter name=told{number} caps=video/x-raw \
         ! videoconvert ! capsfilter name=encodable{number} ! {line} ! {tail}queue name=end{number}"
    )
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
