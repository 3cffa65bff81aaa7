// SPDX-License-Identifier: MIT OR Apache-2.0
//! The time of capture that each frame carries: stamped on at the source, read where the frame is shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use gst::prelude::*;

/// The RTP header extension that carries the time, as the caps of RTP name it: 64-bit NTP time (RFC 6051).
pub const EXTENSION: &str = "extmap-1=(string)urn:ietf:params:rtp-hdrext:ntp-64";

/// From NTP's epoch, 1900, to Unix's.
const NTP_TO_UNIX: Duration = Duration::from_secs(2_208_988_800);

/// Stamps the frames that leave `source` with the time of their capture: now, less the time since their timestamp where
/// the source is a camera, which timestamps a frame when it was taken.
///
/// # Errors
/// When the element has no output.
pub fn stamp(source: &gst::Element, is_camera: bool) -> Result<()> {
    let caps = reference();
    let element = source.downgrade();
    let pad = source.static_pad("src").context("a source has an output")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &mut probe.data {
            let now = element.upgrade().and_then(|element| element.current_running_time());
            let age =
                now.zip(buffer.pts()).and_then(|(now, taken)| now.checked_sub(taken)).filter(|_| is_camera);
            let captured = ntp_now().saturating_sub(age.unwrap_or_default());
            gst::ReferenceTimestampMeta::add(buffer.make_mut(), &caps, captured, gst::ClockTime::NONE);
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// How long ago the frame was captured, by its stamp; None if it has none.
pub fn age(buffer: &gst::BufferRef) -> Option<Duration> {
    let caps = reference();
    let stamp =
        buffer.iter_meta::<gst::ReferenceTimestampMeta>().find(|meta| meta.reference().is_subset(&caps))?;
    ntp_now().checked_sub(stamp.timestamp()).map(Into::into)
}

/// The stamps of the frames that have arrived. GStreamer 1.22's depayloader of H.264 drops the header extension, whose packet
/// precedes the picture's, so it is read before, and found again by the frame's timestamp.
#[derive(Debug, Clone, Default)]
pub struct Arrivals(Arc<Mutex<BTreeMap<gst::ClockTime, gst::ClockTime>>>);

impl Arrivals {
    /// Reads the packets that reach `depayloader`.
    ///
    /// # Errors
    /// When the element has no input.
    pub fn read(&self, depayloader: &gst::Element) -> Result<()> {
        let stamps = self.0.clone();
        let pad = depayloader.static_pad("sink").context("a depayloader has an input")?;
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
            if let Some(gst::PadProbeData::Buffer(packet)) = &probe.data {
                let stamp = packet.map_readable().ok().and_then(|packet| extension(&packet));
                stamps.lock().unwrap().extend(packet.pts().zip(stamp));
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// How long ago the frame was captured; the stamps of earlier frames are forgotten.
    pub fn age(&self, frame: &gst::BufferRef) -> Option<Duration> {
        let pts = frame.pts()?;
        let mut stamps = self.0.lock().unwrap();
        let captured = stamps.remove(&pts)?;
        *stamps = stamps.split_off(&pts);
        ntp_now().checked_sub(captured).map(Into::into)
    }
}

/// The NTP time in a packet of RTP (RFC 3550, one-byte header extension of RFC 8285 with id 1).
fn extension(packet: &[u8]) -> Option<gst::ClockTime> {
    let has_extension = packet.first()? & 0x10 != 0;
    let start = 12 + 4 * usize::from(packet[0] & 0x0f);
    let [0xbe, 0xde, _, _, 0x17, stamp @ ..] = packet.get(start..).filter(|_| has_extension)? else {
        return None;
    };
    let fixed_point = u64::from_be_bytes(stamp.get(..8)?.try_into().ok()?);
    // 32 bits of seconds, 32 of their fraction.
    Some(gst::ClockTime::from_nseconds(((u128::from(fixed_point) * 1_000_000_000) >> 32) as u64))
}

fn reference() -> gst::Caps {
    gst::Caps::new_empty_simple("timestamp/x-ntp")
}

fn ntp_now() -> gst::ClockTime {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    gst::ClockTime::try_from(unix + NTP_TO_UNIX).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_read_and_packets_without_it_are_left_alone() {
        // Two seconds and a half, as rtph264pay writes it.
        let packet = [
            &[0x90, 0x60, 0x77, 0xa0, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 3, 0x17][..],
            &[0, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0x09, 0x10][..],
        ]
        .concat();
        assert_eq!(extension(&packet), Some(gst::ClockTime::from_mseconds(2500)));
        let plain = [&[0x80][..], &packet[1..]].concat();
        assert_eq!(extension(&plain), None);
        for length in 0..packet.len() - 5 {
            assert_eq!(extension(&packet[..length]), None);
        }
    }
}
