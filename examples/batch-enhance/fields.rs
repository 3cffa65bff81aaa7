// SPDX-License-Identifier: MIT OR Apache-2.0
//! What becomes of the two fields of interlaced pictures on the way to the encoder.

use gst_video::VideoBufferFlags;

use crate::cli::Deinterlace;

/// What is done with a stream's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Caps that the decoder's pictures get first, where they do not tell the order of the fields.
    pub ordered: Option<gst::Caps>,
    /// Whether each field becomes a picture of its own.
    pub split: bool,
    /// What the encoder is told of them instead of what the pictures' caps say.
    pub told: Option<gst::Caps>,
    /// What a user is to know about it.
    pub note: Option<&'static str>,
}

/// What is done with the fields of pictures of `caps`, the first of which has the `flags`; `encoder_tells` whether the
/// encoder's codec says which lines are of which field.
#[must_use]
pub fn plan(caps: &gst::CapsRef, flags: VideoBufferFlags, wish: Deinterlace, encoder_tells: bool) -> Fields {
    let mode = caps.structure(0).and_then(|media| media.get::<&str>("interlace-mode").ok());
    let mixed = mode == Some("mixed");
    if !mixed && mode != Some("interleaved") {
        return Fields::default();
    }
    if mixed && !flags.contains(VideoBufferFlags::INTERLACED) {
        // Film on video: the frames that are whole would suffer, and the others are for an inverse telecine.
        return Fields {
            told: Some(told("progressive", None)),
            note: Some("which frames are of two fields, beside others that are not (telecine)"),
            ..Fields::default()
        };
    }
    // Of mixed frames each one tells the order; the encoder takes it from the caps, and else for bottom first.
    let order = if flags.contains(VideoBufferFlags::TFF) { "top-field-first" } else { "bottom-field-first" };
    let ordered = mixed.then(|| told("interleaved", Some(order)));
    match wish {
        Deinterlace::On => split(ordered),
        Deinterlace::Auto if !encoder_tells => split(ordered),
        _ if encoder_tells => Fields { told: ordered, ..Fields::default() },
        _ => Fields {
            told: Some(told("progressive", None)),
            note: Some("which lines are of which field (interlaced)"),
            ..Fields::default()
        },
    }
}

fn split(ordered: Option<gst::Caps>) -> Fields {
    let note = Some("the fields (interlaced): each became a picture of its own");
    Fields { ordered, split: true, told: None, note }
}

fn told(mode: &str, order: Option<&str>) -> gst::Caps {
    let caps = gst::Caps::builder("video/x-raw").field("interlace-mode", mode);
    match order {
        Some(order) => caps.field("field-order", order).build(),
        None => caps.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERLEAVED: &str = "interlace-mode=interleaved,field-order=bottom-field-first";
    const MIXED: &str = "interlace-mode=mixed";

    fn of(caps: &str, flags: VideoBufferFlags, wish: Deinterlace, encoder_tells: bool) -> Fields {
        gst::init().unwrap();
        plan(&format!("video/x-raw,{caps}").parse::<gst::Caps>().unwrap(), flags, wish, encoder_tells)
    }

    #[test]
    fn fields_stay_where_the_codec_tells_their_order_and_become_pictures_where_it_does_not() {
        let none = VideoBufferFlags::empty();
        let [top, bottom] =
            [VideoBufferFlags::INTERLACED | VideoBufferFlags::TFF, VideoBufferFlags::INTERLACED];
        for wish in [Deinterlace::Auto, Deinterlace::On, Deinterlace::Off] {
            assert_eq!(of("interlace-mode=progressive", none, wish, true), Fields::default());
            assert_eq!(of("width=4", none, wish, false), Fields::default());
        }
        assert_eq!(of(INTERLEAVED, bottom, Deinterlace::Auto, true), Fields::default());
        assert!(of(INTERLEAVED, bottom, Deinterlace::Auto, false).split);
        assert!(of(INTERLEAVED, bottom, Deinterlace::On, true).split);
        let off = of(INTERLEAVED, bottom, Deinterlace::Off, false);
        assert!(!off.split && off.told == Some(told("progressive", None)) && off.note.is_some());
        for (flags, order) in [(top, "top-field-first"), (bottom, "bottom-field-first")] {
            let ordered = Some(told("interleaved", Some(order)));
            assert_eq!(
                of(MIXED, flags, Deinterlace::Auto, true),
                Fields { told: ordered.clone(), ..Fields::default() }
            );
            assert_eq!(of(MIXED, flags, Deinterlace::On, true).ordered, ordered);
        }
    }

    #[test]
    fn telecine_is_left_alone_whatever_is_wished() {
        for wish in [Deinterlace::Auto, Deinterlace::On, Deinterlace::Off] {
            let film = of(MIXED, VideoBufferFlags::TFF, wish, false);
            assert!(!film.split && film.ordered.is_none());
            assert_eq!(film.told, Some(told("progressive", None)));
        }
    }
}
