// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a chain decides when its first picture is decoded: the formats, what becomes of fields, whether to turn the picture.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use gst::prelude::*;
use gst_video::{VideoBufferFlags, VideoFormat};

use crate::cli::Deinterlace;
use crate::fields::{self, Fields};
use crate::formats;

/// What was decided.
#[derive(Debug)]
pub struct Decided {
    /// Where the decoder's pictures come out.
    pub decoded: gst::Pad,
    /// What is done with their fields.
    pub fields: Fields,
}

/// What waits for the first picture.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where the pictures go in.
    pub input: gst::Pad,
    /// The filter before the element, and the formats that the element takes.
    pub restorable: (gst::Element, Vec<VideoFormat>),
    /// The setter of what the encoder is told.
    pub told: gst::Element,
    /// The filter before the encoder, and the formats that the encoder takes.
    pub encodable: (gst::Element, Vec<VideoFormat>),
    /// What the user wishes for interlaced video.
    pub deinterlace: Deinterlace,
    /// Whether the encoder's codec says which lines are of which field.
    pub encoder_tells_fields: bool,
    /// What is decided.
    pub decided: Arc<OnceLock<Decided>>,
}

impl Start {
    /// Links the decoder's output when its first picture comes, or its end.
    pub fn wait_for(self, decoder: &gst::Element) {
        decoder.connect_pad_added(move |_, pad| {
            let start = self.clone();
            let mask = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
            pad.add_probe(mask, move |pad, probe| {
                let flags = match &probe.data {
                    Some(gst::PadProbeData::Buffer(buffer)) => {
                        VideoBufferFlags::from_bits_truncate(buffer.flags().bits())
                    }
                    Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::Eos => {
                        VideoBufferFlags::empty()
                    }
                    // Such as caps and tags: they wait at the pad until it is linked.
                    _ => return gst::PadProbeReturn::Ok,
                };
                if let Err(error) = start.link(pad, flags)
                    && let Some(decoder) = pad.parent_element()
                {
                    gst::element_error!(
                        decoder,
                        gst::StreamError::Decode,
                        ("the video cannot be decoded to pictures"),
                        ["{error:#}"]
                    );
                }
                gst::PadProbeReturn::Remove
            });
        });
    }

    fn link(&self, decoded: &gst::Pad, flags: VideoBufferFlags) -> Result<()> {
        let caps = decoded.current_caps().context("the pictures have no caps")?;
        let fields = fields::plan(&caps, flags, self.deinterlace, self.encoder_tells_fields);
        let mut format = formats::of_caps(&caps);
        let mut steps = Vec::new();
        if fields.split {
            steps.extend(fields.ordered.iter().map(|caps| format!("capssetter caps=\"{caps}\"")));
            // Each field by itself: the methods that look at several give frames of 1.22 wrong times.
            steps.extend(converted("deinterlace", &mut format));
            steps.push(
                "deinterlace method=linear ! capsfilter caps=video/x-raw,interlace-mode=progressive"
                    .to_owned(),
            );
        }
        if is_turned(decoded) {
            // A phone's video that lies on its side: faces are found in it only upright, and the muxers forget the tag.
            steps.extend(converted("videoflip", &mut format));
            steps.push("videoflip video-direction=auto".to_owned());
        }
        for (filter, offered) in [&self.restorable, &self.encodable] {
            if let Some(nearest) = format.and_then(|format| formats::nearest(format, offered)) {
                filter.set_property("caps", formats::caps(nearest));
            }
        }
        if let Some(told) = &fields.told {
            self.told.set_property("caps", told);
        }
        match insert(decoded, &steps.join(" ! "))? {
            Some(last) => last.link(&self.input)?,
            None => decoded.link(&self.input)?,
        };
        // A decoder that gives a second stream of pictures has failed to link it above.
        let _ = self.decided.set(Decided { decoded: decoded.clone(), fields });
        Ok(())
    }
}

/// A converter to the format that suits the element `factory` best, which then is the `format`.
fn converted(factory: &str, format: &mut Option<VideoFormat>) -> Option<String> {
    let nearest = formats::nearest((*format)?, &formats::of_factory(factory))?;
    *format = Some(nearest);
    Some(format!("videoconvert ! capsfilter caps=video/x-raw,format={}", nearest.to_str()))
}

/// Puts the elements of a launch line behind `pad`, in the pipeline and its state; their output, where there are any.
fn insert(pad: &gst::Pad, line: &str) -> Result<Option<gst::Pad>> {
    if line.is_empty() {
        return Ok(None);
    }
    let pipeline = pad.parent_element().and_then(|decoder| decoder.parent());
    let pipeline = pipeline.and_downcast::<gst::Bin>().context("the decoder is in a pipeline")?;
    let bin = gst::parse::bin_from_description(line, true)?;
    pipeline.add(&bin)?;
    bin.sync_state_with_parent()?;
    let end = |name: &str| bin.static_pad(name).with_context(|| format!("{line:?} has a pad {name}"));
    pad.link(&end("sink")?)?;
    Ok(Some(end("src")?))
}

/// Whether the tags say that the picture is to be turned or mirrored.
fn is_turned(pad: &gst::Pad) -> bool {
    let tags = (0..).map_while(|index| pad.sticky_event::<gst::event::Tag>(index));
    tags.filter_map(|event| event.tag().get::<gst::tags::ImageOrientation>().map(|tag| tag.get().to_owned()))
        .any(|orientation| orientation != "rotate-0")
}
