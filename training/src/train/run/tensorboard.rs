// SPDX-License-Identifier: MIT OR Apache-2.0
//! A TensorBoard event file: scalars and pictures by iteration.
//!
//! The format is TensorFlow's `event.proto` and `summary.proto` (the few fields that TensorBoard shows) in records of
//! `record_writer.h`: length, its checksum, the event, its checksum. Both come from crates that are kept (prost, crc32c):
//! those that wrap them (`tensorboard-rs` of 2022, `tfrecord` of 2023) bring 35 and 108 crates, an HTTP client among them,
//! and can only begin a file, not go on with one that was cut back.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use image::codecs::png::PngEncoder;
use image::{ImageError, RgbImage};
use prost::Message;

/// The name of a run's event file. TensorBoard takes every file with `tfevents` in its name.
pub const FILE_NAME: &str = "events.out.tfevents.idm";

/// An event file that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A picture that cannot be coded.
    #[error("cannot encode the picture {tag}: {source}")]
    Encode {
        /// The picture's tag.
        tag: String,
        /// The encoder's reason.
        source: ImageError,
    },
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    /// In the first event alone.
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<Image>,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// 3 for RGB.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

/// An event file that grows.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// Opens the file for more events, after cutting off those beyond `iterations` and a last one that a kill or a full
    /// disk left incomplete. A file of another kind, or none, becomes an empty one.
    ///
    /// # Errors
    /// [`EventsError::Io`].
    pub fn open(path: &Path, iterations: u64) -> Result<Self, EventsError> {
        let failed =
            |action| move |source: std::io::Error| EventsError::Io { action, path: path.to_owned(), source };
        let length = match std::fs::read(path) {
            Ok(bytes) => whole_length(&bytes, iterations),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(failed("read")(error)),
        };
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed("write"))?;
        file.set_len(length as u64).map_err(failed("write"))?;
        let mut events = Self { file, path: path.to_owned() };
        if length == 0 {
            let version = Event { file_version: Some("brain.Event:2".to_owned()), ..Event::default() };
            events.write(version)?;
        }
        Ok(events)
    }

    /// Writes some numbers of one iteration, each with its tag, as in `train/loss`.
    ///
    /// # Errors
    /// [`EventsError::Io`].
    pub fn scalars(&mut self, iteration: u64, scalars: &[(&str, f64)]) -> Result<(), EventsError> {
        let values = scalars.iter().map(|&(tag, value)| Value {
            tag: tag.to_owned(),
            simple_value: Some(value as f32),
            image: None,
        });
        self.summary(iteration, values.collect())
    }

    /// Writes a picture of one iteration.
    ///
    /// # Errors
    /// [`EventsError`].
    pub fn picture(&mut self, iteration: u64, tag: &str, picture: &RgbImage) -> Result<(), EventsError> {
        let mut png = Vec::new();
        picture
            .write_with_encoder(PngEncoder::new(&mut png))
            .map_err(|source| EventsError::Encode { tag: tag.to_owned(), source })?;
        let image = Image {
            height: picture.height() as i32,
            width: picture.width() as i32,
            colorspace: 3,
            encoded_image_string: png,
        };
        self.summary(iteration, vec![Value { tag: tag.to_owned(), simple_value: None, image: Some(image) }])
    }

    fn summary(&mut self, iteration: u64, values: Vec<Value>) -> Result<(), EventsError> {
        let summary = Some(Summary { values });
        self.write(Event { step: iteration as i64, summary, ..Event::default() })
    }

    fn write(&mut self, event: Event) -> Result<(), EventsError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let bytes = record(&Event { wall_time: now.as_secs_f64(), ..event }.encode_to_vec());
        self.file.write_all(&bytes).map_err(|source| EventsError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// Bytes of a record before and after the event: its length and the length's checksum, the event's checksum.
const HEAD: usize = 12;
const TAIL: usize = 4;

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEAD + event.len() + TAIL);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&masked_checksum(&length));
    bytes.extend_from_slice(event);
    bytes.extend_from_slice(&masked_checksum(event));
    bytes
}

/// CRC-32C, rotated and shifted as TensorFlow's `crc32c.h` does, so that checksums of checksums mean something.
fn masked_checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The length of the whole records of events up to `iterations` that `bytes` begins with.
fn whole_length(bytes: &[u8], iterations: u64) -> usize {
    let mut position = 0;
    while let Some((event, length)) = next_event(&bytes[position..])
        && event.step as u64 <= iterations
    {
        position += length;
    }
    position
}

/// The first event of `bytes` and the length of its record, when they are whole.
fn next_event(bytes: &[u8]) -> Option<(Event, usize)> {
    let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let end = HEAD.checked_add(usize::try_from(length).ok()?)?;
    let event = bytes.get(HEAD..end)?;
    let whole = bytes.get(8..HEAD)? == masked_checksum(&bytes[..8])
        && bytes.get(end..end.checked_add(TAIL)?)? == masked_checksum(event);
    Some((Event::decode(event).ok().filter(|_| whole)?, end + TAIL))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32C bit by bit from its definition (RFC 3720, appendix B.4), as the crate's is by tables and instructions.
    fn crc32c_by_bits(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            }
        }
        !crc
    }

    /// The record of TensorFlow's version event, as a run of its own writer begins (24 bytes of payload), but for the time.
    #[test]
    fn a_record_is_framed_as_tensorflow_does() {
        assert_eq!(crc32c_by_bits(b"123456789"), 0xe306_9283, "the check value of RFC 3720");
        let event = Event { file_version: Some("brain.Event:2".to_owned()), ..Event::default() };
        let payload = event.encode_to_vec();
        assert_eq!(payload, b"\x1a\x0dbrain.Event:2");
        let bytes = record(&payload);
        assert_eq!(bytes[..8], 15_u64.to_le_bytes());
        let masked =
            |bytes: &[u8]| crc32c_by_bits(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
        assert_eq!(bytes[8..12], masked(&15_u64.to_le_bytes()));
        assert_eq!(bytes[27..], masked(&payload));
    }

    #[test]
    fn events_beyond_an_iteration_and_torn_ones_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let steps = || {
            let bytes = std::fs::read(&path).unwrap();
            let (mut position, mut steps) = (0, Vec::new());
            while let Some((event, length)) = next_event(&bytes[position..]) {
                steps.push(event.step);
                position += length;
            }
            assert_eq!(position, bytes.len());
            steps
        };
        let mut events = EventFile::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            events.scalars(step, &[("train/loss", 0.5), ("train/rate", 1.0)]).unwrap();
        }
        events.picture(30, "faces", &RgbImage::new(4, 2)).unwrap();
        assert_eq!(steps(), [0, 10, 20, 30, 30]);
        EventFile::open(&path, 25).unwrap().scalars(30, &[("train/loss", 0.25)]).unwrap();
        assert_eq!(steps(), [0, 10, 20, 30]);

        let whole = std::fs::read(&path).unwrap();
        for cut in [1, 5, 30] {
            std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            EventFile::open(&path, u64::MAX).unwrap();
            assert_eq!(steps(), [0, 10, 20], "{cut} bytes cut off");
        }
        std::fs::write(&path, b"something else").unwrap();
        EventFile::open(&path, u64::MAX).unwrap();
        assert_eq!(steps(), [0]);
    }
}
