// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file holds beside the samples of its streams: tags, covers, attached files, chapters, which streams play by default,
//! and what its demuxer does not tell; and what of it another file lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use gst::prelude::*;

use crate::container::Container;
use crate::source::{self, Stream};
use crate::{boxes, ebml};

/// Tags that tell how a file was made or how it is to be decoded: they change with the encoder and are no loss. The rotation
/// is in the pictures when they are written.
const TECHNICAL: [&str; 16] = [
    "application-name",
    "audio-codec",
    "bitrate",
    "codec",
    "container-format",
    "container-specific-track-id",
    "duration",
    "encoder",
    "encoder-version",
    "has-crc",
    "image-orientation",
    "maximum-bitrate",
    "minimum-bitrate",
    "nominal-bitrate",
    "subtitle-codec",
    "video-codec",
];
/// Tags that hold a cover.
const COVERS: [&str; 2] = ["image", "preview-image"];
/// How much of a tag's value a message shows.
const SHOWN: usize = 60;

/// What a file holds beside the samples of its streams.
#[derive(Debug, Default)]
pub struct Inventory {
    tags: BTreeMap<String, BTreeSet<String>>,
    chapters: usize,
    /// Of each kind of stream, in order, whether it plays by default.
    defaults: BTreeMap<String, Vec<bool>>,
    /// What the demuxer does not tell.
    hidden: BTreeSet<String>,
}

impl Inventory {
    /// What the demuxer has told of a file at its `pads`, and what it has not.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn of(file: &Path, container: &Container, pads: &[gst::Pad]) -> Result<Self> {
        let mut file = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        let hidden = match container.demuxer {
            "qtdemux" => boxes::hidden(&mut file),
            "matroskademux" => ebml::hidden(&mut file),
            _ => BTreeSet::new(),
        };
        Ok(Self { hidden, ..Self::told(pads) })
    }

    fn told(pads: &[gst::Pad]) -> Self {
        let mut inventory = Self::default();
        pads.iter().for_each(|pad| inventory.add(pad));
        inventory
    }

    /// What a demuxer tells of a whole file.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub fn of_file(file: &Path) -> Result<Self> {
        let container = Container::of(file)?;
        let pipeline = gst::Pipeline::new();
        let read = source::open(&pipeline, file, &container).and_then(|mut streams| {
            let pads: Vec<gst::Pad> = streams.iter().map(|stream| stream.source.clone()).collect();
            drain(&pipeline, &mut streams)?;
            Self::of(file, &container, &pads)
        });
        pipeline.set_state(gst::State::Null)?;
        read
    }

    /// What of this `kept` lacks.
    #[must_use]
    pub fn lost_in(&self, kept: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for (name, values) in &self.tags {
            let there = |value: &String| kept.tags.get(name).is_some_and(|values| values.contains(value));
            lost.extend(values.iter().filter(|value| !there(value)).map(|value| described(name, value)));
        }
        lost.extend(self.hidden.difference(&kept.hidden).cloned());
        if self.chapters > kept.chapters {
            lost.push(format!("{} of {} chapters", self.chapters - kept.chapters, self.chapters));
        }
        for (kind, defaults) in &self.defaults {
            let after = kept.defaults.get(kind).into_iter().flatten();
            for (number, (before, after)) in defaults.iter().zip(after).enumerate() {
                if before != after {
                    let number = number + 1;
                    lost.push(format!(
                        "whether stream {number} of {kind} plays by default: it did{}, it does{} now",
                        not(*before),
                        not(*after)
                    ));
                }
            }
        }
        lost
    }

    fn add(&mut self, pad: &gst::Pad) {
        let tags = (0..).map_while(|index| pad.sticky_event::<gst::event::Tag>(index));
        tags.for_each(|event| self.add_tags(event.tag()));
        let tables = (0..).map_while(|index| pad.sticky_event::<gst::event::Toc>(index));
        // Each stream has the table of the whole file.
        self.chapters =
            tables.map(|event| chapters(&event.toc().0.entries())).fold(self.chapters, usize::max);
        let (Some(start), Some(caps)) = (pad.sticky_event::<gst::event::StreamStart>(0), pad.current_caps())
        else {
            return;
        };
        let media_type = caps.structure(0).map(|media| media.name().as_str()).unwrap_or_default();
        // "audio" of "audio/mpeg"; subtitles are "text", "application" or "subpicture".
        let kind = media_type.split('/').next().unwrap_or_default().to_owned();
        let plays = start.stream_flags().contains(gst::StreamFlags::SELECT);
        self.defaults.entry(kind).or_default().push(plays);
    }

    fn add_tags(&mut self, tags: &gst::TagListRef) {
        for (name, values) in tags.iter_generic() {
            let name = if COVERS.contains(&name.as_str()) { COVERS[0] } else { name.as_str() };
            if !TECHNICAL.contains(&name) {
                self.tags.entry(name.to_owned()).or_default().extend(values.map(|value| text(value)));
            }
        }
    }
}

/// Plays the streams into nothing, to the end.
fn drain(pipeline: &gst::Pipeline, streams: &mut [Stream]) -> Result<()> {
    for stream in streams.iter() {
        source::add_drain(pipeline, &stream.pad)?;
    }
    pipeline.set_state(gst::State::Playing)?;
    streams.iter_mut().for_each(Stream::release);
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(None, &ends).context("the bus was closed")?;
    if let gst::MessageView::Error(error) = message.view() {
        bail!(crate::errors::text(error));
    }
    Ok(())
}

/// How many chapters there are among `entries` and below them.
fn chapters(entries: &[gst::TocEntry]) -> usize {
    let count = |entry: &gst::TocEntry| {
        usize::from(entry.entry_type() == gst::TocEntryType::Chapter) + chapters(&entry.sub_entries())
    };
    entries.iter().map(count).sum()
}

/// The value of a tag; of a file, its name, or else its kind and size.
fn text(value: &gst::glib::Value) -> String {
    if let Ok(text) = value.get::<String>() {
        return text;
    }
    let Ok(sample) = value.get::<gst::Sample>() else {
        return value.serialize().map(|text| text.to_string()).unwrap_or_default();
    };
    let name = sample.info().and_then(|info| info.get::<String>("filename").ok());
    let kind = sample.caps().and_then(|caps| caps.structure(0)).map(|media| media.name().to_string());
    let size = sample.buffer().map_or(0, |buffer| buffer.size());
    name.unwrap_or_else(|| format!("{}, {size} bytes", kind.unwrap_or_default()))
}

fn described(tag: &str, value: &str) -> String {
    let shown: String = value.chars().take(SHOWN).collect();
    match tag {
        "attachment" => format!("the attached file {shown}"),
        "image" => format!("the cover ({shown})"),
        _ => format!("the tag {tag} ({shown})"),
    }
}

fn not(is: bool) -> &'static str {
    if is { "" } else { " not" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pad of a demuxer that has told these tags, and that its stream plays by default or not.
    fn pad(tags: &gst::TagList, plays: bool) -> gst::Pad {
        let pad = gst::Pad::builder(gst::PadDirection::Src).build();
        pad.set_active(true).unwrap();
        let flags = if plays { gst::StreamFlags::SELECT } else { gst::StreamFlags::empty() };
        let caps = gst::Caps::builder("audio/mpeg").build();
        let start = gst::event::StreamStart::builder("test").flags(flags).build();
        pad.store_sticky_event(&start).unwrap();
        pad.store_sticky_event(&gst::event::Caps::new(&caps)).unwrap();
        pad.store_sticky_event(&gst::event::Tag::new(tags.clone())).unwrap();
        pad
    }

    #[test]
    fn tags_files_and_defaults_that_are_gone_are_named() {
        gst::init().unwrap();
        let file = gst::Sample::builder()
            .buffer(&gst::Buffer::from_slice([0u8; 7]))
            .caps(&gst::Caps::builder("application/x-font-ttf").build())
            .info(gst::Structure::builder("Attachment").field("filename", "Sans.ttf").build())
            .build();
        let mut tags = gst::TagList::new();
        let list = tags.get_mut().unwrap();
        list.add::<gst::tags::Title>(&"A film", gst::TagMergeMode::Append);
        list.add::<gst::tags::Encoder>(&"another", gst::TagMergeMode::Append);
        list.add::<gst::tags::Attachment>(&file, gst::TagMergeMode::Append);
        let held = Inventory::told(&[pad(&tags, false)]);
        assert_eq!(held.lost_in(&held), [""; 0]);
        let kept = Inventory::told(&[pad(&gst::TagList::new(), true)]);
        assert_eq!(
            held.lost_in(&kept),
            [
                "the attached file Sans.ttf",
                "the tag title (A film)",
                "whether stream 1 of audio plays by default: it did not, it does now"
            ]
        );
    }

    #[test]
    fn chapters_count_in_editions_too() {
        gst::init().unwrap();
        let mut edition = gst::TocEntry::new(gst::TocEntryType::Edition, "edition");
        let editable = edition.get_mut().unwrap();
        editable.append_sub_entry(gst::TocEntry::new(gst::TocEntryType::Chapter, "one"));
        editable.append_sub_entry(gst::TocEntry::new(gst::TocEntryType::Chapter, "two"));
        assert_eq!(chapters(&[edition]), 2);
    }
}
